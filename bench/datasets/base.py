"""What a data set is: label maps, instance maps and photos, with the facts that tables and networks need."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "val"]
Colour = tuple[int, int, int]
Labels = NDArray[np.uint8]
Instances = NDArray[np.int32]
Image = NDArray[np.uint8]
PERSON_PALETTE: tuple[Colour, ...] = (
    (0, 0, 0),  # background
    (120, 72, 40),  # hair
    (244, 194, 160),  # face
    (220, 60, 70),  # top
    (60, 100, 200),  # bottom
    (250, 225, 130),  # skin
    (110, 60, 140),  # shoes
    (90, 190, 130),  # socks
)


@dataclass(frozen=True)
class Item:
    """One layout with its photo."""

    key: str
    labels: Labels  # [H, W], 0..num_classes-1
    instances: Instances  # [H, W], 0 = none
    image: Image  # [H, W, 3]


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a data set before any file is opened."""

    name: str
    title: str
    class_names: tuple[str, ...]
    palette: tuple[Colour, ...]
    size: tuple[int, int]  # height, width
    open: Callable[[Split, Path | None], Dataset]  # the folder with all data sets; None = $BENCH_DATA or ./data
    ignored_classes: tuple[int, ...] = ()  # not scored (don't care)
    evaluation_only: bool = False  # its train split serves as FID's reference, and is not to be trained on
    has_instances: bool = False  # instances differ from classes, so that mISD and mOID say something of their own

    @property
    def num_classes(self) -> int:
        """Count the classes of the layouts, ignored ones included."""
        return len(self.class_names)


class Dataset(typing.Protocol):
    """The items of one split, and what its `DatasetSpec` says of them."""

    spec: DatasetSpec
    split: Split
    size: tuple[int, int]  # height, width

    @property
    def name(self) -> str:
        """Name it as the command line does."""
        return self.spec.name

    @property
    def num_classes(self) -> int:
        """Count the classes of the layouts, ignored ones included."""
        return self.spec.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name every class, in label order."""
        return self.spec.class_names

    @property
    def palette(self) -> tuple[Colour, ...]:
        """Give the colour of every class in pictures of layouts, [C, 3]."""
        return self.spec.palette

    @property
    def ignored_classes(self) -> tuple[int, ...]:
        """List the classes that are not scored."""
        return self.spec.ignored_classes

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Item: ...

    def fingerprint(self) -> str:
        """Hash all that determines the items; equal fingerprints mean equal items."""
