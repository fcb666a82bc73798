"""Drawn persons with the eight classes of DeepFashion: data without download, whose true distribution is known.

The layout comes from the item's seed, the look of every part from a seed of its own (`appearance.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.common.keys import stream_seed
from bench.datasets.base import PERSON_PALETTE, Dataset, DatasetSpec, Instances, Item, Labels, Split
from bench.datasets.paperdolls.appearance import paint as paint
from bench.datasets.paperdolls.figures import Canvas, Dice
from bench.datasets.paperdolls.wardrobe import dress_person

RENDERER = 1  # raise it whenever a pixel of any item may change
NUM_SEEDS = 16  # instance ids 0..15: 0 none, 1 background, class c of person p = c + 1 + 7 p
CLASS_NAMES = ("background", "hair", "face", "top", "bottom", "skin", "shoes", "socks")
CLASS_OF = np.array([0, 0, *range(1, 8), *range(1, 8)], np.uint8)  # instance id -> class
ONE, TWO = ((0.5, 1.25),), ((0.27, 1.0), (0.73, 1.0))  # centre and horizontal stretch of each person


def draw_layout(seed: int, size: int, persons: int) -> tuple[Labels, Instances]:
    """Draw where the parts of one or two persons lie: labels and instances, [size, size]."""
    instances = np.ones((size, size), np.int32)
    for person, (centre, stretch) in enumerate(ONE if persons == 1 else TWO):
        dress_person(Canvas(instances, person, centre, stretch), Dice(stream_seed(seed, person)))
    return CLASS_OF[instances], instances


def appearance_seeds(seed: int) -> NDArray[np.int64]:
    """Derive the seeds of all instance ids from one seed, [16]."""
    return np.array([stream_seed(seed, "look", instance) for instance in range(NUM_SEEDS)], np.int64)


def draw_item(key: str, seed: int, size: int, persons: int) -> Item:
    """Draw an item: layout, instances and photo."""
    labels, instances = draw_layout(seed, size, persons)
    return Item(key, labels, instances, paint(labels, instances, appearance_seeds(seed)))


class Paperdolls(Dataset):
    """The built-in data set: items are drawn when they are asked for, none is stored."""

    def __init__(self, spec: DatasetSpec, split: Split, *, length: int, persons: int, size: int = 64) -> None:
        self.spec = spec
        self.split = split
        self.size = (size, size)
        self._length = length
        self._persons = persons

    def __len__(self) -> int:
        return self._length

    def loader(self, index: int) -> Callable[[], Item]:
        """Give a call that draws one item."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} {self.split} has items 0 to {len(self) - 1}, not {index}.")
        return partial(draw_item, f"{self.split}_{index:05d}", self.seed(index), self.size[0], self._persons)

    def resized(self, size: tuple[int, int]) -> Paperdolls:
        """Draw the same items at another size; only squares are drawn."""
        return Paperdolls(self.spec, self.split, length=len(self), persons=self._persons, size=size[0])

    def seed(self, index: int) -> int:
        """Derive the seed that decides all of one item; the size is not part of it."""
        return stream_seed(self.name, self.split, index)

    def fingerprint(self) -> str:
        """Hash the version of the renderer and the split; tests check that the drawing code stays the same."""
        parts = ("paperdolls", RENDERER, self.name, self.split, self._length, self._persons, *self.size)
        return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def open_paperdolls(split: Split, root: Path | None = None, size: int = 64) -> Paperdolls:
    """Open the one-person items: 20000 to train on, 200 to evaluate with; no file is read from `root`."""
    return Paperdolls(PAPERDOLLS, split, length=20000 if split == "train" else 200, persons=1, size=size)


def open_paperdolls2(split: Split, root: Path | None = None, size: int = 64) -> Paperdolls:
    """Open the two-person items: 100 to evaluate with, and 2000 others that are FID's reference only."""
    return Paperdolls(PAPERDOLLS2, split, length=2000 if split == "train" else 100, persons=2, size=size)


PAPERDOLLS = DatasetSpec(
    "paperdolls", "Paperdolls", CLASS_NAMES, PERSON_PALETTE, (64, 64), open_paperdolls, built_in=True
)
PAPERDOLLS2 = DatasetSpec(
    "paperdolls2",
    "Paperdolls2",
    CLASS_NAMES,
    PERSON_PALETTE,
    (64, 64),
    open_paperdolls2,
    trained_on="paperdolls",
    has_instances=True,
    built_in=True,
)
