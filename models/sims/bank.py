"""A bank of training photos cut into segments, and the search in it: same class, most alike in place and shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.sims.segments import Labels, Mask, Scene, Segment, components, is_in_front, large, touching

Photo = NDArray[np.uint8]  # [H, W, 3]

_ROWS = 64  # of the coarse masks that are compared first
_COMPARED = 32  # as many of the best are then compared at full size
_KINDS = {  # axes and type of every array
    "photos": (4, "u1"),
    "regions": (3, "i2"),
    "classes": (1, "u1"),
    "starts": (1, "i8"),
    "segments": (2, "i4"),
    "coarse": (2, "u1"),
    "order": (1, "u1"),
}
_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1, dtype=np.uint8)  # bits of every byte


@dataclass(frozen=True)
class Found:
    """A segment of the bank, where it lies in its photo."""

    mask: Mask
    photo: int
    overlap: float  # intersection over union with what was asked for


@dataclass(frozen=True)
class Bank:
    """Photos, their regions, and which of these can be found."""

    photos: NDArray[np.uint8]  # [P, H, W, 3]
    regions: NDArray[np.int16]  # [P, H, W], numbered from 0 in every photo
    classes: NDArray[np.uint8]  # of all regions of the first photo, then of the second ...
    starts: NDArray[np.int64]  # [P], where a photo's regions start among them
    segments: NDArray[np.int32]  # [S, 2], photo and region
    coarse: NDArray[np.uint8]  # [S, bytes], masks with a bit per pixel of a coarse grid
    order: NDArray[np.uint8]  # classes from the back to the front

    @classmethod
    def of(cls, items: Iterable[tuple[Labels, Photo]], scene: Scene) -> Bank:
        """Cut up label maps and their photos, all of one size."""
        photos, regions, classes, starts, segments, coarse = [], [], [], [0], [], []
        hiding = _Hiding(scene)
        for index, (labels, photo) in enumerate(items):
            numbers, of_number = components(labels)
            if len(of_number) > np.iinfo(np.int16).max:
                raise ValueError(f"Label map {index} falls into {len(of_number)} regions, too many to be a picture.")
            chosen = large(numbers, of_number, scene.void)
            hiding.count(numbers, of_number, chosen)
            photos.append(photo)
            regions.append(numbers.astype(np.int16))
            classes.append(of_number)
            starts.append(starts[-1] + len(of_number))
            segments += [(index, number) for number in chosen]
            coarse += [_coarse(numbers == number) for number in chosen]
        if not segments:
            raise ValueError("There is no segment to be found in these label maps.")
        return cls(
            np.stack(photos),
            np.stack(regions),
            np.concatenate(classes),
            np.array(starts[:-1], np.int64),
            np.array(segments, np.int32),
            np.stack(coarse),
            hiding.order(),
        )

    def tensors(self) -> dict[str, Tensor]:
        """All arrays by name, as a file holds them."""
        return {field.name: torch.from_numpy(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor]) -> Bank:
        """Make a bank of what `tensors` gave; refuse arrays that do not fit each other."""
        wanted = [field.name for field in fields(cls)]
        if set(tensors) != set(wanted):
            raise ValueError(f"It holds {', '.join(sorted(tensors)) or 'nothing'}, expected {', '.join(wanted)}.")
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        for name, (axes, kind) in _KINDS.items():
            if arrays[name].ndim != axes or arrays[name].dtype != np.dtype(kind):
                raise ValueError(f"Its {name} are {arrays[name].dtype} with {arrays[name].ndim} axes.")
        bank = cls(**arrays)
        if not bank._is_sound():
            raise ValueError("Its arrays do not fit each other.")
        return bank

    def _is_sound(self) -> bool:
        """Whether no look-up can go astray."""
        photo, region = self.segments.T
        return (
            self.photos.shape[:3] == self.regions.shape
            and len(self.starts) == len(self.photos)
            and len(self.coarse) == len(photo) > 0
            and self.coarse.shape[1] == len(_coarse(np.zeros(self.regions.shape[1:], bool)))
            and photo.min() >= 0
            and photo.max() < len(self.photos)
            and min(region.min(), self.regions.min(), self.starts.min()) >= 0
            and (self.starts + self.regions.max((1, 2))).max() < len(self.classes)
            and (self.starts[photo] + region).max() < len(self.classes)
            and sorted(self.order) == list(range(256))
        )

    def labels(self, photo: int) -> Labels:
        """The label map of a photo."""
        return np.asarray(self.classes[self.starts[photo] + self.regions[photo]])

    def best(self, segment: Segment, photos: NDArray[np.int64] | None = None, count: int = 10) -> list[Found]:
        """Find the segments of the same class that overlap most, best first, where every mask lies in its own photo.

        `photos` are the only ones to look at. Masks are compared coarsely first, which is exact at 64 rows.
        """
        rows = np.flatnonzero(self.classes[self.starts[self.segments[:, 0]] + self.segments[:, 1]] == segment.label)
        if photos is not None:
            rows = rows[np.isin(self.segments[rows, 0], photos)]
        wanted = _coarse(segment.mask)
        both = _ONES[self.coarse[rows] & wanted].sum(1, dtype=np.int64)
        either = _ONES[self.coarse[rows] | wanted].sum(1, dtype=np.int64)
        nearest = rows[np.argsort(-both / np.maximum(either, 1), kind="stable")[:_COMPARED]]
        found = [self._found(row, segment.mask) for row in nearest]
        return sorted((f for f in found if f.overlap > 0), key=lambda f: -f.overlap)[:count]

    def _found(self, row: int, wanted: Mask) -> Found:
        photo, region = (int(number) for number in self.segments[row])
        mask = self.regions[photo] == region
        return Found(mask, photo, float((mask & wanted).sum() / (mask | wanted).sum()))


class _Hiding:
    """How often segments of every class lie behind others that they touch."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.behind, self.all = np.zeros(256), np.zeros(256)

    def count(self, numbers: NDArray[np.int32], classes: NDArray[np.uint8], chosen: NDArray[np.intp]) -> None:
        """Count the pairs of one label map."""
        segments = {int(number): Segment(int(classes[number]), numbers == number) for number in chosen}
        for first, second in touching(numbers).tolist():
            if first in segments and second in segments:
                a, b = segments[first], segments[second]
                hidden = b if is_in_front(a, b, self.scene) else a
                self.behind[hidden.label] += 1
                self.all[[a.label, b.label]] += 1

    def order(self) -> NDArray[np.uint8]:
        """Classes from the one most often behind; one that touched nothing counts as behind in half of all cases."""
        share = np.where(self.all > 0, self.behind / np.maximum(self.all, 1), 0.5)
        return np.argsort(-share, kind="stable").astype(np.uint8)


def _coarse(mask: Mask) -> NDArray[np.uint8]:
    """Look at the centres of squares, and pack eight of them into a byte."""
    step = max(1, len(mask) // _ROWS)
    return np.packbits(mask[step // 2 :: step, step // 2 :: step])
