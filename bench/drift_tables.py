"""What moved, as a table for the terminal or for the summary of a CI job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from bench.drift import Finding, drifted
from bench.lines import aligned

FACTOR_HELP = "Multiply all tolerances, e.g. 10 for a machine of another kind."


def shown(findings: Sequence[Finding], *, as_json: bool = False) -> str:
    """Write what moved, and how many numbers did not; as JSON, all."""
    if as_json:
        return json.dumps([asdict(finding) for finding in findings], indent=1)
    moved = drifted(findings)
    return "\n".join([*([aligned([_row(finding) for finding in moved])] if moved else []), counted(findings)])


def markdown(findings: Sequence[Finding], title: str) -> str:
    """Write the same for the summary of a CI job."""
    rows = [_row(finding) for finding in drifted(findings)]
    lines = [f"## {title}", "", f"{counted(findings)}.", ""]
    if rows:
        lines += [f"| {' | '.join(rows[0])} |", f"|{'---|' * len(rows[0])}"]
        lines += [f"| {' | '.join(row.values())} |" for row in rows]
    return "\n".join(lines) + "\n"


def counted(findings: Sequence[Finding]) -> str:
    """Say how many numbers moved."""
    new = sum(finding.status == "new" for finding in findings)
    text = f"{len(drifted(findings))} of {len(findings) - new} numbers moved"
    return f"{text}; {new} are new" if new else text


def _row(finding: Finding) -> dict[str, str]:
    variant, data, protocol, column = finding.place
    numbers = (finding.before, finding.after, finding.difference)
    before, after, difference = ("" if number is None else f"{number:.6g}" for number in numbers)
    return {
        "method": variant,
        "data": data,
        "protocol": protocol,
        "number": column,
        "before": before,
        "now": after,
        "difference": difference,
        "allowed": f"{finding.tolerance:.2g}" if finding.status == "moved" else "",
        "what": finding.reason or finding.status,
    }
