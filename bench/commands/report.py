"""`bench report`: records shown as one HTML file."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from bench.common.files import write_text
from bench.common.options import (
    FOLDER,
    POSITIVE,
    data_root_option,
    debug_option,
    device_option,
    records_option,
    seed_option,
    weights_root_option,
)
from bench.results.report.page import page
from bench.results.report.pictures import Gallery, files_of
from bench.results.store import ON_RECORD, read_records


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="HTML file to write. [default: report.html, unless --plots is given]",
)
@records_option("results/records, and results/costs of the suite")
@click.option("--title", default="Semantic image synthesis: report", show_default=True, help="Title of the page.")
@click.option("--samples", type=POSITIVE, help="Draw this many images per row, of the methods whose weights are there.")
@click.option("--pictures", "folder", type=FOLDER, help="Also show the PNG and WebP files of this folder.")
@click.option("--plots", type=FOLDER, help="Also write every chart as PNG and PDF into this folder.")
@weights_root_option
@data_root_option
@seed_option
@device_option
@debug_option
def command(
    *,
    output: Path | None,
    folders: tuple[Path, ...],
    title: str,
    samples: int | None,
    folder: Path | None,
    plots: Path | None,
    weights_root: Path,
    data_root: Path,
    seed: int,
    device: str,
) -> None:
    """Write one HTML file that shows all records; it works offline and can be sent around.

    It holds tables that sort, quality against diversity, bars with intervals, images, the choices of the protocols, and
    where every number comes from. Nothing is measured. --samples draws images, as the metrics saw them with the same
    seed and the weights whose hash the records name.

    Example: bench report --samples 6 -o report.html
    """
    if output is None and plots is None:
        output = Path("report.html")
    records = read_records(folders or ON_RECORD, needed=bool(folders))
    if plots is not None:
        from bench.results.report.plots import write_plots  # loads matplotlib

        for path in write_plots(records, plots):
            click.echo(path)
    if output is not None:
        gallery = files_of(folder) if folder else Gallery()
        if samples is not None:
            from bench.synthesis.devices import choose_device  # loads torch
            from bench.synthesis.gallery import Workshop, draw_gallery

            where = choose_device(device)
            workshop = Workshop(weights_root=weights_root, data_root=data_root, seed=seed, device=where)
            gallery = draw_gallery(records, samples, gallery, workshop)
        write_text(output, page(records, title, gallery))
        click.echo(f"{output}: {len(records)} records")
