"""`bench check`: numbers measured again and compared with a baseline."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from bench.common.errors import UserError
from bench.common.files import write_text
from bench.common.options import POSITIVE, debug_option, device_option, json_option, names
from bench.common.places import BASELINE
from bench.common.progress import Reporter, progress_bar
from bench.results.drift import FACTOR_HELP, baseline_of, baseline_values, compare, drifted, markdown, shown, values_of
from bench.results.records import Record


@click.command()
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    default=BASELINE,
    show_default="results/baselines/paperdolls.json of the suite",
    help="File of accepted numbers.",
)
@click.option("--accept", is_flag=True, help="Write what is measured now to --baseline instead of comparing.")
@click.option(
    "--methods", callback=names, help="With --accept: measure these methods (comma list) instead of the baseline's."
)
@click.option("--dataset", "datasets", callback=names, help="With --accept: measure on these data sets (comma list).")
@click.option("--metrics", callback=names, help="With --accept: measure these metrics (comma list).")
@click.option("--protocol", help="With --accept: measure under this protocol.")
@click.option(
    "--set", "settings", multiple=True, help="With --accept: change a choice of the protocol; may be repeated."
)
@click.option("--limit", type=POSITIVE, help="With --accept: use the first N label maps only.")
@click.option("--tolerance", "factor", type=click.FloatRange(min=0), default=1.0, help=FACTOR_HELP)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Keep the records in this folder.")
@click.option(
    "--summary",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append the table as Markdown to this file, e.g. $GITHUB_STEP_SUMMARY.",
)
@device_option
@json_option
@debug_option
def command(
    *,
    baseline: Path,
    accept: bool,
    methods: tuple[str, ...],
    datasets: tuple[str, ...],
    metrics: tuple[str, ...],
    protocol: str | None,
    settings: tuple[str, ...],
    limit: int | None,
    factor: float,
    out: Path | None,
    summary: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Measure again what a baseline holds, and end with exit code 1 if a number moved.

    A number may move by 0.05 % or a twentieth of the standard deviation of its runs, whichever is more, as rounding
    differs between machines; mIoU may move by another 0.02 points and accuracy by another 0.01. A metric with a new
    version, other weights or another definition is never compared: look at the change, then accept it with --accept.

    Example: bench check --baseline results/baselines/paperdolls.json
    """
    named = {"methods": methods, "datasets": datasets, "metrics": metrics, "protocol": protocol, "settings": settings}
    chosen = {key: value for key, value in {**named, "limit": limit}.items() if value}
    if chosen and not accept:
        raise UserError(
            f"Other {', '.join(chosen)} than the baseline's do not compare with it: add --accept for a new one."
        )
    before = _read(baseline, needed=not {"methods", "datasets"} <= chosen.keys())
    wanted = {**before.get("measured", {}), **{k: list(v) if isinstance(v, tuple) else v for k, v in chosen.items()}}
    with tempfile.TemporaryDirectory() as folder:
        records = _measured(wanted, out or Path(folder), device)
    failed = [
        f"{record.cell.title}, {record.metric}: {record.reason}" for record in records if record.status == "failed"
    ]
    if accept:
        if failed:
            raise UserError(f"{baseline} was not written, as not all could be measured: {'; '.join(failed)}")
        write_text(baseline, baseline_of(wanted, records))
        click.echo(f"{baseline}: {len(values_of(records))} numbers accepted")
        return
    changes = compare(baseline_values(before), values_of(records), factor)
    click.echo(shown(changes, as_json=as_json))
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(markdown(changes, f"Drift against {baseline.name}"))
    if any(change.status == "redefined" for change in changes):
        click.echo(
            f"Numbers with a new definition need a new baseline: bench check --baseline {baseline} --accept", err=True
        )
    if drifted(changes):
        raise SystemExit(1)


def _read(path: Path, *, needed: bool) -> dict[str, Any]:
    if not path.exists() and not needed:
        return {}
    try:
        baseline: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        baseline_values(baseline)
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: no such baseline. Make one with: bench check --baseline {path} --accept --methods M --dataset D"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a baseline of `bench check` ({error}).") from error
    return baseline


def _measured(wanted: Mapping[str, Any], out: Path, device: str) -> list[Record]:
    from bench.evaluation.measure import Session  # torch, only now that there is something to do
    from bench.evaluation.plan import Request

    session = Session(out=out, device=device)
    request = Request(
        methods=wanted["methods"],
        datasets=wanted["datasets"],
        metrics=wanted.get("metrics", ()),
        protocol=wanted.get("protocol"),
        settings=wanted.get("settings", ()),
        limit=wanted.get("limit"),
    )
    cells = session.plan(request)
    with progress_bar() as progress:
        return session.measure(cells, Reporter(progress), fresh=True)
