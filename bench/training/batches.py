"""Training items in shuffled batches, flipped and cropped as a recipe asks."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice

import numpy as np
import torch

from bench.common.workers import done_ahead
from bench.datasets.base import Dataset, Item, Unpaired
from bench.synthesis.batches import Batch, collate, stream


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
