"""`bench sample`: a grid of images that vary in one part."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from bench.catalog import methods, resolve
from bench.cells import config_for, default_preset
from bench.datasets._find import find_dataset
from bench.devices import choose_device
from bench.method_weights import build_method, find_method_weights
from bench.options import (
    POSITIVE,
    assignments,
    data_root_option,
    debug_option,
    device_option,
    names,
    seed_option,
    weights_root_option,
)
from bench.pictures import grid, save_png
from bench.plan import Preset
from bench.progress import progress_bar
from bench.sampling import check_instances, draw_row, parse_part


@click.command()
@click.option("--method", "method_names", required=True, callback=names, help="Method, or comma list of methods.")
@click.option("--dataset", "dataset_name", default="paperdolls2", show_default=True, help="Data set; its val split.")
@click.option("--vary", default="image", show_default=True, metavar="WHAT", help="image, class:NAME or instance:ID.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PNG to write.")
@click.option("--items", type=POSITIVE, default=4, show_default=True, help="Layouts, from the first on.")
@click.option("--samples", type=POSITIVE, default=6, show_default=True, help="Images per layout.")
@click.option("--scale", type=POSITIVE, default=2, show_default=True, help="Enlarge every pixel so many times.")
@click.option("--preset", type=click.Choice(["tiny", "paper"]), help="Network sizes [default: tiny on paperdolls].")
@click.option("--weights", callback=assignments, multiple=True, help="METHOD=FILE: weights of `bench train`.")
@click.option("--untrained", is_flag=True, help="Random weights, to see what a network does before it has learnt.")
@weights_root_option
@data_root_option
@seed_option
@device_option
@debug_option
def command(
    method_names: tuple[str, ...],
    dataset_name: str,
    vary: str,
    output: Path,
    items: int,
    samples: int,
    scale: int,
    preset: Preset | None,
    weights: dict[str, Path],
    untrained: bool,
    weights_root: Path,
    data_root: Path,
    seed: int,
    device: str,
) -> None:
    """Draw a grid of images that vary in one part.

    One row per layout: the coloured layout, its photo, then samples. With --vary image every sample has a style of
    its own; with class:NAME or instance:ID one style is kept and only that part gets new ones, as far as the method
    can: one that styles whole images changes everything, one without styles nothing. The images are those that the
    metrics of `bench run` see with the same seed. Several methods give a block of rows each.

    Try it: bench sample --method truth --vary class:top -o grid.png
    """
    data = find_dataset(dataset_name, data_root)
    specs = [resolve("method", methods(), name) for name in method_names]
    part = parse_part(vary, data)
    preset = preset or default_preset(data.name)
    where = choose_device(device)
    dataset = data.open("val", data_root)
    found = [
        find_method_weights(spec, data.name, preset, weights_root, weights.get(spec.name), untrained=untrained)
        for spec in specs
    ]
    indices = range(min(items, len(dataset)))
    check_instances(part, [dataset[index] for index in indices])
    rows = []
    with progress_bar() as progress:
        task = progress.add_task("Drawing", total=len(indices) * len(specs), status="")
        for spec, files in zip(specs, found, strict=True):
            method = build_method(spec, config_for(spec, data, preset), files, where)
            for index in indices:
                rows.append(draw_row(method, dataset, index, part, samples, seed, where))
                progress.update(task, advance=1, status=spec.title)
    save_png(output, grid(rows, scale=scale))
    click.echo(f"{output}: layout, photo, {samples} samples; varied: {part.title}")
    for number, (spec, files) in enumerate(zip(specs, found, strict=True)):
        first, last = number * len(indices) + 1, (number + 1) * len(indices)
        click.echo(f"rows {first}-{last}: {spec.title}{' (untrained)' if files.untrained else ''}")
