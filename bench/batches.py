"""Items become batches: tensors for the networks, and a random stream for every draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Item
from bench.images import photos_to_tensor
from bench.seeds import stream_seed
from models.base import Layout


@dataclass(frozen=True)
class Batch:
    """Layouts with their photos."""

    layout: Layout
    images: Tensor  # [N, 3, H, W] in [-1, 1]

    def to(self, device: torch.device) -> Batch:
        """Move to a device."""
        return Batch(self.layout.to(device), self.images.to(device))


def collate(items: Sequence[Item], num_classes: int) -> Batch:
    """Stack items."""
    labels = torch.from_numpy(np.stack([item.labels for item in items]).astype(np.int64))
    instances = torch.from_numpy(np.stack([item.instances for item in items]).astype(np.int64))
    return Batch(Layout(labels, instances, num_classes), photos_to_tensor([item.image for item in items]))


def flipped(item: Item) -> Item:
    """Mirror an item left to right."""
    labels, instances, image = (np.ascontiguousarray(x[:, ::-1]) for x in (item.labels, item.instances, item.image))
    return Item(item.key, labels, instances, image)


def stream(*parts: int | str) -> torch.Generator:
    """The random stream of whatever `parts` name."""
    return torch.Generator().manual_seed(stream_seed(*parts))
