"""Train a method with its own losses and schedule."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click
from click import get_current_context
from click.core import ParameterSource

from bench.common.catalog import resolve, title_of
from bench.common.errors import UserError
from bench.common.files import sha256_of
from bench.common.options import (
    FOLDER,
    POSITIVE,
    data_root_option,
    debug_option,
    device_option,
    names,
    num_workers_option,
    seed_option,
    weights_root_option,
)
from bench.common.progress import Reporter, progress_bar
from bench.datasets.base import Dataset
from bench.datasets.find import find_dataset
from bench.evaluation.measure import Session
from bench.evaluation.plan import Request
from bench.results.records import Preset
from bench.synthesis.devices import choose_device
from bench.synthesis.sizes import config_for, default_preset, size_of
from bench.training.distributed import joined
from bench.training.run_folder import read_options
from bench.training.start import _opened_bank, changed, choose_recipe, export, load_perceptual, refuse_other_run
from bench.training.trainer import Precision, Trainer, TrainingOptions
from bench.training.watch import Watch, quality_metrics
from models import METHODS
from models.base import MethodSpec

_PER_RUN = ("words", "rerun", "out", "resume")  # not part of what is repeated


@click.command()
@click.option("--method", "name", help="Method to train; see `bench list methods`.")
@click.option("--dataset", default="paperdolls", show_default=True, help="Data set; its training split is used.")
@click.option("--preset", type=click.Choice(["tiny", "paper"]), help="Network sizes [default: tiny on paperdolls].")
@data_root_option
@click.option("--out", type=FOLDER, help="Run folder [default: runs/METHOD-DATASET-SEED].")
@seed_option
@click.option("--epochs", type=click.IntRange(min=0), help="Epochs at the full rate [default: the recipe's].")
@click.option("--decay-epochs", type=click.IntRange(min=0), help="Epochs of linear decay [default: the recipe's].")
@click.option("--batch-size", type=POSITIVE, help="Images per step [default: the recipe's].")
@device_option
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="bfloat16 runs the networks in mixed precision. Either way they run in the channels-last layout.",
)
@num_workers_option
@weights_root_option
@click.option(
    "--accumulate",
    type=POSITIVE,
    default=1,
    show_default=True,
    help="Take every batch in so many parts, for less memory. The update is that of the whole batch, but batch norm "
    "(not spectral norm) sees one part at a time, and BicycleGAN halves every part.",
)
@click.option("--save-every", type=POSITIVE, default=1, show_default=True, help="Epochs between checkpoints.")
@click.option("--no-perceptual", is_flag=True, help="Leave out the VGG loss, which needs the weight file vgg19.")
@click.option(
    "--resume", is_flag=True, help="Continue the run folder's last checkpoint; with --out alone, as it began."
)
@click.option("--rerun", type=FOLDER, help="Repeat the run of this folder exactly, in --out [default: FOLDER-rerun].")
@click.option("--eval-every", type=POSITIVE, help="Epochs between evaluations; their numbers go to metrics.csv.")
@click.option("--eval-metrics", callback=names, help="Comma list [default: the data set's quality metrics].")
@click.option("--eval-limit", type=POSITIVE, help="Evaluate on the first N label maps only.")
@click.option("--best", help="Keep the weights that are best by this column, e.g. fid, as best.safetensors.")
@click.option("--tensorboard", is_flag=True, help="Also write losses, rates, pictures and metrics for TensorBoard.")
@debug_option
@click.pass_obj
def command(words: list[str], /, rerun: Path | None, **options: Any) -> None:  # noqa: ANN401 - those of `train`
    """Train a method.

    The run folder gets run.json (the whole recipe), losses.csv, grids/ (sample pictures), last.pt after every epoch,
    and at the end weights.safetensors with weights.json, its record; metrics.csv and best.safetensors where asked for.

    On several GPUs, or processes: torchrun --nproc-per-node 8 -m bench train --method inade ... Each has a share of
    every batch, batch norm sees all of it, and losses and weights are those of one process with the same batch.
    """
    source = rerun or (options["out"] if options["resume"] and not options["name"] else None)
    if source is not None:
        options = repeated_options(source, options)
    if not options["name"]:
        raise click.UsageError("Missing option '--method' (or --rerun FOLDER, or --resume --out FOLDER).")
    if rerun is not None and options["out"] is None:
        options["out"] = rerun.with_name(f"{rerun.name}-rerun")
    train(words, rerun, **options)


def repeated_options(folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Take the options that a run was started with, save those given now."""
    context = get_current_context()
    given = {
        key for key in options if key in _PER_RUN or context.get_parameter_source(key) is ParameterSource.COMMANDLINE
    }
    stored = {key: value for key, value in read_options(folder).items() if key in options and key not in given}
    stored |= {key: Path(stored[key]) for key in ("data_root", "weights_root") if key in stored}
    return {**options, **stored}


