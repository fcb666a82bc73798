"""The verdict on one golden: replayed, compared, and told in one line."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from bench.parity import ADAPTERS, FUNCTIONS
from bench.parity.comparison import Comparison
from bench.parity.golden import Golden, NetworkDiffersError
from bench.parity.options import GoldenError
from bench.parity.steps import is_compared

Status = Literal["ok", "OFF", "unknown", "error"]
Adapter = Callable[[Golden], list[Comparison]]


@dataclass(frozen=True)
class Verdict:
    """The result of replaying one golden."""

    name: str
    status: Status
    detail: str  # the worst value, or the reason why there is none
    seconds: float
    worst: Comparison | None = None
    compared: int = 0

    def json(self) -> dict[str, Any]:
        """Give the fields to json, which knows no infinity."""
        fields = asdict(self)
        if self.worst is not None and not math.isfinite(self.worst.error):
            fields["worst"]["error"] = None
        return fields


def judge(path: Path, name: str, folder: Path) -> Verdict:
    """Replay the golden at `path`; an error in it becomes its verdict."""
    start = time.perf_counter()

    def verdict(status: Status, detail: str, results: Sequence[Comparison] = ()) -> Verdict:
        worst = max(results, key=lambda result: result.excess, default=None)
        return Verdict(name, status, detail or str(worst), time.perf_counter() - start, worst, len(results))

    try:
        if not all(file.resolve().is_relative_to(folder.resolve()) for file in (path, path.with_suffix(".npz"))):
            raise GoldenError("a link that leads out of the folder")
        golden = Golden.read(path)
        place = _adapter_of(golden)
        if place is None:
            return verdict("unknown", f"no adapter for {golden.method or 'a function'} {golden.network}".rstrip())
        results = _replayed(golden, place)
    except NetworkDiffersError as error:
        return verdict("OFF", "", [error.comparison])
    except GoldenError as error:
        return verdict("error", str(error))
    except Exception as error:  # a stranger's file; the next golden must still be run
        return verdict("error", " ".join(f"{type(error).__name__}: {error}".split())[:300])
    return verdict("ok" if all(result.is_equal for result in results) else "OFF", "", results)


def _adapter_of(golden: Golden) -> str | None:
    if golden.method:
        return ADAPTERS.get((golden.method, golden.network))
    if outputs := set(golden.names("outputs")):
        return next((place for names, place in FUNCTIONS.items() if outputs.intersection(names)), None)
    return next((place for fields, place in FUNCTIONS.items() if golden.meta.keys() >= set(fields)), None)


def _replayed(golden: Golden, place: str) -> list[Comparison]:
    module, function = place.split(":")
    adapter: Adapter = getattr(importlib.import_module(module), function)
    for name in golden.names("inputs"):
        golden.array(name)
    with torch.set_grad_enabled(golden.network == "training_step"):
        results = adapter(golden)
    missing = sorted(_promised(golden) - {result.name for result in results})
    if missing:
        raise GoldenError(f"{', '.join(missing)} cannot be compared by this installation")
    return results


def _promised(golden: Golden) -> set[str]:
    """Name every value that a golden lists for comparison."""
    names = set(golden.names("outputs"))
    for part, values in golden.mapping("losses").items() if "losses" in golden.meta else ():
        if isinstance(values, dict):
            names |= {f"{part} {name}" for name, value in values.items() if is_compared(name, value)}
        else:
            names.add(part)
    return names
