"""Unpaired summer and winter photos of Yosemite (CycleGAN's package), as SC-GAN uses them.

An item is a summer photo to translate (domain A) and a winter photo to compare with (domain B); it is all one class.
Training shuffles each domain by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.common.errors import UserError
from bench.datasets.base import Dataset, DatasetSpec, Item, Split
from bench.datasets.parts.fingerprints import fingerprint_of
from bench.datasets.parts.folders import listed, natural, whole_folder
from bench.datasets.parts.reading import Size, read_image

FOLDER_OF: dict[Split, str] = {"train": "train", "val": "test"}


@dataclass(frozen=True)
class Domains:
    """The files of both domains, in natural order."""

    summer: tuple[Path, ...]
    winter: tuple[Path, ...]


class UnpairedDataset(Dataset):
    """Items of one photo per domain, as many as the larger domain has photos; the smaller one is repeated."""

    def __init__(self, spec: DatasetSpec, split: Split, domains: Domains, size: Size | None = None) -> None:
        self.spec = spec
        self.split = split
        self.size = size or spec.size
        self.domains = domains

    def __len__(self) -> int:
        return max(len(self.domains.summer), len(self.domains.winter))

    def loader(self, index: int) -> Callable[[], Item]:
        """Give a call that reads one item."""
        return self.pair_loader(index, index)

    def pair_loader(self, index: int, partner: int) -> Callable[[], Item]:
        """Give a call that reads the summer photo of one item and the winter photo of another."""
        for number in (index, partner):
            if not 0 <= number < len(self):
                raise IndexError(f"{self.name} {self.split} has items 0 to {len(self) - 1}, not {number}.")
        summer, winter = self.domains.summer, self.domains.winter
        return partial(read_pair, summer[index % len(summer)], winter[partner % len(winter)], self.size)

    def resized(self, size: Size) -> UnpairedDataset:
        """Read the same items at another size."""
        return UnpairedDataset(self.spec, self.split, self.domains, size)

    def fingerprint(self) -> str:
        """Hash the names and bytes of all files."""
        title = f"{self.name}/{self.split}/{self.size}/{len(self.domains.summer)}"
        return fingerprint_of(title, [*self.domains.summer, *self.domains.winter])


def read_pair(summer: Path, winter: Path, size: Size) -> Item:
    """Read both photos of an item; its layout is one class and one instance."""
    labels, instances = np.zeros(size, np.uint8), np.ones(size, np.int32)
    key = f"{summer.stem}__{winter.stem}"
    return Item(key, labels, instances, read_image(winter, size), source=read_image(summer, size))


def open_yosemite(split: Split, root: Path | None = None) -> UnpairedDataset:
    """Open the photos; the val split is the package's test split."""
    folder, part = whole_folder("summer2winter-yosemite", root), FOLDER_OF[split]
    summer, winter = folder / f"{part}A", folder / f"{part}B"
    if not (summer.is_dir() and winter.is_dir()):
        raise UserError(
            f"summer2winter-yosemite is not there: expected {summer} and {winter}; unpack CycleGAN's "
            "summer2winter_yosemite.zip there."
        )
    found = (listed(place, folder).files for place in (summer, winter))
    domains = Domains(*(tuple(sorted(files.values(), key=natural)) for files in found))
    return UnpairedDataset(YOSEMITE, split, domains)


YOSEMITE = DatasetSpec(
    "summer2winter-yosemite",
    "Summer to winter, Yosemite",
    ("photo",),
    ((128, 128, 128),),
    (256, 256),
    open_yosemite,
    split_sizes={"train": 1231, "val": 309},  # of the larger domain, summer
    load_size=(286, 286),
)
