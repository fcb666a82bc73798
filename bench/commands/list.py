"""`bench list`: names that other commands take, each with one line about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import rich_click as click

from bench.common import catalog
from bench.common.lines import aligned
from bench.common.options import debug_option, json_option
from bench.results.tables import published
from bench.weights.known import WEIGHT_FILES, default_root

Lines = Mapping[str, str]  # name -> one line


def _of(table: catalog.Table) -> Lines:
    return {name: line for name, (*_, line) in table.items()}


def _methods() -> Lines:
    return _of(catalog.methods())


def _datasets() -> Lines:
    from bench.datasets import DATASETS

    return _of(DATASETS)


def _metrics() -> Lines:
    from metrics import METRICS

    return _of(METRICS)


def _segmenters() -> Lines:
    from segmenters import SEGMENTERS

    return _of(SEGMENTERS)


def _protocols() -> Lines:
    from metrics.protocol import PROTOCOLS

    return {
        name: f"{protocol.repeats} runs; see bench protocols --explain {name}" for name, protocol in PROTOCOLS.items()
    }


def _tables() -> Lines:
    tables = map(published.published_table, published.table_files())
    return {table.id: f"{table.paper}: {table.caption}" for table in tables}


def _weights() -> Lines:
    root = default_root()
    return {name: f"{weights.use} ({weights.state(root)})" for name, weights in WEIGHT_FILES.items()}


KINDS: dict[str, Callable[[], Lines]] = {
    "methods": _methods,
    "datasets": _datasets,
    "metrics": _metrics,
    "protocols": _protocols,
    "segmenters": _segmenters,
    "tables": _tables,
    "weights": _weights,
}


@click.command()
@click.argument("kind", metavar="|".join(KINDS))
@json_option
@debug_option
def command(kind: str, as_json: bool) -> None:
    """List the methods, datasets, metrics, protocols, segmenters, tables or weights that the suite knows.

    Example: bench list methods
    """
    catalog.check_name("kind of thing", KINDS, kind)
    rows = [{"name": name, "about": line} for name, line in KINDS[kind]().items()]
    click.echo(json.dumps(rows, indent=1) if as_json else aligned(rows, head=False))
