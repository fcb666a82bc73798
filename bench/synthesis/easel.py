"""A method set up to draw the layouts of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from bench.datasets.base import Dataset, Item
from bench.synthesis.batches import Batch, collate, stream
from models.base import Method


@dataclass(frozen=True, kw_only=True)
class Easel:
    """A method, the data set that it draws, and the random streams that it draws from, which are the metrics' own."""

    method: Method[Any]
    dataset: Dataset
    seed: int
    device: torch.device

    def batch(self, *items: Item) -> Batch:
        """Put items of the data set before the method."""
        return collate(items, self.dataset.num_classes).to(self.device)

    def streams(self, copies: int, *parts: int | str) -> list[torch.Generator]:
        """Give every copy the stream that `parts` name, so that all are drawn alike."""
        return [stream(self.seed, *parts) for _ in range(copies)]
