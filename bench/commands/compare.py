"""`bench compare`: two sets of results compared number by number."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from bench.common.options import debug_option, json_option
from bench.results.drift import FACTOR_HELP, compare, drifted, read_values, shown


@click.command()
@click.argument("before", type=click.Path(exists=True, path_type=Path))
@click.argument("after", type=click.Path(exists=True, path_type=Path))
@click.option("--tolerance", "factor", type=click.FloatRange(min=0), default=1.0, help=FACTOR_HELP)
@json_option
@debug_option
def command(*, before: Path, after: Path, factor: float, as_json: bool) -> None:
    """Compare two results, and end with exit code 1 if a number moved or is gone.

    BEFORE and AFTER are folders of records (or results), baselines of `bench check`, or CSV tables of `bench run` or
    `bench export`. Tolerances are those of `bench check`.

    Example: bench compare results-old results
    """
    changes = compare(read_values(before), read_values(after), factor)
    click.echo(shown(changes, as_json=as_json))
    if drifted(changes):
        raise SystemExit(1)
