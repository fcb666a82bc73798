"""The training loop of every method: a recipe says how, and everything random follows from (seed, step).

So a run needs no random state to be resumed, and on a CPU a resumed run equals an unbroken one bit for bit.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bench.common.errors import UserError
from bench.common.keys import stream_seed
from bench.common.memory import keep_freed_memory
from bench.datasets.base import Dataset
from bench.synthesis.batches import Batch, collate, stream
from bench.synthesis.devices import seed_generators
from bench.training.batches import ShuffledBatches
from bench.training.distributed import ALONE, Ranks, synchronise
from bench.training.run_folder import differences, read_run, write_rows, write_run
from bench.training.snapshots import write_grid
from bench.weights.tensors import read_checkpoint, write_checkpoint
from models.base import Layout, Method
from models.parts.spectral import Spectral
from models.training.game import Game, Player
from models.training.initial_weights import initialise
from models.training.schedule import Schedule
from models.training.vgg19 import Vgg19

# Batches that an averaged network's norms see in training mode at the end of an epoch (OASIS's code).
_REFRESHING_BATCHES = 51

Precision = Literal["float32", "bfloat16"]
Report = Callable[[int, dict[str, float]], None]  # (step, losses of the step)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What a run needs besides method, recipe and data."""

    folder: Path
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: Precision = "float32"
    bank: str | None = None  # hash of the training photos that the method draws from
    num_workers: int = 0  # processes that read items ahead
    accumulate: int = 1  # parts that this process takes a batch in, to save memory
    ranks: Ranks = ALONE
    command: Mapping[str, Any] = field(default_factory=dict)  # the options to start the run again
    save_every: int = 1  # epochs between checkpoints
    log_every: int = 50
    grid_every: int = 500


