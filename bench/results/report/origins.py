"""Where the numbers come from: machines, versions, commits, weights and networks of every cell, and protocols."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from bench.common.catalog import choose_protocol, title_of
from bench.common.errors import UserError
from bench.results.provenance import Provenance
from bench.results.records import PROBE, Record
from bench.results.report.sheets import Sheet
from metrics.protocol import Explanation, explain


@dataclass(frozen=True)
class Machine:
    """What the numbers of several cells were computed with."""

    letter: str
    device: str
    platform: str
    python: str
    precision: str
    versions: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How one cell came about."""

    sheet: int  # the number of its table
    variant: str
    limit: str
    machines: str
    commits: str
    start: str
    seconds: float  # of its longest record: metrics of one pass share the time
    weights: str
    networks: tuple[str, ...]
    counts: str
    records: tuple[str, ...]


@dataclass(frozen=True)
class ProtocolNote:
    """The choices of one protocol, or why there are none to show."""

    name: str
    choices: tuple[Explanation, ...]
    remark: str
    sheets: tuple[int, ...]  # the numbers of the tables that follow it


def machines_of(records: Sequence[Record]) -> dict[tuple[str, ...], Machine]:
    """List the different machines, in a fixed order."""
    found = sorted({_setup(record.provenance) for record in records})
    return {setup: Machine(_letter(place), *setup) for place, setup in enumerate(found)}


def _letter(place: int) -> str:
    letters = string.ascii_uppercase
    return letters[place] if place < len(letters) else f"{letters[place % 26]}{place // 26}"


def _setup(provenance: Provenance) -> tuple[str, ...]:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(provenance.versions.items()))
    return provenance.device, provenance.platform, provenance.python, provenance.precision, versions


def origins_of(sheets: Sequence[Sheet], machines: dict[tuple[str, ...], Machine]) -> list[Origin]:
    """Say of every cell how it came about."""
    origins = []
    for number, sheet in enumerate(sheets, start=1):
        cells = dict.fromkeys(sorted((r.cell.method, r.cell.preset) for r in sheet.records))
        for variant in cells:
            own = [record for record in sheet.records if (record.cell.method, record.cell.preset) == variant]
            origins.append(_origin(number, own, machines))
    return origins


def _origin(sheet: int, records: Sequence[Record], machines: dict[tuple[str, ...], Machine]) -> Origin:
    cell = records[0].cell
    commits = sorted({_commit(record.provenance) for record in records})
    networks = {f"{name}: {about}" for record in records for name, about in record.networks.items()}
    counts = dict.fromkeys(f"{count} {thing}" for record in records for thing, count in sorted(record.counts.items()))
    return Origin(
        sheet=sheet,
        variant=f"{title_of(cell.method)} ({cell.preset})",
        limit="" if cell.limit is None else f"the first {cell.limit}",
        machines=", ".join(sorted({machines[_setup(record.provenance)].letter for record in records})),
        commits=", ".join(commits),
        start=min(record.provenance.start for record in records).removesuffix("+00:00").replace("T", " "),
        seconds=max(record.provenance.seconds for record in records),
        weights=", ".join(sorted({record.weights for record in records})),
        networks=tuple(sorted(networks)),
        counts="; ".join(counts),
        records=tuple(f"{record.key}: {record.metric} v{record.version}, {record.status}" for record in records),
    )


def _commit(provenance: Provenance) -> str:
    if provenance.commit is None:
        return "not from a checkout"
    return provenance.commit[:12] + (", with changes" if provenance.dirty else "")


def protocols_of(sheets: Sequence[Sheet]) -> list[ProtocolNote]:
    """Explain the protocols that tables follow."""
    found = []
    for name in sorted({sheet.protocol for sheet in sheets}):
        numbers = tuple(number for number, sheet in enumerate(sheets, start=1) if sheet.protocol == name)
        if name == PROBE:
            remark = "Costs: counted by bench profile on a layout of its own; they follow no protocol."
            found.append(ProtocolNote(name, (), remark, numbers))
            continue
        try:
            found.append(ProtocolNote(name, tuple(explain(choose_protocol(name, ()))), "", numbers))
        except UserError as error:
            found.append(ProtocolNote(name, (), f"Not a protocol of this installation: {error}", numbers))
    return found
