"""`bench profile`: what an image costs."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.catalog import methods, resolve
from bench.cells import choose_config, default_preset
from bench.commands.run import names
from bench.devices import choose_device
from bench.lines import Rows, as_csv
from bench.method_weights import MethodWeights, build_method
from bench.options import POSITIVE, data_root_option, debug_option, device_option, json_option
from bench.plan import Preset
from bench.profiling import check_dataset, first_layout, profile
from bench.progress import progress_bar
from models.base import MethodSpec

HEADS = {  # key -> head, decimals
    "params_m": ("Parameters (M)", 2),
    "gmacs": ("MACs (G)", 2),
    "gmacs_paper": ("FLOPs, INADE paper's rule (G)", 2),
    "gflops": ("FLOPs (G)", 2),
    "seconds": ("Time (s)", 4),
    "memory_mb": ("Memory (MB)", 0),
}


@click.command()
@click.option("--methods", "method_names", required=True, callback=names, help="Comma list; see `bench list methods`.")
@click.option("--dataset", default="paperdolls2", show_default=True, help="Data set that decides sizes and classes.")
@click.option("--preset", type=click.Choice(["tiny", "paper"]), help="Network sizes [default: tiny on paperdolls].")
@click.option(
    "--repeats",
    type=POSITIVE,
    default=1,
    show_default=True,
    help="Time measurements whose median counts; each draws 5 images on a CPU, 100 on a GPU.",
)
@click.option("--csv", "csv_wanted", is_flag=True, help="Print CSV on standard output instead of a table.")
@json_option
@data_root_option
@device_option
@debug_option
def command(
    method_names: tuple[str, ...],
    dataset: str,
    preset: Preset | None,
    repeats: int,
    csv_wanted: bool,
    as_json: bool,
    data_root: Path,
    device: str,
) -> None:
    """Count parameters and operations of the generator, and measure time and memory of one image (batch 1).

    No weights are needed: the networks are untrained, and cost does not depend on weights. The layout is the first of
    the data set's val split, or stripes of its size and classes where its files are not there. MACs are all
    multiply-adds that run, FLOPs twice as many. The INADE paper's rule counts one per multiply-add and bias of a
    layer, and nothing of functions without a layer; use it to compare with that paper's Table 3. Memory is known on
    a GPU only.

    Example: bench profile --methods spade,inade --dataset deepfashion
    """
    specs: list[MethodSpec[Any]] = [resolve("method", methods(), name) for name in method_names]
    check_dataset(dataset, specs)
    preset = preset or default_preset(dataset)
    configs = [choose_config(spec, dataset, preset) for spec in specs]
    where = choose_device(device)
    rows = []
    with progress_bar() as progress:
        task = progress.add_task(f"Profiling on {dataset}", total=len(specs), status="")
        for spec, config in zip(specs, configs, strict=True):
            progress.update(task, status=spec.title)
            layout, origin = first_layout(dataset, config, data_root)
            method = build_method(spec, config, MethodWeights(), where)
            cost = asdict(profile(method, layout.to(where), repeats))
            about = {"method": spec.name, "preset": preset, "dataset": dataset, "layout": origin, "device": str(where)}
            rows.append({**about, **cost})
            progress.advance(task)
    click.echo(json.dumps(rows, indent=1) if as_json else as_csv(rows).rstrip() if csv_wanted else _table(rows))


def _table(rows: Rows) -> str:
    """Draw a table as wide as its numbers, and say what was drawn."""
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("Method", no_wrap=True)
    for head, _ in HEADS.values():
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        numbers = ["-" if row[key] is None else f"{row[key]:.{decimals}f}" for key, (_, decimals) in HEADS.items()]
        table.add_row(f"{row['method']} ({row['preset']})", *numbers)
    text = io.StringIO()
    Console(file=text, width=1000).print(table)
    lines = [line.rstrip() for line in text.getvalue().splitlines() if line.strip()]
    what = (
        "the first layout"
        if rows[0]["layout"] == "real"
        else "a synthetic layout of its size, as its files are not there"
    )
    return "\n".join([*lines, f"{rows[0]['dataset']}: {what}; one image at a time on {rows[0]['device']}."])