class Trainer:
    """The state of one run: networks, perhaps their average, two optimizers and the number of finished steps."""

    def __init__(
        self,
        method: Method[Any],
        recipe: Schedule,
        dataset: Dataset,
        options: TrainingOptions,
        perceptual: Vgg19 | None = None,
    ) -> None:
        keep_freed_memory()
        self.recipe, self.dataset, self.options = recipe, dataset, options
        sample = collate([dataset[0]], dataset.num_classes)
        self.objective: Game = recipe.objective(method, method.planes(sample.layout).shape[1])
        initialise(self.objective, recipe.init_gain, stream(options.seed, "weights"))
        self.trained = nn.ModuleDict({"method": method, "discriminator": self.objective.discriminator})
        self.objective.perceptual = perceptual
        self._share = options.ranks.share(recipe.batch)
        options.ranks.check_parts(recipe.batch, options.accumulate)
        self.objective.parts = options.ranks.world * options.accumulate
        if options.ranks.world > 1:
            synchronise(self.objective)
        self.objective.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.adam_g = torch.optim.Adam(
            method.parameters(), recipe.lr_generator, recipe.betas, weight_decay=recipe.weight_decay
        )
        opponent = {"params": list(self.objective.discriminator.parameters())}  # none, where there is no adversary
        self.adam_d = torch.optim.Adam(
            [opponent], recipe.lr_discriminator, recipe.betas, weight_decay=recipe.weight_decay
        )
        self.average = copy.deepcopy(method).requires_grad_(False).eval() if recipe.average is not None else None
        self._spectral = [module for module in self.objective.modules() if isinstance(module, Spectral)]
        self.step = 0
        self._log: list[dict[str, float]] = []

    @property
    def result(self) -> Method[Any]:
        """The method as it shall be used: averaged, where the recipe says so."""
        return self.objective.method if self.average is None else self.average

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch; an incomplete last batch is dropped."""
        images = min(len(self.dataset), self.recipe.epoch_images or len(self.dataset))
        if images < self.recipe.batch:
            raise UserError(
                f"{self.dataset.name} has {images} training items, fewer than one batch of {self.recipe.batch}; "
                "give a smaller --batch-size."
            )
        return images // self.recipe.batch

    @property
    def total_steps(self) -> int:
        """Length of the whole run."""
        return self.steps_per_epoch * (self.recipe.epochs + self.recipe.decay_epochs)

    def batches(self) -> Iterator[Batch]:
        """The batches from the current step on."""
        shuffled = ShuffledBatches(
            dataset=self.dataset,
            size=self.recipe.batch,
            per_epoch=self.steps_per_epoch,
            seed=self.options.seed,
            flip=self.recipe.flip,
            crop=self.recipe.crop,
            workers=self.options.num_workers,
            share=self._share,
        )
        with closing(shuffled.of_steps(range(self.step, self.total_steps))) as batches:
            for batch in batches:
                yield batch.to(self.options.device)

    def train(self, report: Report, after_epoch: Callable[[], None] = lambda: None) -> None:
        """Run to the end, saving after epochs; `after_epoch` is called when that is done."""
        self.objective.train()
        leads = self.options.ranks.leads
        if leads:
            write_run(self.options.folder, self.description(), self.options.command)
        for batch in self.batches():
            losses = self.train_step(batch)
            self._refuse_infinite(losses)
            self.step += 1
            report(self.step, losses)
            if self.step % self.options.log_every == 0:
                self._log.append({"step": self.step, **losses})
            if leads and self.step % self.options.grid_every == 0:
                path = self.options.folder / "grids" / f"{self.step:07d}.png"
                write_grid(path, self.result, self.dataset, self.options.device)
            if self.step % (self.steps_per_epoch * self.options.save_every) == 0 or self.step == self.total_steps:
                self._refresh_norms()
                self.save()
                if leads:
                    after_epoch()

    def _refuse_infinite(self, losses: dict[str, float]) -> None:
        if bad := [name for name, value in losses.items() if not math.isfinite(value)]:
            kept = self.options.folder / "last.pt"
            raise UserError(
                f"Step {self.step + 1}: the loss {bad[0]} is not finite; try lower learning rates. "
                + (f"The last good checkpoint is {kept}." if kept.exists() else "There is no checkpoint yet.")
            )

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Update generator and encoder, and the discriminator, in the order of their game.

        Every part of the batch gives its share of the gradients before a player moves, so parts and processes change
        nothing but what looks at a batch: batch norm in parts, and dropout.
        """
        factor = self.recipe.rate_at(self.step, self.steps_per_epoch)
        for adam, rate in ((self.adam_g, self.recipe.lr_generator), (self.adam_d, self.recipe.lr_discriminator)):
            adam.param_groups[0]["lr"] = rate * factor
        self.objective.prepare(batch.layout, self.options.ranks.total)
        size = len(batch.layout) // self.options.accumulate
        parts = [slice(start, start + size) for start in range(0, len(batch.layout), size)]
        remembered: list[dict[str, Any]] = [{} for _ in parts]  # what the last player's turn left of each part
        losses: dict[str, Tensor] = {}
        for player in self.objective.order:
            adam = self.adam_g if player == "G" else self.adam_d
            adam.zero_grad(set_to_none=True)
            vectors = [(layer, layer.weight_u, layer.weight_v) for layer in self._spectral]
            for place, part in enumerate(parts):
                for layer, left, right in vectors:  # a power iteration per turn, not per part
                    layer.weight_u, layer.weight_v = left, right
                self.objective.__dict__.update(remembered[place])
                terms = self._part_of_turn(player, batch, part)
                remembered[place] = dict(vars(self.objective)) if len(parts) > 1 else {}
                for name, value in terms.items():
                    losses[name] = losses.get(name, 0) + value / len(parts)
            self.options.ranks.average_gradients(adam.param_groups[0]["params"])
            adam.step()
        self._follow()
        means = self.options.ranks.mean(torch.stack([value.float() for value in losses.values()]))
        return dict(zip(losses, means.tolist(), strict=True))  # a GPU is waited for once

    def _part_of_turn(self, player: Player, batch: Batch, part: slice) -> dict[str, Tensor]:
        """Add a part's share to the gradients of a player, and return its terms."""
        layout, first = batch.layout[part], self._share.start + part.start
        with self._seeded_layers(player, first), self._autocast():
            terms = self.objective.losses(player, batch.images[part], layout, self._noise(layout, player, first))
        total = torch.stack(list(terms.values())).sum()
        (total / self.options.accumulate).backward()  # type: ignore[no-untyped-call]
        return {name: value.detach() for name, value in terms.items()}

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the trained weights, statistics of norms and singular vectors included."""
        if self.average is None or self.recipe.average is None:
            return
        trained = self.objective.method.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(trained[name], 1 - self.recipe.average)
            else:
                value.copy_(trained[name])

    @torch.no_grad()
    def _refresh_norms(self) -> None:
        """Let the averaged network's norms measure its own features anew: their averaged statistics lag behind."""
        if self.average is None:
            return
        self.average.train()
        for number in range(_REFRESHING_BATCHES):
            name = (self.options.seed, "refresh", self.step, number)
            drawn = torch.randint(len(self.dataset), (self.recipe.batch,), generator=stream(*name)).tolist()
            chosen = drawn[self._share]
            layout = collate([self.dataset[i] for i in chosen], self.dataset.num_classes).layout
            rngs = [stream(*name, n) for n in range(self._share.start, self._share.stop)]
            layout = layout.to(self.options.device)
            with self._autocast():
                self.average.synthesize(layout, self.average.sample_style(layout, rngs))
        self.average.eval()

    @contextmanager
    def _seeded_layers(self, player: Player, first: int) -> Iterator[None]:
        """A block in which dropout follows from (seed, step), too, though it draws from torch's own generators."""
        device = self.options.device
        self.objective.shared = stream(self.options.seed, "shared", self.step, player)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            seed_generators(device, stream_seed(self.options.seed, "layers", self.step, player, first))
            yield

    def _noise(self, layout: Layout, player: Player, first: int) -> object:
        rngs = [stream(self.options.seed, "noise", self.step, player, first + n) for n in range(len(layout))]
        return self.objective.method.sample_style(layout, rngs)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.options.precision == "float32":
            return nullcontext()
        return torch.autocast(self.options.device.type, torch.bfloat16)

    def save(self) -> None:
        """Write the checkpoint, then the log up to it."""
        if not self.options.ranks.leads:
            return
        state = {
            "step": self.step,
            "networks": self.trained.state_dict(),
            "adam_g": self.adam_g.state_dict(),
            "adam_d": self.adam_d.state_dict(),
            "average": {} if self.average is None else self.average.state_dict(),
            "log": self._log,
        }
        write_checkpoint(self.options.folder / "last.pt", state)
        write_rows(self.options.folder / "losses.csv", self._log)

    def resume(self) -> None:
        """Continue from the folder's last checkpoint."""
        path = self.options.folder / "last.pt"
        if changed := differences(self.description(), read_run(self.options.folder)[0]):
            raise UserError(
                f"{path} belongs to a run with other settings ({', '.join(changed)}); repeat its command "
                f"(see {self.options.folder / 'run.json'}) or start in another folder."
            )
        state = read_checkpoint(path)
        self.trained.load_state_dict(state["networks"])
        self.adam_g.load_state_dict(state["adam_g"])
        self.adam_d.load_state_dict(state["adam_d"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.step, self._log = state["step"], state["log"]

    def description(self) -> dict[str, Any]:
        """Everything that decides the result, as run.json holds it."""
        described = {
            "dataset": self.dataset.name,
            "data": self.dataset.fingerprint(),
            "method": type(self.objective.method).__name__,
            "config": asdict(self.objective.method.config),
            "recipe": asdict(self.recipe),
            "perceptual": self.objective.perceptual is not None,
            "seed": self.options.seed,
            "precision": self.options.precision,
            **({"bank": self.options.bank} if self.options.bank else {}),
            **({"accumulate": self.options.accumulate} if self.options.accumulate > 1 else {}),
        }
        result: dict[str, Any] = json.loads(json.dumps(described))
        return result
