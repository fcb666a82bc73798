"""Training items in shuffled batches, flipped and cropped as a recipe asks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch

from bench.common.workers import done_ahead
from bench.datasets.base import Dataset, Item, Unpaired
from bench.synthesis.batches import Batch, collate, stream


@dataclass(frozen=True, kw_only=True)
class ShuffledBatches:
    """A data set in batches without end; everything random about a batch follows from the seed and its step."""

    dataset: Dataset
    size: int  # items of a batch
    per_epoch: int  # batches of an epoch; each epoch has an order of its own
    seed: int
    flip: bool  # mirror half of the items
    crop: bool = False  # cut the items out of their larger form, where the data set has one
    workers: int = 0  # processes that read items ahead
    share: slice = field(default_factory=lambda: slice(None))  # of every batch; no other items are made

    def of_steps(self, steps: range) -> Generator[Batch, None, None]:
        """The batches of these steps."""
        places = range(self.size)[self.share]
        with closing(done_ahead(self._loaders(steps), self.workers)) as reading:
            for step in steps:
                items = list(islice(reading, len(places)))
                if self._larger is not None:
                    rngs = (stream(self.seed, "crop", step, place) for place in places)
                    items = [random_crop(item, self.dataset.size, rng) for item, rng in zip(items, rngs, strict=True)]
                if self.flip:
                    turn = torch.rand(self.size, generator=stream(self.seed, "flip", step))[self.share] < 0.5
                    items = [flipped(item) if t else item for item, t in zip(items, turn.tolist(), strict=True)]
                yield collate(items, self.dataset.num_classes)

    @property
    def _larger(self) -> tuple[int, int] | None:
        """The size that items are cut out of; None = they are not cut."""
        return self.dataset.spec.load_size if self.crop else None

    def _loaders(self, steps: range) -> Iterator[Callable[[], Item]]:
        """Calls that make the items, in the order of the batches.

        The two sides of unpaired data are ordered apart, so that photos meet others in every epoch.
        """
        source = self.dataset if self._larger is None else self.dataset.resized(self._larger)
        if isinstance(source, Unpaired):
            return map(source.pair_loader, self._chosen("order", steps), self._chosen("partners", steps))
        return map(source.loader, self._chosen("order", steps))

    def _chosen(self, what: str, steps: range) -> Iterator[int]:
        """The numbers of the items, from a shuffled order of the whole data set per epoch."""
        for step in steps:
            epoch, position = divmod(step, self.per_epoch)
            order = torch.randperm(len(self.dataset), generator=stream(self.seed, what, epoch))
            yield from order[position * self.size : (position + 1) * self.size][self.share].tolist()


def flipped(item: Item) -> Item:
    """An item, mirrored left to right."""
    return _placed(item, (slice(None), slice(None, None, -1)))


def random_crop(item: Item, size: tuple[int, int], rng: torch.Generator) -> Item:
    """Height x width of an item, the same place of everything in it; every place is equally likely."""
    tall, wide = item.labels.shape
    top, left = (int(torch.randint(room + 1, (), generator=rng)) for room in (tall - size[0], wide - size[1]))
    place = slice(top, top + size[0]), slice(left, left + size[1])
    return _placed(item, place)


def _placed(item: Item, place: tuple[slice, slice]) -> Item:
    """These rows and columns of an item; what is left of it has no label map of its own on disk."""
    return Item(
        item.key,
        np.ascontiguousarray(item.labels[place]),
        np.ascontiguousarray(item.instances[place]),
        np.ascontiguousarray(item.image[place]),
        source=None if item.source is None else np.ascontiguousarray(item.source[place]),
    )
