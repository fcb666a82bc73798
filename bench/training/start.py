"""From names to a trainer that is ready to run."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench.common.catalog import title_of
from bench.common.errors import UserError
from bench.common.files import sha256_of, write_text
from bench.results.records import Preset
from bench.synthesis.methods import find_bank, open_bank
from bench.training.run_folder import differences, read_run
from bench.training.trainer import Trainer
from bench.weights.known import verified
from bench.weights.tensors import load_into, read_weights, write_weights
from models.base import MethodSpec
from models.training.recipe import Recipe
from models.training.schedule import Schedule
from models.training.vgg19 import Vgg19


def choose_recipe(spec: MethodSpec[Any], dataset: str, preset: Preset) -> Schedule:
    """Find how a method is trained on a data set."""
    if spec.tiny_recipe is None:
        raise UserError(f"{title_of(spec.name)} cannot be trained here.{f' {spec.note}' if spec.note else ''}")
    known = dataset if dataset in spec.configs else "ade20k"  # whose networks draw a folder of the user's
    recipe: Schedule = spec.tiny_recipe if preset == "tiny" else spec.recipes.get(known, Recipe())
    return recipe


def load_perceptual(recipe: Schedule, root: Path, *, wanted: bool) -> Vgg19 | None:
    """Load VGG19 for the perceptual loss, where the recipe has one and the user has not turned it off."""
    if not recipe.perceptual or not wanted:
        return None
    network = recipe.perceptual_network()
    path, _ = verified("vgg19", root)
    state = {key: value for key, value in read_weights(path).items() if key in network.state_dict()}
    load_into(network, state, path)
    return network


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


def refuse_other_run(trainer: Trainer, folder: Path) -> None:
    """Refuse to repeat a run that would not be the same."""
    if changed := differences(trainer.description(), read_run(folder)[0]):
        raise UserError(
            f"{folder} cannot be repeated exactly: {', '.join(changed)} changed since. Get the same data, version and "
            "options again, or start a new run with --method."
        )


def changed(recipe: Schedule, chosen: Mapping[str, int | None]) -> Schedule:
    """Change a recipe where the user did."""
    given: dict[str, Any] = {key: value for key, value in chosen.items() if value is not None}
    recipe = replace(recipe, **given)
    if recipe.epochs + recipe.decay_epochs == 0:
        raise UserError("There is nothing to train: give at least one of --epochs and --decay-epochs.")
    return recipe


def _opened_bank(spec: MethodSpec[Any], method: Any, dataset: str, folder: Path) -> Path | None:  # noqa: ANN401
    bank = find_bank(spec, dataset, folder) if spec.has_bank else None
    if bank is not None:
        open_bank(method, bank)
    return bank
