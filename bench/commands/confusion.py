"""`bench confusion`: mean IoUs and accuracies from confusion matrices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import rich_click as click

from bench.common.errors import UserError
from bench.common.lines import aligned
from bench.common.options import data_root_option, debug_option, json_option
from bench.common.progress import progress_bar
from bench.datasets.base import DatasetSpec, Split
from bench.datasets.find import find_dataset

if TYPE_CHECKING:
    from bench.evaluation.confusion import Matrices


@click.command()
@click.argument("source", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option("--dataset", help="Data set whose label maps a FOLDER is compared with; it names the classes of a FILE.")
@click.option("--split", type=click.Choice(["train", "val"]), default="val", show_default=True, help="Which items.")
@click.option(
    "--classes",
    type=click.Choice(["dataset", "cihp"]),
    default="dataset",
    show_default=True,
    help="Class numbers in the maps of a FOLDER: those that the data set is scored by (Cityscapes: train ids; ADE20K: "
    "0 to 149), or the 20 of CIHP_PGN, which are merged to DeepFashion's 8.",
)
@click.option("--per-class", is_flag=True, help="Also print the IoU of every class.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the matrices to this npz.")
@data_root_option
@json_option
@debug_option
def command(
    source: Path,
    *,
    dataset: str | None,
    split: str,
    classes: str,
    per_class: bool,
    output: Path | None,
    data_root: Path,
    as_json: bool,
) -> None:
    """Compute every mean IoU and accuracy from confusion matrices, in percent.

    FILE.npz: matrices that `bench run --metrics segmentation` wrote beside a record. FOLDER: label maps which another
    program predicted, <item>.png with one class number per pixel, directly or in run1, run2 ... as --save-images lays
    images out; they are compared with the label maps of --dataset at their own size.

    miou_nan_union averages over classes in labels or predictions (DRN), miou_all_classes over all (CSAIL),
    miou_gt_present over those in labels (deeplab-pytorch). acc_all counts pixels that are not scored as wrong.

    Example: bench confusion parsed/inade/deepfashion --dataset deepfashion --classes cihp
    """
    spec = find_dataset(dataset, data_root) if dataset else None
    from bench.evaluation.confusion import Matrices, mean_of_runs, names_beside, scored_names  # loads torch

    if source.suffix == ".npz":
        matrices = Matrices.read(source)
        names = scored_names(spec) if spec else names_beside(source)
    elif spec is not None:
        matrices, names = _scored(source, spec, cast(Split, split), classes, data_root), scored_names(spec)
    else:
        raise UserError(f"{source} is no npz: name the data set of its label maps with --dataset.")
    if output is not None:
        matrices.write(output)
    rows = matrices.scores()
    mean, ious = mean_of_runs(rows), matrices.ious()
    size = matrices.confusion.shape[1]
    if len(names) > size:
        raise UserError(f"{source} counts {size} classes, but the data set has {len(names)}; name the right --dataset.")
    titles = [*names, *(f"class {number}" for number in range(len(names), size))]
    if as_json:
        click.echo(json.dumps({"runs": rows, "mean": mean, "classes": titles, "iou": ious}, indent=1))
        return
    lines = [_line(number, row) for number, row in enumerate(rows, start=1)]
    click.echo(aligned([*lines, _line("mean", mean)] if len(lines) > 1 else lines))
    if per_class:
        click.echo("\n" + aligned(_class_lines(titles, ious)))


def _scored(folder: Path, spec: DatasetSpec, split: Split, classes: str, data_root: Path) -> Matrices:
    from bench.evaluation.predictions import merging_of, score_folder

    merging = merging_of(classes, spec)
    dataset = spec.open(split, data_root)
    with progress_bar() as progress:
        task = progress.add_task(f"Scoring {folder.name}", total=len(dataset), status="")
        return score_folder(folder, dataset, merging, lambda: progress.advance(task))


def _line(run: object, scores: Mapping[str, float]) -> dict[str, str]:
    return {"run": str(run), **{name: f"{value:.2f}" for name, value in scores.items()}}


def _class_lines(titles: Sequence[str], ious: Sequence[Sequence[float | None]]) -> list[dict[str, str]]:
    """List the IoU of every class in every run; blank where neither labels nor predictions have it."""
    return [
        {
            "class": title,
            **{f"run {run}": "" if row[number] is None else f"{row[number]:.2f}" for run, row in enumerate(ious, 1)},
        }
        for number, title in enumerate(titles)
    ]
