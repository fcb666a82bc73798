"""`bench doctor`: a check that everything is there for a run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import rich_click as click

from bench.common.errors import UserError
from bench.common.lines import aligned
from bench.common.options import data_root_option, debug_option, device_option, json_option, names, weights_root_option
from bench.evaluation.doctor import Places, check_machine, check_run
from bench.results.records import Preset


@click.command()
@click.option("--methods", "method_names", callback=names, help="Methods whose weights to look for, a comma list.")
@click.option("--dataset", "dataset_names", callback=names, help="Data sets whose files to look for, a comma list.")
@click.option(
    "--protocol",
    show_default="mini on paperdolls, else inade2021",
    help="Protocol whose networks and photos to look for.",
)
@click.option(
    "--preset",
    type=click.Choice(["tiny", "paper"]),
    show_default="tiny on paperdolls, else paper",
    help="Network sizes.",
)
@data_root_option
@weights_root_option
@device_option
@json_option
@debug_option
def command(
    method_names: tuple[str, ...],
    dataset_names: tuple[str, ...],
    protocol: str | None,
    preset: Preset | None,
    data_root: Path,
    weights_root: Path,
    device: str,
    as_json: bool,
) -> None:
    """Check that everything is there for a run, and say how to get what is missing.

    Without --dataset only the machine is checked: versions, device, threads, disk, memory. With it also the data, the
    feature networks of its default metrics (by hash), and the weights of --methods. Exit code 0 if all that was asked
    for is there, else 1.

    Example: bench doctor --methods spade,inade --dataset deepfashion2
    """
    if (method_names or protocol) and not dataset_names:
        raise UserError("--methods and --protocol need a data set: add --dataset, for example --dataset paperdolls2.")
    places = Places(data_root, weights_root, preset)
    checks = [*check_machine(device, Path()), *check_run(method_names, dataset_names, protocol, places)]
    rows = [asdict(check) for check in checks]
    click.echo(json.dumps(rows, indent=1) if as_json else aligned(rows, head=False))
    if any(check.state == "missing" for check in checks):
        raise SystemExit(1)
