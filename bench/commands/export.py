"""`bench export`: all records as one CSV file."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from bench.common.files import write_text
from bench.common.lines import as_csv
from bench.common.options import debug_option, records_option
from bench.results.frames import lines_of
from bench.results.store import read_records


@click.command()
@records_option("results")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    show_default="standard output",
    help="CSV file to write.",
)
@debug_option
def command(*, folders: tuple[Path, ...], output: Path | None) -> None:
    """Write all records as one CSV file, with one line per number.

    From Python, `bench.frame("results")` gives the same lines as a pandas DataFrame.

    Example: bench export --records results -o all.csv
    """
    text = as_csv(list(lines_of(read_records(folders or [Path("results")], needed=True))))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)
        click.echo(output)
