"""Records for people's own tools: one line per number, as a pandas DataFrame or as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.results.records import Record
from bench.results.store import read_records

if TYPE_CHECKING:
    import pandas as pd

Line = dict[str, object]


def frame(source: Path | str | Iterable[Record] = "results") -> pd.DataFrame:
    """Read records, or those of a folder that `bench run` wrote to, into a DataFrame with one line per number."""
    import pandas as pd

    records = read_records([Path(source)], needed=True) if isinstance(source, str | Path) else source
    return pd.DataFrame(list(lines_of(records)))


def lines_of(records: Iterable[Record]) -> Iterator[Line]:
    """Lay out records, one line per number, whole; a record without numbers is one line with the reason."""
    for record in records:
        cell, made = record.cell, record.provenance
        about: Line = {
            "method": cell.method,
            "preset": cell.preset,
            "dataset": cell.dataset,
            "limit": cell.limit,
            "protocol": cell.protocol,
            "metric": record.metric,
            "version": record.version,
        }
        rest: Line = {
            "status": record.status,
            "reason": record.reason,
            "weights": record.weights,
            "networks": " ".join(f"{name}={about}" for name, about in record.networks.items()),
            "samples": ", ".join(f"{count} {thing}" for thing, count in sorted(record.counts.items())),
            "note": " ".join([record.note, *record.doubts]).strip(),
            "key": record.key,
            "commit": made.commit,
            "dirty": made.dirty,
            "device": made.device,
            "start": made.start,
            "torch": made.versions.get("torch"),
        }
        for column in record.filled:
            runs = record.runs.get(column, [])
            low, high = record.intervals.get(column, (None, None))
            numbers: Line = {
                "column": column,
                "value": record.values.get(column),
                "std": record.spread(column),
                "runs": len(runs) or (1 if column in record.values else 0),
                "low": low,
                "high": high,
            }
            yield about | numbers | rest
