"""Items become batches: tensors for the networks, and a random stream for every draw."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Item
from bench.images import photos_to_tensor
from bench.seeds import stream_seed
from models.base import Layout

AHEAD = 32  # items in memory that are not asked for yet


@dataclass(frozen=True)
class Batch:
    """Layouts with their photos."""

    layout: Layout
    images: Tensor  # [N, 3, H, W] in [-1, 1]
    stored_labels: tuple[Tensor, ...] = ()  # N label maps [h, w] uint8 at the size of their files; () = as the layout's

    def to(self, device: torch.device) -> Batch:
        """Move to a device, all but the stored label maps, which few need."""
        return Batch(self.layout.to(device), self.images.to(device), self.stored_labels)

    def repeated(self, times: int) -> Batch:
        """Take each layout `times` times in a row."""
        stored = tuple(labels for labels in self.stored_labels for _ in range(times))
        return Batch(self.layout.repeated(times), self.images.repeat_interleave(times, 0), stored)


def collate(items: Sequence[Item], num_classes: int) -> Batch:
    """Stack items."""
    labels = torch.from_numpy(np.stack([item.labels for item in items]).astype(np.int64))
    instances = torch.from_numpy(np.stack([item.instances for item in items]).astype(np.int64))
    stored = tuple(torch.from_numpy(item.stored_labels) for item in items if item.stored_labels is not None)
    sources = [item.source for item in items if item.source is not None]
    layout = Layout(labels, instances, num_classes, photos_to_tensor(sources) if sources else None)
    return Batch(layout, photos_to_tensor([item.image for item in items]), stored)


def flipped(item: Item) -> Item:
    """Mirror an item left to right."""
    return Item(
        item.key,
        np.ascontiguousarray(item.labels[:, ::-1]),
        np.ascontiguousarray(item.instances[:, ::-1]),
        np.ascontiguousarray(item.image[:, ::-1]),
        source=None if item.source is None else np.ascontiguousarray(item.source[:, ::-1]),
    )


def read_ahead(dataset: Dataset, indices: Sequence[int], workers: int) -> Generator[Item, None, None]:
    """Read items in the order asked for; threads read the next ones while the networks are busy with the last.

    Threads are enough, as decoding and resizing let other threads run; with no workers nothing is read ahead.
    """
    if workers == 0:
        yield from (dataset[index] for index in indices)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        reading: deque[Future[Item]] = deque()
        for index in indices:
            reading.append(pool.submit(dataset.__getitem__, index))
            if len(reading) > AHEAD:
                yield reading.popleft().result()
        while reading:
            yield reading.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def stream(*parts: int | str) -> torch.Generator:
    """The random stream of whatever `parts` name."""
    return torch.Generator().manual_seed(stream_seed(*parts))
