"""`bench doctor`: is everything there?"""

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
@click.option("--methods", "method_names", callback=names, help="Comma list: are their weights there?")
@click.option("--dataset", "dataset_names", callback=names, help="Comma list: are their files there?")
@click.option("--protocol", help="Also check what this protocol needs [default: mini on paperdolls, else inade2021].")
@click.option("--preset", type=click.Choice(["tiny", "paper"]), help="Network sizes [default: tiny on paperdolls].")
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
    """Check the machine, and that all is there for a run; what is missing is said with the way out.

    Without --dataset only the machine is checked: versions, device, threads, disk, memory. With it also the data, the
    feature networks of its default metrics (by hash), and the weights of --methods. Exit code 0 if all that was asked
    for is there, else 1.

    Example: bench doctor --methods spade,inade --dataset deepfashion2
    """
    if (method_names or protocol) and not dataset_names:
        raise UserError("Weights and protocols belong to data: add --dataset, for example --dataset paperdolls2.")
    places = Places(data_root, weights_root, preset)
    checks = [*check_machine(device, Path()), *check_run(method_names, dataset_names, protocol, places)]
    rows = [asdict(check) for check in checks]
    click.echo(json.dumps(rows, indent=1) if as_json else aligned(rows, head=False))
    if any(check.state == "missing" for check in checks):
        raise SystemExit(1)
