"""The training of a segmenter on photos and label maps of a data set, for data whose segmenter was never released.

The network is the parsing UNet, the recipe that of CelebAMask-HQ's face parser. Everything random follows from
(seed, step), so that a resumed run equals an unbroken one.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.common.errors import UserError
from bench.common.files import sha256_of, write_text
from bench.common.keys import stream_seed
from bench.common.workers import done_ahead
from bench.datasets.base import Dataset
from bench.evaluation.confusion import Matrices, scored_as, scored_names
from bench.synthesis.batches import collate
from bench.training.batches import ShuffledBatches
from bench.weights.tensors import read_checkpoint, write_checkpoint, write_weights
from metrics.segmentation import confusion
from segmenters.parsing_unet import MULTIPLE, ParsingUNet

Report = Callable[[int, float], None]  # (step, loss)


@dataclass(frozen=True)
class SegmenterRecipe:
    """How the network is trained: by Adam at a constant rate, on cross entropy in which all classes count the same."""

    rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    batch: int = 8
    flip: bool = True  # not where classes tell left from right


@dataclass(kw_only=True)
class SegmenterTraining:
    """One run: the network, its optimizer and the number of finished steps."""

    dataset: Dataset
    recipe: SegmenterRecipe
    folder: Path  # gets <data set>_unet.safetensors, its record, and the checkpoint
    seed: int
    device: torch.device
    workers: int = 0
    step: int = 0
    seconds: float = 0.0  # of earlier sittings
    network: ParsingUNet = field(init=False)
    adam: torch.optim.Adam = field(init=False)

    def __post_init__(self) -> None:
        if self.dataset.size[0] % MULTIPLE or self.dataset.size[1] % MULTIPLE:
            raise UserError(
                f"{self.dataset.name} is {self.dataset.size}; the UNet needs sides divisible by {MULTIPLE}."
            )
        with torch.random.fork_rng([]):
            torch.manual_seed(stream_seed(self.seed, "segmenter"))
            network = ParsingUNet(len(scored_names(self.dataset.spec)))
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.adam = torch.optim.Adam(self.network.parameters(), self.recipe.rate, self.recipe.betas)
        self._rows = torch.tensor(scored_as(self.dataset.spec), device=self.device)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch; an incomplete last one is dropped."""
        if len(self.dataset) < self.recipe.batch:
            raise UserError(
                f"{self.dataset.name} has {len(self.dataset)} training items, fewer than one batch of "
                f"{self.recipe.batch}; give a smaller --batch-size."
            )
        return len(self.dataset) // self.recipe.batch

    @property
    def path(self) -> Path:
        """The file of the finished weights."""
        return self.folder / f"{self.dataset.name}_unet.safetensors"

    @property
    def checkpoint(self) -> Path:
        """The file from which a stopped run goes on."""
        return self.path.with_suffix(".last.pt")

    def train(self, steps: int, report: Report) -> None:
        """Run up to a number of steps, saving after every epoch."""
        start, before = time.monotonic(), self.seconds
        shuffled = ShuffledBatches(
            dataset=self.dataset,
            size=self.recipe.batch,
            per_epoch=self.steps_per_epoch,
            seed=self.seed,
            flip=self.recipe.flip,
            workers=self.workers,
        )
        self.network.train()
        with closing(shuffled.of_steps(range(self.step, steps))) as batches:
            for batch in batches:
                report(self.step + 1, self._train_step(batch.images, batch.layout.labels))
                self.step += 1
                if self.step % shuffled.per_epoch == 0 or self.step == steps:
                    self.seconds = before + time.monotonic() - start
                    self._save()

    def _train_step(self, images: Tensor, labels: Tensor) -> float:
        scores = self.network.logits(images.to(self.device, memory_format=torch.channels_last))
        loss = F.cross_entropy(scores, self._rows[labels.to(self.device)], ignore_index=-1)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UserError(
                f"Step {self.step + 1}: the loss is not finite, so training on {self.dataset.name} stopped."
            )
        self.adam.zero_grad()
        torch.autograd.backward(loss)
        self.adam.step()
        return value

    @cached_property
    def description(self) -> dict[str, Any]:
        """Everything that decides the weights but the number of steps."""
        described = {
            "dataset": self.dataset.name,
            "data": self.dataset.fingerprint(),
            "classes": scored_names(self.dataset.spec),
            "recipe": asdict(self.recipe),
            "seed": self.seed,
        }
        result: dict[str, Any] = json.loads(json.dumps(described))
        return result

    def _save(self) -> None:
        state = {
            "description": json.dumps(self.description),
            "step": self.step,
            "seconds": self.seconds,
            "networks": self.network.state_dict(),
            "adam": self.adam.state_dict(),
        }
        write_checkpoint(self.checkpoint, state)

    def resume(self) -> None:
        """Continue from the checkpoint."""
        state = read_checkpoint(self.checkpoint)
        now, then = self.description, json.loads(state.get("description", "{}"))
        if changed := sorted(key for key in now if now[key] != then.get(key)):
            raise UserError(
                f"{self.checkpoint} belongs to a run with another {', '.join(changed)}; repeat its options, or start "
                "in another folder with --out."
            )
        self.network.load_state_dict(state["networks"])
        self.adam.load_state_dict(state["adam"])
        self.step, self.seconds = state["step"], state["seconds"]

    def finish(self, held_out: Dataset, command: str, advance: Callable[[int], None]) -> dict[str, Any]:
        """Write the weights, and beside them what made them and how well they read photos they have not seen."""
        scores = evaluate(self.network.eval(), held_out, self.device, self.workers, advance)
        write_weights(self.path, self.network, {"made by": command})
        record = {
            **self.description,
            "command": command,
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "threads": torch.get_num_threads(),
            "device": str(self.device),
            "machine": platform.processor() or platform.machine(),
            "torch": torch.__version__,
            "sha256": sha256_of(self.path),
            "scores": {"split": held_out.split, "data": held_out.fingerprint(), **scores},
        }
        write_text(self.path.with_suffix(".json"), json.dumps(record, indent=2, sort_keys=True) + "\n")
        return record


@torch.inference_mode()
def evaluate(
    network: ParsingUNet, dataset: Dataset, device: torch.device, workers: int, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Accuracy, mean IoU and the IoU of every class on all photos of a split, in percent."""
    names = scored_names(dataset.spec)
    rows = torch.tensor(scored_as(dataset.spec))
    counts = torch.zeros(len(names), len(names), dtype=torch.int64)
    void = 0
    with closing(done_ahead(map(dataset.loader, range(len(dataset))), workers)) as reading:
        while items := list(islice(reading, 16)):
            batch = collate(items, dataset.num_classes)
            predicted = network(batch.images.to(device, memory_format=torch.channels_last), dataset.size).cpu()
            found = confusion(rows[batch.layout.labels], predicted, len(names))
            counts += found
            void += predicted.numel() - int(found.sum())
            advance(len(items))
    matrices = Matrices(counts[None], torch.tensor([void]))
    (numbers,), (ious,) = matrices.scores(), matrices.ious()
    per_class = {name: None if iou is None else round(iou, 2) for name, iou in zip(names, ious, strict=True)}
    miou, accuracy = numbers["miou_nan_union"], numbers["acc_valid"]
    return {"items": len(dataset), "miou": round(miou, 2), "accuracy": round(accuracy, 2), "iou": per_class}
