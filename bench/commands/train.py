"""Train a method with its own losses and schedule."""

from __future__ import annotations

import time
from typing import Any

import rich_click as click
from click import get_current_context
from click.core import ParameterSource

from bench.common.catalog import title_of
from bench.common.options import (
    FOLDER,
    POSITIVE,
    data_root_option,
    debug_option,
    device_option,
    names,
    num_workers_option,
    picked,
    seed_option,
    weights_root_option,
)
from bench.common.progress import Reporter, progress_bar
from bench.synthesis.devices import choose_device
from bench.training.distributed import joined
from bench.training.start import TrainingRequest, export, start, stored_options
from bench.training.trainer import Trainer
from bench.training.watch import Watch


@click.command()
@click.option("--method", "name", help="Method to train; `bench list methods` names them.")
@click.option(
    "--dataset", default="paperdolls", show_default=True, help="Data set to learn from; its training split is used."
)
@click.option(
    "--preset",
    type=click.Choice(["tiny", "paper"]),
    help="Size of the networks: tiny for the built-in data, else that of the paper [default: tiny on paperdolls].",
)
@data_root_option
@click.option("--out", type=FOLDER, help="Run folder [default: runs/METHOD-DATASET-SEED].")
@seed_option
@click.option("--epochs", type=click.IntRange(min=0), help="Epochs at the full learning rate [default: the recipe's].")
@click.option(
    "--decay-epochs",
    type=click.IntRange(min=0),
    help="Epochs after those, in which the rate falls evenly to zero [default: the recipe's].",
)
@click.option("--batch-size", type=POSITIVE, help="Images per step of training [default: the recipe's].")
@device_option
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Numbers that the networks compute with: bfloat16 (mixed precision) is faster on GPUs and less exact.",
)
@num_workers_option
@weights_root_option
@click.option(
    "--accumulate",
    type=POSITIVE,
    default=1,
    show_default=True,
    metavar="N",
    help="Save memory: compute every batch in N equal parts, one after the other, then change the weights once. The "
    "result is that of whole batches, except for what looks at several images together: batch norm sees one part at a "
    "time, and BicycleGAN divides every part into its two halves.",
)
@click.option("--save-every", type=POSITIVE, default=1, show_default=True, help="Epochs between checkpoints.")
@click.option("--no-perceptual", is_flag=True, help="Train without the VGG loss, which needs the file vgg19.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the last checkpoint in the run folder; given with --out alone, with the options it began with.",
)
@click.option(
    "--rerun",
    type=FOLDER,
    metavar="FOLDER",
    help="Repeat the run in this folder exactly; the new one goes to --out [default: FOLDER-rerun].",
)
@click.option(
    "--eval-every",
    type=POSITIVE,
    metavar="N",
    help="Measure the weights after every N epochs, a multiple of --save-every; the numbers go to metrics.csv.",
)
@click.option(
    "--eval-metrics",
    callback=names,
    help="Metrics of --eval-every, with commas between them [default: those of `bench run`, costs left out].",
)
@click.option("--eval-limit", type=POSITIVE, metavar="N", help="Measure on the first N label maps only.")
@click.option(
    "--best",
    metavar="COLUMN",
    help="Keep the weights that are best by this column of metrics.csv, e.g. fid, as best.safetensors.",
)
@click.option("--tensorboard", is_flag=True, help="Also write losses, rates, pictures and metrics for TensorBoard.")
@debug_option
@click.pass_obj
def command(words: list[str], /, **options: Any) -> None:  # noqa: ANN401 - those of `TrainingRequest`
    """Train a method with its own losses, learning rates and number of epochs.

    The run folder gets run.json (all that decides the result), losses.csv, sample pictures in grids/, and the
    checkpoint last.pt; at the end weights.safetensors, and weights.json, which says how they were made.

    On several GPUs: torchrun --nproc-per-node 8 -m bench train --method inade ... The GPUs share every batch, and the
    result is that of one GPU with the same batch size.
    """
    repeated = options["rerun"] or (options["out"] if options["resume"] and not options["name"] else None)
    if repeated is not None:
        options |= {name: value for name, value in stored_options(repeated).items() if not _is_given(name)}
    if not options["name"]:
        raise click.UsageError("Missing option '--method' (or --rerun FOLDER, or --resume --out FOLDER).")
    request = picked(TrainingRequest, options)
    with joined(choose_device(request.device)) as (ranks, device):
        trainer = start(request, ranks, device)
        watch = Watch.of(trainer, request)
        seconds = _train(trainer, watch, f"{title_of(request.name)} on {request.dataset}")
        if ranks.leads:
            click.echo(export(trainer, seconds, words))


def _is_given(name: str) -> bool:
    """Whether the user gave an option on the command line."""
    return get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _train(trainer: Trainer, watch: Watch, title: str) -> float:
    """Train under a progress bar with ETA; returns the seconds it took."""
    began = time.perf_counter()
    with progress_bar(shown=trainer.options.ranks.leads) as progress:
        task = progress.add_task(title, total=trainer.total_steps, completed=trainer.step, status="")

        def report(step: int, losses: dict[str, float]) -> None:
            shown = "  ".join(f"{key} {value:.2f}" for key, value in losses.items())
            progress.update(task, completed=step, status=shown)
            watch.step(step, losses)

        reporter = Reporter(progress)
        if trainer.options.ranks.leads:
            watch.epoch(reporter)  # an evaluation that was interrupted
        trainer.train(report, lambda: watch.epoch(reporter))
    return time.perf_counter() - began