def storable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Put options in the form that run.json has."""
    kept = {key: value for key, value in options.items() if key not in _PER_RUN}
    return {key: str(value) if isinstance(value, Path) else value for key, value in kept.items()}


def train(
    words: list[str],
    rerun: Path | None,
    name: str,
    dataset: str,
    preset: Preset | None,
    data_root: Path | None,
    out: Path | None,
    seed: int,
    epochs: int | None,
    decay_epochs: int | None,
    batch_size: int | None,
    device: str,
    precision: Precision,
    num_workers: int,
    accumulate: int,
    save_every: int,
    weights_root: Path,
    no_perceptual: bool,
    resume: bool,
    eval_every: int | None,
    eval_metrics: tuple[str, ...],
    eval_limit: int | None,
    best: str | None,
    tensorboard: bool,
) -> None:
    """Do what the options say."""
    started_with = storable(locals())
    if eval_every and eval_every % save_every:
        raise UserError(
            f"--eval-every {eval_every}: saved epochs are evaluated; --save-every {save_every} must divide it."
        )
    spec: MethodSpec[Any] = resolve("method", METHODS, name)
    data = find_dataset(dataset, data_root)
    if data.evaluation_only:
        raise UserError(f"{dataset} is for evaluation only: train on {dataset.removesuffix('2')} and evaluate on it.")
    preset = preset or default_preset(data.name)
    recipe = choose_recipe(spec, data.name, preset)
    recipe = changed(recipe, {"epochs": epochs, "decay_epochs": decay_epochs, "batch": batch_size})
    config = config_for(spec, data, preset)
    folder = out or Path("runs") / f"{name}-{data.name}-{seed}"
    if not resume and (folder / "last.pt").exists():
        raise UserError(f"{folder} already holds a run: continue it with --resume, or name another folder with --out.")
    items: Dataset = data.open("train", data_root)
    if (size := size_of(config, items)) != items.size:
        items = items.resized(size)
    method = spec.build(config)
    bank = _opened_bank(spec, method, data.name, folder)
    perceptual = load_perceptual(recipe, weights_root, wanted=not no_perceptual)
    with joined(choose_device(device)) as (ranks, where):
        options = TrainingOptions(
            folder,
            seed,
            where,
            precision,
            sha256_of(bank) if bank else None,
            num_workers,
            accumulate,
            ranks,
            started_with,
            save_every,
        )
        trainer = Trainer(method, recipe, items, options, perceptual)
        if rerun is not None:
            refuse_other_run(trainer, rerun)
        if resume:
            trainer.resume()
        request = Request(
            methods=(name,),
            datasets=(data.name,),
            metrics=eval_metrics or quality_metrics(data),
            preset=preset,
            limit=eval_limit,
        )
        session = Session(
            out=folder / "evaluation",
            data_root=data_root,
            weights_root=weights_root,
            device=str(where),
            num_workers=num_workers,
        )
        watch = Watch.of(trainer, session, request, eval_every, best, tensorboard=tensorboard and ranks.leads)
        seconds = _train(trainer, watch, f"{title_of(spec.name)} on {dataset}")
        if ranks.leads:
            click.echo(export(trainer, seconds, words))


def _train(trainer: Trainer, watch: Watch, title: str) -> float:
    """Train under a progress bar with ETA; returns the seconds it took."""
    start = time.perf_counter()
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
    return time.perf_counter() - start
