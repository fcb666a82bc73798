"""95 % intervals: how far a number could be off because only so many images were looked at."""

from __future__ import annotations

import torch
from torch import Tensor

_STANDARD_ERRORS = 1.96  # on either side
_RESAMPLED = 2000
_BLOCK = 2**22  # numbers drawn at a time


def around(mean: float, error: float) -> tuple[float, float]:
    """Go 1.96 standard errors to either side of a mean."""
    return mean - _STANDARD_ERRORS * error, mean + _STANDARD_ERRORS * error


def bootstrap(terms: Tensor) -> tuple[float, float]:
    """Draw terms [N] with replacement, time and again, and take the middle 95 % of their means; N from 2 on.

    The draws are the same in every run of the suite, so that equal terms have equal intervals.
    """
    generator = torch.Generator().manual_seed(0)
    terms = terms.double()
    step = max(1, _BLOCK // len(terms))
    means = []
    for start in range(0, _RESAMPLED, step):
        drawn = torch.randint(len(terms), (min(step, _RESAMPLED - start), len(terms)), generator=generator)
        means.append(terms[drawn].mean(1))
    low, high = torch.cat(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
