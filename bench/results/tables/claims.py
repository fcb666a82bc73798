"""The papers' sentences, each with what must be true of numbers for it to hold; printed numbers are asked, or ours.

[[claims]]
id = "inade-best-misd"
sentence = "..."                   # what the paper says, in our words
source = "INADE, Section 4.2"
table = "inade-1"                  # whose numbers speak, printed or measured
method = "inade"
over = ["groupdnet", "vspade"]     # it must be at least as good as these, in the direction of each column;
                                   # "all" = every ranked row of the table
metrics = ["misd"]
datasets = ["deepfashion2"]
ratio = [0.1, 0.2]                 # optional: instead, method / over must lie in here
range = [50.0, inf]                # optional, in place of `over`: the method's own number must lie in here
miniature = true                   # optional: it can be asked of the built-in data too
note = "..."                       # optional: what is to be known of it
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Literal

from bench.common.catalog import check_name
from bench.common.errors import UserError
from bench.common.places import CLAIMS
from bench.results.records import Record, newest
from bench.results.tables.paper_table import PaperTable
from bench.results.tables.published import PublishedTable, published_table
from metrics.columns import Better

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STAND_IN, STAND_INS = "paperdolls", {"deepfashion2": "paperdolls2"}  # in miniature: for all data sets but these
MINIATURE_DATA = (STAND_IN, *STAND_INS.values())
_SPREADS = 2.0  # of a measured number to both sides: a verdict that turns within them is none

Verdict = Literal["holds", "fails", "cannot say"]


@dataclass(frozen=True)
class Figure:
    """A number with the spread of its runs; a printed one has none."""

    value: float
    spread: float = 0.0

    @property
    def ends(self) -> tuple[float, ...]:
        """The lowest and the highest value that the spread allows for."""
        return (self.value - _SPREADS * self.spread, self.value + _SPREADS * self.spread)


Find = Callable[[str, str, str], Figure | None]  # (method, data set, metric) -> number


@dataclass(frozen=True)
class Comparison:
    """The number of a claim's method against a bound or one rival's, in one metric on one data set."""

    outcome: Verdict
    words: str  # "inade 0.0187 against groupdnet 0.0303, moid on deepfashion2"


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper, and what must be true of numbers for it to hold."""

    id: str
    sentence: str
    source: str
    table: str
    method: str
    metrics: tuple[str, ...]
    datasets: tuple[str, ...]
    over: tuple[str, ...] = ()
    ratio: tuple[float, float] | None = None
    range: tuple[float, float] | None = None
    miniature: bool = False
    note: str = ""

    @cached_property
    def printed(self) -> PublishedTable:
        """The table whose numbers speak."""
        return published_table(self.table)

    @property
    def rivals(self) -> tuple[str, ...]:
        """The methods to compare with."""
        if self.over != ("all",):
            return self.over
        return tuple(row.method for row in self.printed.rows if row.ranked and row.method != self.method)

    def better(self, metric: str) -> Better:
        """Tell which direction of a column is good."""
        return next(column.better for _, column in self.printed.places if column.key == metric)

    def comparisons(self, find: Find, places: Iterable[tuple[str, str]]) -> Iterator[Comparison]:
        """Compare on every data set, in every metric, with every rival."""
        for dataset, metric in places:
            for rival in self.rivals or ("",):
                yield self._comparison(find, dataset, metric, rival)

    def _comparison(self, find: Find, dataset: str, metric: str, rival: str) -> Comparison:
        names = [self.method, rival] if rival else [self.method]
        figures = [find(name, dataset, metric) for name in names]
        where = f"{metric} on {dataset}"
        missing = [name for name, figure in zip(names, figures, strict=True) if figure is None]
        if missing:
            return Comparison("cannot say", f"no number of {' and '.join(missing)}, {where}")
        known = [figure for figure in figures if figure is not None]
        words = " against ".join(f"{name} {figure.value:.6g}" for name, figure in zip(names, known, strict=True))
        verdicts = {self._is_true(metric, *values) for values in product(*(figure.ends for figure in known))}
        if len(verdicts) > 1:
            return Comparison("cannot say", f"{words}, {where}: within two spreads of their runs")
        return Comparison("holds" if verdicts.pop() else "fails", f"{words}, {where}")

    def _is_true(self, metric: str, ours: float, theirs: float = 1.0) -> bool:
        if self.range is not None:
            return self.range[0] <= ours <= self.range[1]
        if self.ratio is not None:
            return self.ratio[0] * theirs <= ours <= self.ratio[1] * theirs
        return ours >= theirs if self.better(metric) == "higher" else ours <= theirs

    @property
    def places(self) -> list[tuple[str, str]]:
        """Data set and metric of every comparison; what the table does not have is not asked for."""
        there = {(dataset, column.key) for dataset, column in self.printed.places}
        return [place for place in product(self.datasets, self.metrics) if place in there]


