"""Modulation by look-up: the few (class, instance) pairs of a batch get one row each, and pixels read their row.

Equal to the papers' dense products over one-hot planes, because a pixel has exactly one class and one instance.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def nearest_ids(ids: Tensor, height: int, width: int) -> Tensor:
    """Resize a map of ids [N, H, W] by taking the nearest (floor) position: [N, height, width]."""
    if ids.shape[1:] == (height, width):
        return ids
    return F.interpolate(ids[:, None].float(), size=(height, width), mode="nearest")[:, 0].long()


class RowIndex:
    """Which row of a table every pixel reads, at every grid a decoder visits."""

    def __init__(self, index: Tensor) -> None:
        self._full = index  # [N, H, W]
        self._resized: dict[tuple[int, int], Tensor] = {}

    def at(self, height: int, width: int) -> Tensor:
        """Return the rows' numbers as [N, height, width]."""
        size = (height, width)
        if size not in self._resized:
            self._resized[size] = nearest_ids(self._full, height, width)
        return self._resized[size]

    def read(self, table: Tensor, height: int, width: int) -> Tensor:
        """Spread rows table [N * K, P, C] over the pixels: [N * K, C, height, width]."""
        index = self.at(height, width).repeat_interleave(len(table) // len(self._full), 0)
        offset = torch.arange(len(table), device=table.device) * table.shape[1]
        return F.embedding(index + offset[:, None, None], table.flatten(0, 1)).movedim(-1, 1)


class PairIndex(RowIndex):
    """Rows of the (class, instance) pairs that a batch holds."""

    def __init__(self, labels: Tensor, instances: Tensor) -> None:
        rows = int(instances.max()) + 1
        pairs, index = torch.unique(labels * rows + instances, return_inverse=True)
        super().__init__(index)
        self.classes, self.instances = pairs // rows, pairs % rows  # [P] each
