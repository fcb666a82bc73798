"""Measure methods on data sets and print the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click
from torch import Tensor

from bench.common.files import check_writable, write_text
from bench.common.keys import content_key
from bench.common.options import POSITIVE, assignments, common_options, names, weights_root_option
from bench.common.progress import Reporter, progress_bar
from bench.evaluation.measure import Evaluation
from bench.evaluation.networks import FeatureNetworks
from bench.evaluation.one_pass import SaveImages
from bench.evaluation.plan import CellPlan, Wishes, plan_cells
from bench.evaluation.shards import ShardStore
from bench.results.records import Preset, Record
from bench.results.store import RecordStore
from bench.results.tables.latex import latex
from bench.results.tables.run_table import free_csv, free_table
from bench.results.tables.writers import text
from bench.synthesis.devices import choose_device
from bench.synthesis.grids import save_png
from metrics.base import MetricSpec
from metrics.columns import Column


def columns_of(specs: Sequence[MetricSpec]) -> list[Column]:
    """The columns a table needs for these metrics."""
    columns = (column for spec in specs for column in spec.columns)
    return [Column(c.key, c.title, c.better, c.decimals, c.unit) for c in columns]


def image_writer(folder: Path) -> Any:  # noqa: ANN401 - CellPlan -> SaveImages
    """Write every image as PNG: <folder>/<method>/<data set>/run<r>/<item>.png."""

    def of(plan: CellPlan) -> SaveImages:
        def save(keys: Sequence[str], images: Tensor) -> None:
            for key, styles in zip(keys, images, strict=True):
                for run, photo in enumerate(styles.movedim(1, -1).cpu().numpy(), start=1):
                    place = folder / plan.cell.method / plan.cell.dataset / f"run{run}"
                    save_png(place / f"{Path(key).name}.png", photo)

        return save

    return of


def table_name(datasets: Sequence[str], protocol: str) -> str:
    """Name a table's files after data and protocol; many settings are hashed, as file names have 255 bytes at most."""
    name = "-".join([*datasets, protocol])
    if len(name) <= 150:
        return name
    return f"{'-'.join([*datasets, protocol.partition('+')[0]])[:120]}+{content_key({'name': name})}"


def failure_lines(records: Sequence[Record]) -> list[str]:
    """Say what failed, one line for all metrics of a cell that failed for one reason."""
    failed: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record.status == "failed":
            failed.setdefault((record.cell.title, record.reason), []).append(record.metric)
    return [f"error: {cell}, {', '.join(metrics)}: {reason}" for (cell, reason), metrics in failed.items()]


def write_tables(folder: Path, stem: str, records: Sequence[Record], plans: Sequence[CellPlan]) -> str:
    """Write the table as text, CSV and LaTeX; returns the text, and where it lies."""
    columns = columns_of(list({spec.name: spec for plan in plans for spec in plan.metrics}.values()))
    titles = {plan.method.name: plan.method.title for plan in plans}
    table = free_table(records, columns, titles, name=stem)
    shown = text(table)
    write_text(folder / f"{stem}.txt", shown)
    write_text(folder / f"{stem}.csv", free_csv(records, columns, titles))
    write_text(folder / f"{stem}.tex", latex(table))
    return f"{shown}\nWritten: {folder / stem}.txt, .csv, .tex; records in {folder.parent / 'records'}"


@click.command()
@click.option("--methods", "method_names", required=True, callback=names, help="Comma list; see `bench list methods`.")
@click.option(
    "--dataset", "dataset_names", required=True, callback=names, help="Comma list; see `bench list datasets`."
)
@click.option("--protocol", help="Named protocol; see `bench protocols` [default: mini on paperdolls, else inade2021].")
@click.option("--set", "settings", multiple=True, help="Change one choice of the protocol, e.g. fid.real_split=val.")
@click.option("--metrics", "metric_names", callback=names, help="Comma list [default: all that the data set allows].")
@click.option("--preset", type=click.Choice(["tiny", "paper"]), help="Network sizes [default: tiny on paperdolls].")
@click.option("--repeats", type=POSITIVE, help="Runs with other noise [default: the protocol's].")
@click.option(
    "--weights", callback=assignments, multiple=True, help="METHOD=FILE: weights of `bench train`, repeatable."
)
@weights_root_option
@click.option("--untrained", is_flag=True, help="Random weights, to try things out; every table will say so.")
@click.option("--allow-unknown-weights", is_flag=True, help="Accept networks with an unknown hash; tables say so.")
@click.option("--fresh", is_flag=True, help="Measure again what is already on record.")
@click.option("--dry-run", is_flag=True, help="Check that everything is there, say what would run, and stop.")
@click.option("--save-images", type=click.Path(file_okay=False, path_type=Path), help="Also write every image as PNG.")
@common_options("results")
def command(
    method_names: tuple[str, ...],
    dataset_names: tuple[str, ...],
    protocol: str | None,
    settings: tuple[str, ...],
    metric_names: tuple[str, ...],
    preset: Preset | None,
    repeats: int | None,
    weights: dict[str, Path],
    weights_root: Path,
    untrained: bool,
    allow_unknown_weights: bool,
    fresh: bool,
    dry_run: bool,
    save_images: Path | None,
    data_root: Path,
    limit: int | None,
    seed: int,
    device: str,
    batch_size: int,
    num_workers: int,
    out: Path,
    as_json: bool,
) -> None:
    """Measure methods on data sets and print the table.

    Records go to OUT/records, one JSON file per number; what is on record is not measured again, so a run that was
    stopped goes on where it was. Tables go to OUT/tables as text, CSV and LaTeX.

    Try it: bench run --methods truth,spade,inade --dataset paperdolls2
    """
    wishes = Wishes(
        method_names, dataset_names, metric_names, protocol, settings, preset, repeats, limit, seed, untrained, weights
    )
    plans = plan_cells(wishes, data_root, weights_root)
    networks = FeatureNetworks(weights_root, choose_device(device), allow_unknown_weights)
    store = RecordStore(out)
    keys = {plan.cell: [plan.key(spec, networks) for spec in plan.metrics] for plan in plans}
    if dry_run:
        for plan in plans:
            there = sum(key in store for key in keys[plan.cell])
            click.echo(f"{plan.cell.title}: {len(plan.metrics)} metrics, {there} on record, {plan.num_layouts} layouts")
        return
    check_writable(out)
    records = []
    with progress_bar() as progress:
        evaluation = Evaluation(
            store,
            ShardStore(out / "state"),
            networks,
            out / "cache",
            data_root,
            batch_size,
            Reporter(progress),
            num_workers,
            image_writer(save_images) if save_images else None,
        )
        for plan in plans:
            records += evaluation.run(plan, fresh=fresh)
        evaluation.reporter.finish()
    used = list(dict.fromkeys(plan.data.name for plan in plans))
    shown = write_tables(out / "tables", table_name(used, plans[0].protocol.name), records, plans)
    click.echo(json.dumps([asdict(record) for record in records], indent=1) if as_json else shown)
    if failures := failure_lines(records):
        click.echo("\n".join(failures), err=True)
        raise SystemExit(1)
