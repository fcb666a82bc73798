"""95 % intervals: how far a number could be off because only so many images were looked at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_STANDARD_ERRORS = 1.96  # on either side
_RESAMPLED = 2000
_BLOCK = 2**22  # numbers drawn at a time


def around(mean: float, error: float) -> tuple[float, float]:
    """Go 1.96 standard errors to either side of a mean."""
    return mean - _STANDARD_ERRORS * error, mean + _STANDARD_ERRORS * error


def bootstrap(terms: Tensor) -> tuple[float, float]:
    """Resample the mean of terms [N]; N from 2 on."""
    terms = terms.double()
    return resampled(len(terms), lambda times: times @ terms / len(terms))


def resampled(count: int, number_of: Callable[[Tensor], Tensor]) -> tuple[float, float]:
    """Draw `count` images with replacement, time and again, and take the middle 95 % of the numbers they give.

    `number_of` is told how often each image was drawn, [B, count] float64, and gives the numbers [B]; NaN where a draw
    has none. The draws are the same in every run of the suite, so that equal images have equal intervals.
    """
    generator = torch.Generator().manual_seed(0)
    step = max(1, _BLOCK // count)
    numbers = []
    for start in range(0, _RESAMPLED, step):
        drawn = torch.randint(count, (min(step, _RESAMPLED - start), count), generator=generator)
        times = torch.zeros(drawn.shape, dtype=torch.float64)
        numbers.append(number_of(times.scatter_add_(1, drawn, torch.ones_like(times))))
    low, high = torch.cat(numbers).nanquantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