@dataclass(frozen=True)
class Judgement:
    """A claim with the comparisons that decide it."""

    claim: Claim
    comparisons: tuple[Comparison, ...]

    @property
    def outcome(self) -> Verdict:
        """What follows: one comparison that fails refutes a sentence, one that is missing leaves it open."""
        outcomes = {comparison.outcome for comparison in self.comparisons}
        if "fails" in outcomes:
            return "fails"
        return "holds" if outcomes == {"holds"} else "cannot say"


def read_claims(path: Path = CLAIMS) -> dict[str, Claim]:
    """Read all claims: id -> claim."""
    try:
        claims = [_claim(entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["claims"]]
        for claim in claims:
            _check(claim)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: not a list of claims ({error}).") from error
    return {claim.id: claim for claim in claims}


def _claim(entry: Mapping[str, Any]) -> Claim:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    fields["over"] = ("all",) if entry.get("over") == "all" else fields.get("over", ())
    return Claim(**fields)


def _check(claim: Claim) -> None:
    """Refuse what could never be judged: a typing error must not read as a missing measurement."""
    if bool(claim.over) == (claim.range is not None):
        raise ValueError(f"{claim.id} needs either `over` or `range`")
    metrics = {column.key for _, column in claim.printed.places}
    datasets = {dataset for dataset, _ in claim.printed.places}
    rows = {row.method for row in claim.printed.rows}
    for kind, named, known in (
        ("metric", claim.metrics, metrics),
        ("data set", claim.datasets, datasets),
        ("method", (claim.method, *claim.rivals), rows),
    ):
        if unknown := [name for name in named if name not in known]:
            raise ValueError(f"{claim.id}: {claim.table} has no {kind} '{unknown[0]}'")
    if not claim.places:
        raise ValueError(f"{claim.id}: {claim.table} has none of its metrics on its data sets")


def chosen(claims: Mapping[str, Claim], names: Sequence[str]) -> list[Claim]:
    """Pick claims by name; all, if none is named."""
    for name in names:
        check_name("claim", claims, name)
    return [claims[name] for name in names or claims]


def judge_published(claim: Claim) -> Judgement:
    """Ask the paper's own numbers."""
    numbers: dict[tuple[str, str, str], Figure] = {}
    for row in claim.printed.rows:
        for (dataset, column), printed in zip(claim.printed.places, row.values, strict=True):
            if printed.number is not None:
                numbers.setdefault((row.method, dataset, column.key), Figure(float(printed.number)))
    return Judgement(claim, tuple(claim.comparisons(lambda *place: numbers.get(place), claim.places)))


def judge_measured(claim: Claim, records: Sequence[Record]) -> Judgement:
    """Ask our numbers of the papers' networks on the papers' data."""
    table = PaperTable(claim.printed, records)
    found: dict[tuple[str, str, str], Figure] = {}
    for place in table.places:
        record, name = place.record, (place.row.method, place.dataset, place.column.key)
        if record is not None and record.status == "done" and not record.untrained:
            found.setdefault(name, _figure(record, place.printed.record))
    return Judgement(claim, tuple(claim.comparisons(lambda *place: found.get(place), claim.places)))


def judge_miniature(claim: Claim, records: Iterable[Record], datasets: Sequence[str]) -> Judgement:
    """Ask small networks on the built-in data, whose metrics have names of their own."""
    usable = [record for record in records if record.cell.preset == "tiny" and not record.untrained]

    def find(method: str, dataset: str, metric: str) -> Figure | None:
        column = f"{metric}_pd"
        fitting = [r for r in usable if (r.cell.method, r.cell.dataset) == (method, dataset) and column in r.values]
        record = newest(fitting)
        return None if record is None else _figure(record, column)

    mapped = dict.fromkeys((STAND_INS.get(dataset, STAND_IN), metric) for dataset, metric in claim.places)
    return Judgement(claim, tuple(claim.comparisons(find, [place for place in mapped if place[0] in datasets])))


def _figure(record: Record, column: str) -> Figure:
    return Figure(record.values[column], record.spread(column) or 0.0)
