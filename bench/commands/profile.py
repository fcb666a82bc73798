"""`bench profile`: the costs of drawing one image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rich_click as click
import torch
from rich.box import SIMPLE
from rich.table import Table

from bench.common.catalog import methods, resolve, title_of
from bench.common.files import check_writable
from bench.common.lines import Rows, as_csv, drawn
from bench.common.options import POSITIVE, debug_option, device_option, json_option, names, out_option
from bench.common.progress import progress_bar
from bench.evaluation.costs import CostPlan, measure, plan_costs
from bench.results.records import Preset, Record
from bench.results.store import RecordStore
from bench.synthesis.devices import choose_device, device_name
from metrics.complexity import energy_counter
from models.base import MethodSpec

HEADS = {  # key -> head, decimals
    "params_m": ("Parameters (M)", 2),
    "params_with_encoder_m": ("with encoder (M)", 2),
    "gmacs": ("macs (G)", 2),
    "gmacs_paper": ("macs_paper (G)", 2),
    "gmacs_einsum": ("INADE's einsums (G)", 2),
    "gflops": ("flops (G)", 2),
    "seconds": ("Time (s)", 4),
    "seconds_p10": ("10 % below", 4),
    "seconds_p90": ("10 % above", 4),
    "calls": ("calls", 0),
    "memory_mb": ("Memory (MB)", 0),
    "memory_beside_mb": ("beside the network", 0),
    "memory_reserved_mb": ("reserved", 0),
    "joules": ("Energy (J)", 2),
}
NOTES = """\
One image of a fixed layout. Parameters are the generator's, then with its encoder. macs are all multiply-adds that run,
flops twice as many. macs_paper, the INADE paper's, follow thop 0.0.31: biases count, functions do not, transposed
convolutions by their output. INADE's einsums are what its authors' form of the modulation adds, by formula; here it is
a look-up."""


@click.command()
@click.option(
    "--methods",
    "method_names",
    required=True,
    callback=names,
    help="Comma list of methods, or all; see `bench list methods`.",
)
@click.option(
    "--dataset",
    "dataset_names",
    default="paperdolls2",
    show_default=True,
    callback=names,
    help="Comma list of data sets, or all; sizes and classes are theirs, but none of their files is read.",
)
@click.option(
    "--preset",
    type=click.Choice(["tiny", "paper"]),
    show_default="tiny on paperdolls, else paper",
    help="Network sizes.",
)
@click.option("--time", "timed", is_flag=True, help="Also measure time; on a GPU also memory and energy.")
@click.option(
    "--repeats",
    "rounds",
    type=POSITIVE,
    default=1,
    show_default=True,
    help="Rounds of timed calls, each of 5 images on a CPU and 100 on a GPU.",
)
@click.option("--fresh", is_flag=True, help="Measure again what is already on record.")
@click.option("--csv", "csv_wanted", is_flag=True, help="Print CSV on standard output instead of a table.")
@out_option("results")
@json_option
@device_option
@debug_option
def command(
    *,
    method_names: tuple[str, ...],
    dataset_names: tuple[str, ...],
    preset: Preset | None,
    timed: bool,
    rounds: int,
    fresh: bool,
    csv_wanted: bool,
    out: Path,
    as_json: bool,
    device: str,
) -> None:
    """Count parameters and operations of generators and, with --time, measure the time of one image.

    No weights and no data are needed: networks are untrained and draw one fixed layout. Records go
    to OUT/records, and `bench table` shows them; what is on record is not measured again. A method without a network
    for a data set is skipped.

    Parameters: trainable numbers, shared ones once; without running statistics and spectral norm's vectors. Rule macs:
    every multiply-add that runs, functions too, by torch's counter. Rule flops: twice macs. Rule macs_paper: what the
    INADE paper prints as FLOPs (thop 0.0.31: layers only, biases count, leaky ReLU counts one per number, transposed
    convolutions by their output); set it beside printed numbers only and rank by macs. Norms, other activations and
    resizing count nothing.

    Time: from label map to image, one image per call, without drawing the style and copying to the device; spectral
    norm is folded into the weights; float32 without TF32. After a warm-up (10 calls on a GPU, 2 elsewhere) every call
    is timed, on a GPU by its events; the median, the 10th and 90th percentile and the number of calls are kept. A time
    on a CPU is marked (*) if the process had the CPU for less than 95 % of it, as others used the machine. Memory: the
    peak of one call by torch's counters, with the network, and without; what torch reserved; blank on a CPU, which has
    no such counter. Energy: a GPU's own counter over 5 seconds, where the package nvidia-ml-py is installed; else
    blank.

    Example: bench profile --methods spade,inade --dataset deepfashion,ade20k
    """
    wanted = methods() if method_names == ("all",) else method_names
    specs: list[MethodSpec[Any]] = [resolve("method", methods(), name) for name in wanted]
    datasets = _all_datasets(specs) if dataset_names == ("all",) else dataset_names
    plans, skipped = plan_costs(specs, datasets, preset)
    for reason in skipped:
        click.echo(f"skipped: {reason}", err=True)
    check_writable(out)
    where = choose_device(device)
    metrics = [
        "params",
        "macs",
        *(["seconds"] if timed else []),
        *(["memory"] if timed and where.type == "cuda" else []),
        *(["energy"] if timed and energy_counter(where) else []),
    ]
    rows = _profiled(plans, metrics, RecordStore(out), where, rounds, fresh)
    click.echo(json.dumps(rows, indent=1) if as_json else as_csv(rows).rstrip() if csv_wanted else _table(rows))


def _profiled(
    plans: Sequence[CostPlan],
    metrics: Sequence[str],
    store: RecordStore,
    device: torch.device,
    rounds: int,
    fresh: bool,
) -> list[dict[str, Any]]:
    title, rows = device_name(device), []
    with progress_bar() as progress:
        task = progress.add_task("Profiling", total=len(plans), status="")
        for plan in plans:
            progress.update(task, status=f"{title_of(plan.spec.name)} on {plan.dataset}")
            keys = {metric: plan.key(metric, title) for metric in metrics}
            missing = [metric for metric, key in keys.items() if fresh or key not in store]
            for record in measure(plan, missing, device, title, rounds) if missing else []:
                store.add(record)
            rows.append(_row(plan, [store[key] for key in keys.values()]))
            progress.advance(task)
    return rows


def _all_datasets(specs: Sequence[MethodSpec[Any]]) -> list[str]:
    return list(dict.fromkeys(name for spec in specs for name in spec.configs))


def _row(plan: CostPlan, records: Sequence[Record]) -> dict[str, Any]:
    values = {key: value for record in records for key, value in record.values.items()}
    about = {"method": plan.spec.name, "preset": plan.preset, "dataset": plan.dataset, **plan.sizes}
    timed = [record.provenance for record in records if record.metric == "seconds"]
    doubts = " ".join(doubt for record in records for doubt in record.doubts)
    return {
        **about,
        **{key: values.get(key) for key in HEADS},
        "device": timed[0].device if timed else None,
        "precision": timed[0].precision if timed else None,
        "doubts": doubts or None,
    }


def _table(rows: Rows) -> str:
    """Draw a table as wide as its numbers, without the columns that are empty, and say what was drawn."""
    shown = {key: head for key, head in HEADS.items() if any(row[key] is not None for row in rows)}
    table = Table(box=SIMPLE, pad_edge=False)
    for head in ("Method", "Data set", "Layout"):
        table.add_column(head, no_wrap=True)
    for head, _ in shown.values():
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        numbers = [_number(row, key, decimals) for key, (_, decimals) in shown.items()]
        size = f"{row['height']}x{row['width']}, {row['classes']} classes, {row['instances']} instances"
        table.add_row(f"{row['method']} ({row['preset']})", str(row["dataset"]), size, *numbers)
    devices = dict.fromkeys(f"Timed on {row['device']}: {row['precision']}." for row in rows if row["device"])
    doubts = dict.fromkeys(f"* {row['method']} on {row['dataset']}: {row['doubts']}" for row in rows if row["doubts"])
    return "\n".join([drawn(table), NOTES, *devices, *doubts])


def _number(row: Mapping[str, Any], key: str, decimals: int) -> str:
    if row[key] is None:
        return "-"
    return f"{row[key]:.{decimals}f}{'*' if key == 'seconds' and row['doubts'] else ''}"
