"""Items become batches: tensors for the networks, and a random stream for every draw."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset, Item, Unpaired
from bench.images import photos_to_tensor
from bench.seeds import stream_seed
from bench.workers import done_ahead
from models.base import Layout


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
    stored: tuple[Tensor, ...] = ()
    if any(item.stored_labels is not None for item in items):
        files = (item.labels if item.stored_labels is None else item.stored_labels for item in items)
        stored = tuple(map(torch.from_numpy, files))
    sources = [item.source for item in items if item.source is not None]
    layout = Layout(labels, instances, num_classes, photos_to_tensor(sources) if sources else None)
    return Batch(layout, photos_to_tensor([item.image for item in items]), stored)


def flipped(item: Item) -> Item:
    """Mirror an item left to right."""
    return _placed(item, (slice(None), slice(None, None, -1)))


def random_crop(item: Item, size: tuple[int, int], rng: torch.Generator) -> Item:
    """Cut height x width out of an item, the same place of everything in it; every place is equally likely."""
    tall, wide = item.labels.shape
    top, left = (int(torch.randint(room + 1, (), generator=rng)) for room in (tall - size[0], wide - size[1]))
    place = slice(top, top + size[0]), slice(left, left + size[1])
    return _placed(item, place)


def _placed(item: Item, place: tuple[slice, slice]) -> Item:
    """Take these rows and columns; what is left of an item like that has no label map of its own on disk."""
    return Item(
        item.key,
        np.ascontiguousarray(item.labels[place]),
        np.ascontiguousarray(item.instances[place]),
        np.ascontiguousarray(item.image[place]),
        source=None if item.source is None else np.ascontiguousarray(item.source[place]),
    )


def shuffled(
    dataset: Dataset,
    size: int,
    per_epoch: int,
    steps: range,
    seed: int,
    *,
    flip: bool,
    crop: bool = False,
    workers: int = 0,
    share: slice = slice(None),
) -> Generator[Batch, None, None]:
    """Make the training batches of these steps; the order of every epoch of `per_epoch` batches is one of its own.

    A process that has a `share` of every batch makes no other items. With `crop` the items are cut out of their larger
    form, where the data set has one. The sides of unpaired data are ordered alone, so that photos meet others in every
    epoch.
    """
    larger = dataset.spec.load_size if crop else None
    source = dataset if larger is None else dataset.resized(larger)

    def chosen(what: str) -> Iterator[int]:
        for step in steps:
            epoch, position = divmod(step, per_epoch)
            order = torch.randperm(len(dataset), generator=stream(seed, what, epoch))
            yield from order[position * size : (position + 1) * size][share].tolist()

    if isinstance(source, Unpaired):
        loaders = map(source.pair_loader, chosen("order"), chosen("partners"))
    else:
        loaders = map(source.loader, chosen("order"))
    with closing(done_ahead(loaders, workers)) as reading:
        for step in steps:
            places = range(size)[share]
            items = list(islice(reading, len(places)))
            if larger is not None:
                rngs = (stream(seed, "crop", step, position) for position in places)
                items = [random_crop(item, dataset.size, rng) for item, rng in zip(items, rngs, strict=True)]
            if flip:
                turn = torch.rand(size, generator=stream(seed, "flip", step))[share] < 0.5
                items = [flipped(item) if t else item for item, t in zip(items, turn.tolist(), strict=True)]
            yield collate(items, dataset.num_classes)


def stream(*parts: int | str) -> torch.Generator:
    """The random stream of whatever `parts` name."""
    return torch.Generator().manual_seed(stream_seed(*parts))
