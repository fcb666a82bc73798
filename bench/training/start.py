"""The start of a training, from what a user asks for to a trainer that is ready to run; and what is left at its end."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from bench.common.catalog import resolve, title_of
from bench.common.errors import UserError
from bench.common.files import sha256_of, write_text
from bench.datasets.base import Dataset, DatasetSpec
from bench.datasets.find import find_training_data
from bench.results.records import Preset
from bench.synthesis.methods import find_bank, open_bank
from bench.synthesis.sizes import config_for, default_preset, size_of
from bench.training.distributed import ALONE, Ranks
from bench.training.run_folder import differences, read_options, read_run
from bench.training.trainer import Precision, Trainer, TrainingOptions
from bench.weights.known import verified
from bench.weights.tensors import load_into, read_weights, write_weights
from models import METHODS
from models.base import MethodSpec
from models.training.recipe import Recipe
from models.training.schedule import Schedule
from models.training.vgg19 import Vgg19

CPU = torch.device("cpu")
_PATHS = ("data_root", "weights_root")
_OF_ONE_CALL = ("out", "resume", "rerun")  # they do not describe the run, so that run.json lacks them


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """A training as a user asks for it; its fields are called as in run.json and as the options of `bench train`."""

    name: str  # of the method
    dataset: str
    preset: Preset | None = None  # None: that of the data set
    data_root: Path | None = None
    weights_root: Path = Path("weights")
    seed: int = 0
    epochs: int | None = None  # None, here and in the next two: the recipe's
    decay_epochs: int | None = None
    batch_size: int | None = None
    no_perceptual: bool = False
    precision: Precision = "float32"
    accumulate: int = 1
    device: str = "auto"
    num_workers: int = 0
    save_every: int = 1

    eval_every: int | None = None  # None: nothing is evaluated
    eval_metrics: tuple[str, ...] = ()  # none: the quality metrics of the data set
    eval_limit: int | None = None
    best: str | None = None
    tensorboard: bool = False

    out: Path | None = None
    resume: bool = False  # go on from the checkpoint in the run folder
    rerun: Path | None = None  # the folder of a run that this one must repeat exactly

    def stored(self) -> dict[str, Any]:
        """The request in the form that run.json has."""
        kept = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _OF_ONE_CALL}
        return {name: str(value) if isinstance(value, Path) else value for name, value in kept.items()}

    def folder(self, dataset: str) -> Path:
        """The run folder; the data set's own name is part of the default."""
        if self.out is not None:
            return self.out
        if self.rerun is not None:
            return self.rerun.with_name(f"{self.rerun.name}-rerun")
        return Path("runs") / f"{self.name}-{dataset}-{self.seed}"


def stored_options(folder: Path) -> dict[str, Any]:
    """The options that the run of a folder was started with, as the command line would give them."""
    known = {field.name for field in fields(TrainingRequest)}
    options = {name: value for name, value in read_options(folder).items() if name in known}
    options |= {name: Path(options[name]) for name in _PATHS if options.get(name) is not None}
    options |= {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
    return options


def start(request: TrainingRequest, ranks: Ranks = ALONE, device: torch.device = CPU) -> Trainer:
    """The trainer that a request asks for, ready to run: at its first step, or at that of its checkpoint."""
    spec: MethodSpec[Any] = resolve("method", METHODS, request.name)
    data = find_training_data(request.dataset, request.data_root)
    preset = request.preset or default_preset(data.name)
    recipe = with_wishes(choose_recipe(spec, data.name, preset), request)
    config = config_for(spec, data, preset)
    folder = request.folder(data.name)
    if not request.resume and (folder / "last.pt").exists():
        raise UserError(f"{folder} already holds a run: continue it with --resume, or name another folder with --out.")
    items = training_items(data, config, request.data_root)
    options = TrainingOptions(
        folder=folder,
        seed=request.seed,
        device=device,
        precision=request.precision,
        num_workers=request.num_workers,
        accumulate=request.accumulate,
        ranks=ranks,
        command=request.stored(),
        save_every=request.save_every,
    )
    perceptual = None if request.no_perceptual else load_perceptual(recipe, request.weights_root)
    trainer = build_trainer(spec, config, recipe, items, options, perceptual=perceptual)
    if request.rerun is not None:
        refuse_other_run(trainer, request.rerun)
    if request.resume:
        trainer.resume()
    return trainer


def choose_recipe(spec: MethodSpec[Any], dataset: str, preset: Preset) -> Schedule:
    """The way a method is trained on a data set."""
    if spec.tiny_recipe is None:
        raise UserError(f"{title_of(spec.name)} cannot be trained here.{f' {spec.note}' if spec.note else ''}")
    known = dataset if dataset in spec.configs else "ade20k"  # whose networks draw a folder of the user's
    recipe: Schedule = spec.tiny_recipe if preset == "tiny" else spec.recipes.get(known, Recipe())
    return recipe


def with_wishes(recipe: Schedule, request: TrainingRequest) -> Schedule:
    """A recipe with the batch size and numbers of epochs that the user gave."""
    wanted = {"epochs": request.epochs, "decay_epochs": request.decay_epochs, "batch": request.batch_size}
    given: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    recipe = replace(recipe, **given)
    if recipe.epochs + recipe.decay_epochs == 0:
        raise UserError("There is nothing to train: give at least one of --epochs and --decay-epochs.")
    return recipe


def load_perceptual(recipe: Schedule, weights_root: Path) -> Vgg19 | None:
    """VGG19 for the perceptual loss, where the recipe has one."""
    if not recipe.perceptual:
        return None
    network = recipe.perceptual_network()
    path, _ = verified("vgg19", weights_root)
    state = {key: value for key, value in read_weights(path).items() if key in network.state_dict()}
    load_into(network, state, path)
    return network


def training_items(data: DatasetSpec, config: Any, data_root: Path | None) -> Dataset:  # noqa: ANN401 - the method's own
    """The training split, at the size that the method's network draws."""
    items: Dataset = data.open("train", data_root)
    size = size_of(config, items)
    return items if size == items.size else items.resized(size)


def build_trainer(
    spec: MethodSpec[Any],
    config: Any,  # noqa: ANN401 - the method's own
    recipe: Schedule,
    items: Dataset,
    options: TrainingOptions,
    *,
    perceptual: Vgg19 | None = None,
) -> Trainer:
    """The trainer of a new network; one that draws from training photos finds them in the run folder."""
    method = spec.build(config)
    if spec.has_bank:
        bank = find_bank(spec, items.name, options.folder)
        open_bank(method, bank)
        options = replace(options, bank=sha256_of(bank))
    return Trainer(method, recipe, items, options, perceptual)


def refuse_other_run(trainer: Trainer, folder: Path) -> None:
    """Refuse to repeat the run of a folder if the new one would not be the same."""
    if changed := differences(trainer.description(), read_run(folder)[0]):
        raise UserError(
            f"{folder} cannot be repeated exactly: {', '.join(changed)} changed since. Get the same data, version and "
            "options again, or start a new run with --method."
        )


def export(trainer: Trainer, seconds: float, words: Sequence[str]) -> Path:
    """Write the finished weights and beside them the record of how they came to be."""
    folder = trainer.options.folder
    path = folder / "weights.safetensors"
    command = shlex.join(["bench", *words])
    write_weights(path, trainer.result, {"made by": command})
    record = {
        **trainer.description(),
        "command": command,
        "steps": trainer.step,
        "seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
        "device": str(trainer.options.device),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "sha256": sha256_of(path),
    }
    write_text(folder / "weights.json", json.dumps(record, indent=2, sort_keys=True) + "\n")
    return path
