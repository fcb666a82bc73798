"""`bench data`: data sets, prepared, verified and shown."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import rich_click as click

from bench.catalog import UserError, resolve
from bench.cli import NamedCommands
from bench.datasets import DATASETS
from bench.datasets._folders import folder_of
from bench.datasets.base import Dataset, DatasetSpec, Split
from bench.options import POSITIVE, data_root_option, debug_option
from bench.pictures import Photo, grid, paint_labels, save_png
from bench.preparation import PREPARATIONS
from bench.progress import progress_bar
from bench.verification import problems

split_option = click.option(
    "--split", type=click.Choice(["train", "val"]), default="val", show_default=True, help="Which items."
)


@click.group()
@debug_option
def command() -> None:
    """Prepare, verify or show data sets; `bench list datasets` names them.

    The built-in data (paperdolls, paperdolls2) needs none of this. Others lie in folders of their names below
    --data-root; an error of any command says which folders are expected.
    """


@command.group(
    cls=NamedCommands, kind="data set that can be prepared", table=PREPARATIONS, subcommand_metavar="NAME ..."
)
@debug_option
def prepare() -> None:
    """Build a data set from a raw package or from another one, or add the instance maps that methods need.

    Every name has a page of its own: bench data prepare NAME --help. A run that was stopped goes on where it was, and
    what is there is not made again. Until all is made, the data set cannot be used. Damaged files are named and
    counted and stop nothing else; the exit code is then 1.

    Examples:

        bench data prepare celebamask-hq --from /downloads/CelebAMask-HQ

        bench data prepare cityscapes --data-root /data

        bench data prepare deepfashion2 --mode squeeze
    """


@command.command()
@click.argument("name", metavar="NAME")
@split_option
@data_root_option
@debug_option
def verify(name: str, split: str, data_root: Path) -> None:
    """Open every item and say by file what is wrong; exit code 1 if anything is.

    Checked are: every photo has its label map and instance map, the three have one size, all can be read to the end,
    labels are classes of the data set, and instance maps hold ids.
    """
    spec: DatasetSpec = resolve("dataset", DATASETS, name)
    try:
        dataset = spec.open(cast(Split, split), data_root)
    except UserError as error:
        if not folder_of(name, data_root).is_dir():
            raise  # nothing there is no damage
        click.echo(str(error))
        raise SystemExit(1) from None
    found = []
    with progress_bar() as progress:
        task = progress.add_task(f"Verifying {name} {split}", total=len(dataset), status="")
        for index in range(len(dataset)):
            found += problems(dataset, index)
            progress.update(task, advance=1, status=f"{len(found)} wrong")
    for line in found:
        click.echo(line)
    click.echo(f"{name} {split}: {len(dataset)} items, {len(found) or 'nothing'} wrong")
    if found:
        raise SystemExit(1)


@command.command()
@click.argument("name", metavar="NAME")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PNG to write.")
@click.option("--items", type=POSITIVE, default=8, show_default=True, help="How many, from the first on.")
@split_option
@data_root_option
@debug_option
def show(name: str, output: Path, items: int, split: str, data_root: Path) -> None:
    """Draw the first items as a picture: the coloured layout of each and its photo, four items to a row.

    Example: bench data show paperdolls2 -o dolls.png
    """
    spec: DatasetSpec = resolve("dataset", DATASETS, name)
    save_png(output, _sheet(spec.open(cast(Split, split), data_root), items))
    click.echo(output)


def _sheet(dataset: Dataset, count: int, across: int = 4) -> Photo:
    items = [dataset[index] for index in range(min(count, len(dataset)))]
    pairs = [(paint_labels(item.labels, dataset.palette), item.image) for item in items]
    rows = [pairs[start : start + across] for start in range(0, len(pairs), across)]
    return grid([[photo for pair in row for photo in pair] for row in rows])
