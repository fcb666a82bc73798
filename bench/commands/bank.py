"""`bench bank`: the training photos that SIMS draws from, in one file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import rich_click as click
from rich.progress import Progress, TaskID

from bench.common.errors import UserError
from bench.common.options import POSITIVE, data_root_option, debug_option
from bench.common.progress import progress_bar
from bench.datasets.base import Dataset, Image, Labels
from bench.datasets.find import find_dataset
from bench.results.records import Preset


@click.command()
@click.option("--dataset", required=True, help="Data set whose training photos are gathered.")
@click.option(
    "--preset",
    type=click.Choice(["tiny", "paper"]),
    help="Size of the network that will draw from them [default: tiny on paperdolls].",
)
@click.option("--items", type=POSITIVE, help="Use the first N photos only  [default: all].")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@data_root_option
@debug_option
@click.pass_obj
def command(
    words: list[str], dataset: str, preset: Preset | None, items: int | None, output: Path, data_root: Path
) -> None:
    """Gather training photos, cut into segments, in one file: SIMS puts its images together out of them.

    The file belongs beside SIMS's weights, and before training in the run folder, by the name bank.safetensors. Every
    photo of 256x512 pixels takes about 0.7 MB on disk, and of memory while the file is made.

    Example: bench bank --dataset paperdolls --items 1000 -o runs/sims-paperdolls-0/bank.safetensors
    """
    data = find_dataset(dataset, data_root)
    if data.evaluation_only:
        raise UserError(f"{dataset} is for evaluation only: gather the photos of {data.trained_on}.")
    from bench.synthesis.sizes import config_for, default_preset
    from bench.weights.tensors import write_tensors
    from models.sims.method import SIMS, gather

    config = config_for(SIMS, data, preset or default_preset(data.name))
    opened = data.open("train", data_root)
    count = min(len(opened), items or len(opened))
    with progress_bar() as progress:
        task = progress.add_task(f"Gathering {dataset}", total=count, status="")
        bank = gather(config, _read(opened, count, progress, task))
    write_tensors(output, bank.tensors(), {"made by": shlex.join(["bench", *words])})
    click.echo(f"{output}: {len(bank.segments)} segments of {count} photos")


def _read(dataset: Dataset, count: int, progress: Progress, task: TaskID) -> Iterator[tuple[Labels, Image]]:
    """The label maps and photos of the first items, each reported to the bar."""
    for index in range(count):
        item = dataset[index]
        yield item.labels, item.image
        progress.advance(task)
