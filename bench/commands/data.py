"""`bench data`: data sets prepared, verified and shown, and the statistics that FID compares with."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import rich_click as click

from bench.commands.cli import NamedCommands
from bench.common.catalog import choose_protocol
from bench.common.errors import UserError
from bench.common.options import (
    POSITIVE,
    data_root_option,
    debug_option,
    device_option,
    json_option,
    num_workers_option,
    out_option,
    weights_root_option,
)
from bench.common.progress import Reporter, progress_bar
from bench.common.workers import done_ahead
from bench.datasets import DATASETS
from bench.datasets.base import Dataset, Split
from bench.datasets.find import find_dataset
from bench.datasets.folder import EXAMPLE
from bench.datasets.parts.folders import folder_of
from bench.datasets.preparation import PREPARATIONS
from bench.datasets.verification import Finding, Report, inspections, summed_up
from bench.synthesis.grids import Photo, grid, paint_condition, save_png

if TYPE_CHECKING:
    from metrics.parts.moments import Gaussian

split_option = click.option(
    "--split", type=click.Choice(["train", "val"]), default="val", show_default=True, help="Which items."
)


@click.group()
@debug_option
def command() -> None:
    """Prepare, verify or show data sets; `bench list datasets` names them.

    The built-in data (paperdolls, paperdolls2) needs none of this. Others lie in folders of their names below
    --data-root; if one is missing, the error says what is expected. Your own data is folder:NAME, a folder below
    --data-root, or folder:/any/path; it holds a dataset.toml, of which `bench data example` prints one.
    """


@command.command()
@debug_option
def example() -> None:
    """Print a dataset.toml to start from, for data of your own.

    Example: bench data example > data/facades/dataset.toml
    """
    click.echo(EXAMPLE.strip())


@command.group(
    cls=NamedCommands, kind="data set that can be prepared", table=PREPARATIONS, subcommand_metavar="NAME ..."
)
@debug_option
def prepare() -> None:
    """Build a data set from a raw package or from another one, or add the instance maps that methods need.

    Every name has a page of its own: bench data prepare NAME --help. A run that was stopped goes on where it was, and
    what is there is not made again. Until all is made, the data set cannot be used. Damaged files are named and
    left out; the exit code is then 1.

    Examples:

        bench data prepare celebamask-hq --from /downloads/CelebAMask-HQ

        bench data prepare cityscapes --data-root /data

        bench data prepare deepfashion2 --mode squeeze
    """


@command.command()
@click.argument("name", metavar="NAME")
@split_option
@data_root_option
@num_workers_option
@json_option
@debug_option
def verify(name: str, split: str, data_root: Path, num_workers: int, as_json: bool) -> None:
    """Open every item and say which file is wrong and why; exit code 1 if any is.

    Checked are: every photo has its label map and instance map, the three have one size, all can be read to the end,
    labels are classes of the data set, and an instance belongs to one class. Only a warning is another number of items
    than the papers have, or on Cityscapes an unusual share of pixels that are not scored.

    Example: bench data verify deepfashion
    """
    spec = find_dataset(name, data_root)
    try:
        dataset = spec.open(cast(Split, split), data_root)
    except UserError as error:
        if name in DATASETS and not folder_of(name, data_root).is_dir():
            raise  # a data set that is missing is not damaged
        report = Report(0, [str(error)])
    else:
        report = summed_up(dataset, _inspected(dataset, num_workers))
    if as_json:
        click.echo(json.dumps({"dataset": spec.name, "split": split, **asdict(report)}, indent=1))
    else:
        _show(f"{spec.name} {split}", report)
    if report.problems:
        raise SystemExit(1)


def _inspected(dataset: Dataset, workers: int) -> list[Finding]:
    findings: list[Finding] = []
    wrong = 0
    with progress_bar() as progress, closing(done_ahead(inspections(dataset), workers)) as found:
        task = progress.add_task(f"Verifying {dataset.name} {dataset.split}", total=len(dataset), status="")
        for finding in found:
            findings.append(finding)
            wrong += len(finding.problems)
            progress.update(task, advance=1, status=f"{wrong} wrong")
    return findings


def _show(title: str, report: Report) -> None:
    for line in report.problems:
        click.echo(line)
    for line in report.warnings:
        click.echo(f"warning: {line}", err=True)
    if report.unscored_share is not None:
        click.echo(f"{title}: {report.unscored_share:.4f} of all pixels are not scored")
    click.echo(f"{title}: {report.items} items, {len(report.problems) or 'nothing'} wrong")


@command.command()
@click.argument("name", metavar="NAME")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PNG to write.")
@click.option("--items", type=POSITIVE, default=8, show_default=True, help="Number of items, from the first on.")
@split_option
@data_root_option
@debug_option
def show(name: str, output: Path, items: int, split: str, data_root: Path) -> None:
    """Draw the first items as a picture: the coloured layout of each and its photo, four items to a row.

    Example: bench data show paperdolls2 -o dolls.png
    """
    spec = find_dataset(name, data_root)
    save_png(output, _sheet(spec.open(cast(Split, split), data_root), items))
    click.echo(output)


@command.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--protocol", show_default="mini on paperdolls, else inade2021", help="Protocol whose fid.* choices are used."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    help="Change a choice, e.g. fid.real_split=val or fid.mode=clean; may be repeated.",
)
@click.option(
    "--export",
    "target",
    type=click.Path(path_type=Path),
    help="Write the statistics to this .npz file, or to a folder as two .npy files.",
)
@click.option(
    "--import",
    "source",
    type=click.Path(exists=True, path_type=Path),
    help="Read the statistics from such a file or folder instead of computing them.",
)
@click.option("--count", type=POSITIVE, help="With --import: the number of photos, if the file does not say it.")
@data_root_option
@weights_root_option
@click.option("--allow-unknown-weights", is_flag=True, help="Accept a feature network with an unknown hash.")
@device_option
@num_workers_option
@out_option("results")
@debug_option
def reference(
    name: str,
    protocol: str | None,
    settings: tuple[str, ...],
    target: Path | None,
    source: Path | None,
    count: int | None,
    data_root: Path,
    weights_root: Path,
    allow_unknown_weights: bool,
    device: str,
    num_workers: int,
    out: Path,
) -> None:
    """Compute, export or import what FID compares with: mean and covariance of the real photos' features.

    They are computed once and kept in OUT/cache. An exported or imported npz holds `mu` and `sigma`, as pytorch-fid and
    clean-fid read and write them; a folder holds INADE's m.npy and s.npy. What is imported serves FID where
    `bench run` is told --set fid.real_split=imported.

    Printed are the mean of the mean vector, its length and its first two numbers. For INADE's statistics of the
    training splits (mode pytorch_fid) they are those below; photos that were resized as theirs come close:

    \b
    ade20k         0.292905781  14.22635257  0.64063391 0.39515715
    celebamask-hq  0.268667843  15.55275095  0.38533632 0.15271552
    cityscapes     0.338188577  18.53270152  0.22553551 0.47794456
    coco-stuff     0.311984187  14.53316975  0.45890761 0.33109755
    deepfashion    0.274579696  15.30182158  0.32314858 0.14151327

    Example: bench data reference deepfashion --export deepfashion.npz
    """
    from bench.evaluation.moment_files import read_moments, write_moments
    from bench.evaluation.networks import FeatureNetworks
    from bench.evaluation.photos import choose_photos, import_moments
    from bench.evaluation.plan import default_protocol
    from bench.evaluation.setting import RealPhotos
    from bench.synthesis.devices import choose_device, full_precision

    spec = find_dataset(name, data_root)
    choices = choose_protocol(protocol or default_protocol(spec.name), settings)
    if source is not None:
        place = import_moments(source, count, name, choices.fid.mode, weights_root)
        click.echo(f"{place}\n{_shown(read_moments(place))}")
        return
    network = "paperdolls" if spec.built_in else "inception"
    photos = choose_photos(spec, choices.fid, data_root, weights_root)
    with progress_bar() as progress, full_precision():
        reporter = Reporter(progress)
        gaussian = RealPhotos(
            photos=photos,
            networks=FeatureNetworks(weights_root, choose_device(device), allow_unknown_weights),
            protocol=choices,
            cache=out / "cache",
            reporter=reporter,
            num_workers=num_workers,
        ).gaussian(network)
        reporter.finish()
    if target is not None:
        write_moments(target, gaussian)
    mode = f", mode {choices.fid.mode}" if network == "inception" else ""
    click.echo(f"{photos.title}, {network}{mode}\n{_shown(gaussian)}")


def _shown(gaussian: Gaussian) -> str:
    photos = "photos of unknown number" if gaussian.count is None else f"{gaussian.count} photos"
    first = " ".join(f"{value:.8f}" for value in gaussian.mean[:2])
    return f"{photos}: {gaussian.mean.mean():.9f}  {gaussian.mean.norm():.8f}  {first}"


def _sheet(dataset: Dataset, count: int, across: int = 4) -> Photo:
    items = [dataset[index] for index in range(min(count, len(dataset)))]
    pairs = [(paint_condition(item, dataset.palette), item.image) for item in items]
    rows = [pairs[start : start + across] for start in range(0, len(pairs), across)]
    return grid([[photo for pair in row for photo in pair] for row in rows])
