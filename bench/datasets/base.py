"""A data set: its items (label map, instance map, photo) and the facts that tables and networks need."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    """One layout with its photo, as arrays."""

    key: str
    labels: Labels  # [H, W], 0..num_classes-1
    instances: Instances  # [H, W], 0 = none
    image: Image  # [H, W, 3]
    stored_labels: Labels | None = None  # the label map at the size of its file; None = the same as `labels`
    source: Image | None = None  # [H, W, 3], the photo to translate, in unpaired data, whose labels say nothing


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a data set before any file is opened."""

    name: str
    title: str
    class_names: tuple[str, ...]
    palette: tuple[Colour, ...]
    size: tuple[int, int]  # height, width
    open: Callable[[Split, Path | None], Dataset]  # takes the folder with all data sets; None = $BENCH_DATA or ./data
    scored_as: tuple[int, ...] = ()  # the segmenter's class for every class, -1 = not scored; () = the same numbers
    scoring: str = ""  # the field of Protocol that says which segmenter reads its images; "" = none does
    split_sizes: Mapping[Split, int] = field(default_factory=dict)  # how many items the papers count
    load_size: tuple[int, int] | None = None  # training items are cut out of this size at random; None = not cut
    dont_care: int | None = None  # the value in label files that stands for the last class
    one_size: bool = True  # a photo and its label map have one size on disk; False = each is resized by itself
    trained_on: str = ""  # another data set, whose training split networks learn from; "" = its own
    has_instances: bool = False  # instances differ from classes, so that mISD and mOID say something of their own
    built_in: bool = False  # drawn by the suite itself: small networks, no download

    @property
    def num_classes(self) -> int:
        """Count the classes of the layouts, ignored ones included."""
        return len(self.class_names)

    @property
    def evaluation_only(self) -> bool:
        """Whether networks learn from another data set, so that its training split is FID's reference only."""
        return bool(self.trained_on)

    @property
    def ignored_classes(self) -> tuple[int, ...]:
        """List the classes that are not scored (don't care)."""
        return tuple(label for label, score in enumerate(self.scored_as) if score < 0)


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

    def loader(self, index: int) -> Callable[[], Item]:
        """Give a call that makes one item; it is small and picklable, so that another process can do it."""

    def __getitem__(self, index: int) -> Item:
        return self.loader(index)()

    def resized(self, size: tuple[int, int]) -> Dataset:
        """Give the same items at another size, height x width."""

    def fingerprint(self) -> str:
        """Hash all that determines the items; equal fingerprints mean equal items."""


@typing.runtime_checkable
class Unpaired(typing.Protocol):
    """A data set whose source and target photos do not belong together; training pairs them anew every epoch."""

    def pair_loader(self, index: int, partner: int) -> Callable[[], Item]:
        """Give a call that makes an item of the source photo of `index` and the target photo of `partner`."""
