"""The folder of a training: run.json, how two runs differ by it, and tables with a row of numbers per step."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.common.errors import UserError
from bench.common.files import write_text

COMMAND = "command"  # the entry of run.json with the options that the run was started with


def write_run(folder: Path, described: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Write run.json: everything that decides the result, and the options to start the run again."""
    held = {**described, COMMAND: options}
    write_text(folder / "run.json", json.dumps(held, indent=2, sort_keys=True) + "\n")


def read_run(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What run.json holds: all that decides the result, and the options that the run was started with."""
    path = folder / "run.json"
    try:
        held: Any = json.loads(path.read_text(encoding="utf-8"))
        options: Any = held.pop(COMMAND, {})
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: there is no run to resume ({error}); start it without --resume.") from error
    return held, options


def read_options(folder: Path) -> dict[str, Any]:
    """The options that a run was started with."""
    options = read_run(folder)[1]
    if not isinstance(options, dict) or not options.get("name"):
        raise UserError(f"{folder / 'run.json'} does not hold the run's options; give --method and the others again.")
    return options


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The names of the entries in which two runs differ, such as `recipe.epochs`."""
    now, then = _flat(one), _flat(other)
    return sorted(key for key in now | then if now.get(key) != then.get(key))


def _flat(described: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in described.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def write_rows(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write rows of numbers as CSV, whole; a number that a row lacks stays blank."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text(path, text.getvalue())


def read_rows(path: Path, last: int) -> list[dict[str, float]]:
    """The rows that `write_rows` wrote, up to a step."""
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            found = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
        return [{**row, "step": int(row["step"])} for row in found if row["step"] <= last]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a table of `bench train` ({error}); move it away, then resume.") from error
