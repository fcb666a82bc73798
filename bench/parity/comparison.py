"""The difference between a recomputed value and a golden's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """One value of a golden against ours."""

    name: str  # of the array, the loss or the count
    error: float  # largest absolute difference, divided by the golden's largest magnitude where it is relative
    tolerance: float
    note: str = ""  # what is wrong, if the error alone does not say it

    @property
    def is_equal(self) -> bool:
        """Whether the error is within tolerance; NaN never is."""
        return self.error <= self.tolerance

    @property
    def excess(self) -> float:
        """The error divided by the tolerance, to find the worst of several."""
        if math.isnan(self.error):
            return math.inf
        return self.error / self.tolerance if self.tolerance else math.inf if self.error else 0.0

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.name}{note} {self.error:.2g}, tolerance {self.tolerance:.2g}"


def compare(name: str, ours: object, golden: object, *, tolerance: float = 1e-4, relative: bool = True) -> Comparison:
    """Measure the largest difference, relative to the golden's largest magnitude or (tanh outputs) absolute."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(golden, dtype=np.float64)
    if a.shape != b.shape:
        return Comparison(name, math.inf, tolerance, f"shape {a.shape}, golden {b.shape}")
    if not b.size:
        return Comparison(name, math.inf, tolerance, "the golden's array is empty")
    scale = max(float(np.abs(b).max()), 1e-30) if relative else 1.0
    return Comparison(name, float(np.abs(a - b).max()) / scale, tolerance)
