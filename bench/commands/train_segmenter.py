"""`bench train-segmenter`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.core import ParameterSource

from bench.common.errors import UserError
from bench.common.options import (
    FOLDER,
    POSITIVE,
    data_root_option,
    debug_option,
    device_option,
    num_workers_option,
    seed_option,
    weights_root_option,
)
from bench.common.progress import progress_bar
from bench.datasets.base import Dataset
from bench.datasets.find import find_training_data

if TYPE_CHECKING:
    from bench.training.segmenter import SegmenterTraining

EPOCHS = 20  # ours: the recipe of the face parser names no end
STEPS, ITEMS = 1200, 6000  # on paperdolls
_BUILT_IN_ONLY = ("items",)
_OTHERS_ONLY = ("epochs", "batch_size", "no_flip", "resume", "device", "num_workers", "data_root", "weights_root")


@click.command()
@click.option(
    "--dataset", default="paperdolls", show_default=True, help="Data set to learn from; its training split is used."
)
@seed_option
@click.option("--steps", type=POSITIVE, help=f"Length in steps  [default: {STEPS} on paperdolls, else by --epochs].")
@click.option("--epochs", type=POSITIVE, help=f"Length in passes over the data  [default: {EPOCHS}].")
@click.option(
    "--items",
    type=POSITIVE,
    default=ITEMS,
    show_default=True,
    help="On paperdolls: number of drawn persons to learn from.",
)
@click.option("--batch-size", type=POSITIVE, default=8, show_default=True, help="Photos per step.")
@click.option("--no-flip", is_flag=True, help="Mirror no photos, since the classes tell left from right.")
@click.option("--resume", is_flag=True, help="Go on from the last finished epoch.")
@click.option(
    "--out",
    type=FOLDER,
    help="Folder to write to  [default: WEIGHTS_ROOT/segmenters, where `bench run` looks; the installation for "
    "paperdolls].",
)
@device_option
@num_workers_option
@data_root_option
@weights_root_option
@debug_option
@click.pass_context
def command(
    context: click.Context,
    *,
    dataset: str,
    seed: int,
    steps: int | None,
    epochs: int | None,
    items: int,
    batch_size: int,
    no_flip: bool,
    resume: bool,
    out: Path | None,
    device: str,
    num_workers: int,
    data_root: Path,
    weights_root: Path,
) -> None:
    """Train a segmenter: the network that reads label maps off generated images, so that mIoU can be measured.

    On deepfashion, or any data set with label maps, it is the UNet of CelebAMask-HQ's face parser with its recipe.
    INADE's authors scored DeepFashion with such a network and did not release it, so numbers by this one are not
    theirs. On paperdolls it is the small segmenter that is shipped (about three minutes on one core).

    Beside the weights goes a record of how they came to be, with scores on photos that were not trained on.

    Example: bench train-segmenter --dataset deepfashion --device cuda
    """
    spec = find_training_data(dataset, data_root)
    for name in _OTHERS_ONLY if spec.built_in else _BUILT_IN_ONLY:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UserError(f"--{name.replace('_', '-')} has no meaning for the segmenter of {dataset}; leave it out.")
    if spec.built_in:
        _train_paperdolls(seed, steps or STEPS, items, out)
        return
    if steps and epochs:
        raise UserError("Give the length by --steps or by --epochs, not by both.")
    from bench.synthesis.devices import choose_device
    from bench.training.segmenter import SegmenterRecipe, SegmenterTraining

    training = SegmenterTraining(
        dataset=spec.open("train", data_root),
        recipe=SegmenterRecipe(batch=batch_size, flip=not no_flip),
        folder=out or weights_root / "segmenters",
        seed=seed,
        device=choose_device(device),
        workers=num_workers,
    )
    held_out = spec.open("val", data_root)
    if resume:
        training.resume()
    elif training.checkpoint.exists():
        raise UserError(
            f"{training.checkpoint} belongs to an earlier run: go on with --resume, or name another folder with --out."
        )
    words = ["bench", *(context.obj or ["train-segmenter"])]
    length = steps or (epochs or EPOCHS) * training.steps_per_epoch
    click.echo(json.dumps(_run(training, length, held_out, shlex.join(words)), indent=2))


def _run(training: SegmenterTraining, steps: int, held_out: Dataset, command_line: str) -> dict[str, Any]:
    """Train and score with a bar for each."""
    with progress_bar() as progress:
        bar = progress.add_task(f"UNet on {held_out.name}", total=steps, completed=training.step, status="")
        training.train(steps, lambda step, loss: progress.update(bar, completed=step, status=f"loss {loss:.3f}"))
        last = progress.add_task("Scoring held-out photos", total=len(held_out), status="")
        return training.finish(held_out, command_line, lambda count: progress.advance(last, count))


def _train_paperdolls(seed: int, steps: int, items: int, out: Path | None) -> None:
    import torch

    from bench.training.paperdolls_networks import WEIGHTS
    from bench.training.paperdolls_segmenter import train_segmenter

    torch.set_num_threads(1)  # so that the same seed gives the same weights on every machine of a kind
    click.echo(json.dumps(train_segmenter(seed, steps, items, out or WEIGHTS), indent=2))
