"""`bench run`: methods measured on data sets, and the table of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click

from bench.common.keys import content_key
from bench.common.options import FOLDER, POSITIVE, assignments, common_options, names, picked, weights_root_option
from bench.common.progress import Reporter, progress_bar
from bench.evaluation.measure import Session
from bench.evaluation.plan import CellPlan, Request
from bench.results.records import Record
from bench.results.tables.run_table import RunTable
from bench.results.tables.writers import text, write_table


def table_name(datasets: Sequence[str], protocol: str) -> str:
    """Name a table's files after data and protocol; a name that is too long for a file ends in a hash."""
    name = "-".join([*datasets, protocol])
    if len(name) <= 150:
        return name
    return f"{'-'.join([*datasets, protocol.partition('+')[0]])[:120]}+{content_key({'name': name})}"


def failure_lines(records: Sequence[Record]) -> list[str]:
    """Write one line per cell and reason of failure, with all metrics that failed for it."""
    failed: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record.status == "failed":
            failed.setdefault((record.cell.title, record.reason), []).append(record.metric)
    return [f"error: {cell}, {', '.join(metrics)}: {reason}" for (cell, reason), metrics in failed.items()]


def write_tables(folder: Path, stem: str, records: Sequence[Record], plans: Sequence[CellPlan]) -> str:
    """Write the table as text, CSV and LaTeX; return the text and the places of the files."""
    columns = dict.fromkeys(column for plan in plans for spec in plan.metrics for column in spec.columns)
    table = RunTable(records, columns, dict.fromkeys(plan.method.name for plan in plans))
    grid = table.grid(stem)
    write_table(folder / stem, grid, table.csv(), ("text", "csv", "latex"))
    return f"{text(grid)}\nWritten: {folder / stem}.txt, .csv, .tex; records in {folder.parent / 'records'}"


@click.command()
@click.option("--methods", required=True, callback=names, help="Comma list of methods; see `bench list methods`.")
@click.option(
    "--dataset", "datasets", required=True, callback=names, help="Comma list of data sets; see `bench list datasets`."
)
@click.option(
    "--protocol", show_default="mini on paperdolls, else inade2021", help="Named protocol; see `bench protocols`."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    help="Change a choice of the protocol, e.g. fid.real_split=val; may be repeated.",
)
@click.option("--metrics", callback=names, show_default="all that the data set allows", help="Comma list of metrics.")
@click.option(
    "--preset",
    type=click.Choice(["tiny", "paper"]),
    show_default="tiny on paperdolls, else paper",
    help="Network sizes.",
)
@click.option("--repeats", type=POSITIVE, show_default="the protocol's", help="Number of runs, each with other noise.")
@click.option(
    "--weights", callback=assignments, multiple=True, help="METHOD=FILE, weights of `bench train`; may be repeated."
)
@weights_root_option
@click.option("--untrained", is_flag=True, help="Use random weights, to try things out; every table will say so.")
@click.option(
    "--allow-unknown-weights", is_flag=True, help="Accept feature networks with an unknown hash; tables will say so."
)
@click.option("--fresh", is_flag=True, help="Measure again what is already on record.")
@click.option("--dry-run", is_flag=True, help="Check that everything is there, print what would run, and stop.")
@click.option("--save-images", type=FOLDER, help="Also write every image as PNG into this folder.")
@common_options("results")
def command(*, fresh: bool, dry_run: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - those of two dataclasses
    """Measure methods on data sets and print the table.

    Records go to OUT/records, one JSON file per method, data set and metric; what is on record is not measured again,
    and a run that was stopped goes on where it was. Tables go to OUT/tables as text, CSV and LaTeX. `bench pack OUT`
    puts the records into one file.

    Example: bench run --methods truth,spade,inade --dataset paperdolls2
    """
    session = picked(Session, options)
    cells = session.plan(picked(Request, options))
    if dry_run:
        for cell in cells:
            there = sum(key in session.store for key in cell.keys.values())
            click.echo(f"{cell.cell.title}: {len(cell.metrics)} metrics, {there} on record, {cell.num_layouts} layouts")
        return
    with progress_bar() as progress:
        records = session.measure(cells, Reporter(progress), fresh=fresh)
    used = list(dict.fromkeys(cell.data.name for cell in cells))
    shown = write_tables(session.out / "tables", table_name(used, cells[0].protocol.name), records, cells)
    click.echo(json.dumps([asdict(record) for record in records], indent=1) if as_json else shown)
    if failures := failure_lines(records):
        click.echo("\n".join(failures), err=True)
        raise SystemExit(1)
