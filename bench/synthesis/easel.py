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
    """A method, a data set whose layouts it draws, and the seed; random streams are those of the metrics."""

    method: Method[Any]
    dataset: Dataset
    seed: int
    device: torch.device

    def batch(self, *items: Item) -> Batch:
        """Stack items of the data set into a batch on the device."""
        return collate(items, self.dataset.num_classes).to(self.device)

    def streams(self, copies: int, *parts: int | str) -> list[torch.Generator]:
        """Make equal random streams, one per copy of a layout, so that all copies draw the same noise."""
        return [stream(self.seed, *parts) for _ in range(copies)]
