"""Batches: items as tensors for the networks, and a random stream for every draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.common.keys import stream_seed
from bench.datasets.base import Item
from bench.synthesis.images import photos_to_tensor
from models.base import Layout


@dataclass(frozen=True)
class Batch:
    """Layouts with their photos."""

    layout: Layout
    images: Tensor  # [N, 3, H, W] in [-1, 1]
    stored_labels: tuple[
        Tensor, ...
    ] = ()  # N label maps [h, w] uint8 at the size of their files; () = those of the layout

    def to(self, device: torch.device) -> Batch:
        """Move to a device; the stored label maps, which few metrics need, stay."""
        return Batch(self.layout.to(device), self.images.to(device), self.stored_labels)

    def repeated(self, times: int) -> Batch:
        """Take each layout `times` times in a row."""
        stored = tuple(labels for labels in self.stored_labels for _ in range(times))
        return Batch(self.layout.repeated(times), self.images.repeat_interleave(times, 0), stored)


def collate(items: Sequence[Item], num_classes: int) -> Batch:
    """Stack items into a batch."""
    labels = torch.from_numpy(np.stack([item.labels for item in items]).astype(np.int64))
    instances = torch.from_numpy(np.stack([item.instances for item in items]).astype(np.int64))
    stored: tuple[Tensor, ...] = ()
    if any(item.stored_labels is not None for item in items):
        files = (item.labels if item.stored_labels is None else item.stored_labels for item in items)
        stored = tuple(map(torch.from_numpy, files))
    sources = [item.source for item in items if item.source is not None]
    layout = Layout(labels, instances, num_classes, photos_to_tensor(sources) if sources else None)
    return Batch(layout, photos_to_tensor([item.image for item in items]), stored)


def stream(*parts: int | str) -> torch.Generator:
    """Make the random stream that `parts` name; equal parts give equal numbers."""
    return torch.Generator().manual_seed(stream_seed(*parts))
