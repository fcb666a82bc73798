"""Runs of the command line that take a second: few layouts, few images, random weights."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from bench.commands.cli import cli
from bench.results.records import Record
from bench.results.store import RecordStore

SMALL = (
    *("--untrained", "--limit", "6", "--repeats", "2", "--num-workers", "0", "--device", "cpu"),
    *("--set", "region.layouts=2", "--set", "region.images=3", "--set", "fid.reference_limit=20"),
)


def bench(*words: str | Path) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words], prog_name="bench")


def measure(out: Path, *words: str | Path, methods: str = "truth,inade", dataset: str = "paperdolls2") -> Result:
    """Run a small `bench run`."""
    return bench("run", "--methods", methods, "--dataset", dataset, "--out", out, *SMALL, *words)


def records(out: Path) -> list[Record]:
    """Read the records of a run."""
    return list(RecordStore(out))


def values(out: Path) -> dict[tuple[str, str], float]:
    """Read all numbers of a run: (method, column) -> value."""
    return {(record.cell.method, column): value for record in records(out) for column, value in record.values.items()}


def tables(out: Path) -> dict[str, bytes]:
    """Read the tables of a run."""
    return {path.name: path.read_bytes() for path in sorted((out / "tables").iterdir())}


def times(out: Path) -> dict[str, int]:
    """Say when each record was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "records").glob("*.json")}


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object."""
    result: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return result
