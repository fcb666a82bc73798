"""Committed records: all of a study in one file, one a line, beside the machines they were made on.

A study is a folder. While it runs, every record is a file of its own (bench/results/store.py); at rest it holds

    records.jsonl    one record a line, sorted; fields at their defaults are left out
    machines.json    name -> what many records share of their provenance: commit, versions, machine, batch size
    tables.npz       the tables that records were made of, named <key>/<table>

Equal records give equal bytes, whatever the order they came in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.common.arrays import Arrays, read_arrays, write_arrays
from bench.common.errors import UserError
from bench.common.files import write_text
from bench.common.keys import content_key
from bench.results.provenance import Provenance
from bench.results.records import Record

Machine = dict[str, Any]
_OF_THE_RECORD = ("start", "seconds")  # what differs from record to record of one machine
_NAME_LENGTH = 8  # hex digits; a study knows a handful of machines
_DEFAULTS = {  # MISSING where a record has to say
    each.name: each.default if each.default_factory is MISSING else each.default_factory() for each in fields(Record)
}


class Archive:
    """The records of a study that are at rest, none where nothing was packed."""

    def __init__(self, study: Path) -> None:
        self.lines = study / "records.jsonl"
        self.machines = study / "machines.json"
        self.arrays = study / "tables.npz"

    def exists(self) -> bool:
        """Tell whether anything was packed."""
        return self.lines.is_file()

    def records(self) -> Mapping[str, Record]:
        """Read all records by their keys; the file is parsed once, until it changes."""
        if not self.exists():
            return {}
        about = self.lines.stat()
        return _records(self.lines, self.machines, (about.st_ino, about.st_mtime_ns, about.st_size))

    def tables(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Read the tables of all records that have any: key -> name -> table."""
        found: dict[str, dict[str, NDArray[Any]]] = {}
        if not self.arrays.is_file():
            return found
        try:
            arrays = read_arrays(self.arrays)
        except ValueError as error:
            raise UserError(
                f"{self.arrays} does not hold tables of records ({error}): put it back from git or a copy."
            ) from error
        for member, table in arrays.items():
            key, _, name = member.partition("/")
            found.setdefault(key, {})[name] = table
        return found

    def write(self, records: Iterable[Record], tables: Mapping[str, Arrays]) -> None:
        """Write all records anew; every moment in between, what is there can be read."""
        machines: dict[str, Machine] = {}
        ordered = sorted(records, key=_place)
        lines = [_line(record, machines) for record in ordered]
        # The lines that are there still need their machines, until the new ones stand.
        write_text(self.machines, _machines_text({**(_machines(self.machines) if self.exists() else {}), **machines}))
        members = {f"{key}/{name}": tables[key][name] for key in sorted(tables) for name in sorted(tables[key])}
        if members:
            write_arrays(self.arrays, members)
        write_text(self.lines, "".join(lines))
        write_text(self.machines, _machines_text(machines))
        if not members:
            self.arrays.unlink(missing_ok=True)


def _place(record: Record) -> tuple[str, ...]:
    cell = record.cell
    return cell.dataset, cell.protocol, cell.method, cell.preset, record.metric, record.key


def _line(record: Record, machines: dict[str, Machine]) -> str:
    """Write a record, and note the machine that it names."""
    written = {name: value for name, value in asdict(record).items() if value != _DEFAULTS[name]}
    written["cell"] = {name: value for name, value in written["cell"].items() if value is not None}
    machine = written.pop("provenance")
    written |= {name: machine.pop(name) for name in _OF_THE_RECORD}
    written["machine"] = content_key(machine)[:_NAME_LENGTH]
    machines[written["machine"]] = machine
    return json.dumps(written, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def _machines_text(machines: Mapping[str, Machine]) -> str:
    return json.dumps(machines, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


@lru_cache(maxsize=8)
def _records(lines: Path, machines_file: Path, _: tuple[int, ...]) -> Mapping[str, Record]:
    machines = _machines(machines_file)
    records: dict[str, Record] = {}
    numbers: dict[str, int] = {}
    for number, line in enumerate(lines.read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
        try:
            record = _record(line, machines)
            if record.key in records:
                raise ValueError(f"it holds the key '{record.key}' of line {numbers[record.key]}")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f"{lines}, line {number} is not a record of this suite ({error}): "
                "put the file back from git or a copy, or delete the line and measure again."
            ) from error
        records[record.key], numbers[record.key] = record, number
    return records


def _record(line: bytes, machines: Mapping[str, Machine]) -> Record:
    written: Any = json.loads(line)
    if not isinstance(written, dict) or "machine" not in written:
        raise ValueError("it names no machine")
    name = written.pop("machine")
    if name not in machines:
        raise ValueError(f"machines.json beside it has no machine '{name}'")
    provenance = {**machines[name], **{each: written.pop(each) for each in _OF_THE_RECORD}}
    return Record.from_fields({**written, "provenance": provenance})


def _machines(path: Path) -> dict[str, Machine]:
    try:
        machines: dict[str, Machine] = json.loads(path.read_text(encoding="utf-8"))
        for machine in machines.values():
            Provenance(**machine, start="", seconds=0.0)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing, which records.jsonl beside it needs: put it back from git.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} does not hold the machines of records ({error}): put it back from git or a copy."
        ) from error
    return machines
