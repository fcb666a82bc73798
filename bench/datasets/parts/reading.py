"""Photos, label maps and instance maps read from files; whatever is wrong with one is a UserError."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from bench.common.errors import UserError
from bench.datasets.base import DatasetSpec, Image, Instances, Item, Labels

Size = tuple[int, int]  # height, width
R = TypeVar("R")
P = TypeVar("P", bound=np.generic)
# Whatever Pillow raises on files that are cut off, damaged or no images at all (found by damaging some).
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Pillow.DecompressionBombError)


@dataclass(frozen=True)
class Files:
    """The files of one item."""

    image: Path
    label: Path
    instance: Path | None  # None: every class in the label map is one instance


@dataclass(frozen=True)
class Form:
    """How the files of a data set are read; it is small, as it is sent to other processes with every item."""

    size: Size  # of the items
    num_classes: int
    dont_care: int | None = None  # the label that stands for the last class
    one_size: bool = True  # a photo and its label map have one size

    @classmethod
    def of(cls, spec: DatasetSpec, size: Size) -> Form:
        """Take the form from a data set's description."""
        return cls(size, spec.num_classes, spec.dont_care, spec.one_size)


def read_item(form: Form, files: Files) -> Item:
    """Read an item; sizes are compared before anything is resized."""
    labels = read_labels(files.label, None, form.num_classes, form.dont_care)
    ids = labels.astype(np.int32) if files.instance is None else read_ids(files.instance)
    image = read_image(files.image)
    problem = size_problem(form, files, image.shape[:2], labels.shape, ids.shape)
    if problem is not None:
        raise UserError(problem)
    # Ids in files start at 0, often for the background; here 0 means none, so 1 is added.
    instances = dense_rank(resized(ids, form.size, Pillow.Resampling.NEAREST)) + 1
    return Item(
        files.image.stem,
        resized(labels, form.size, Pillow.Resampling.NEAREST),
        instances,
        resized(image, form.size, Pillow.Resampling.BICUBIC),
        None if labels.shape == form.size else labels,
    )


def size_problem(
    form: Form, files: Files, image: tuple[int, ...], labels: tuple[int, ...], ids: tuple[int, ...]
) -> str | None:
    """Say which files of an item differ in size, given their heights and widths."""
    if form.one_size and labels != image:
        return f"{files.label} is {_written(labels)}; expected {_written(image)}, the size of its photo {files.image}."
    if ids != labels:
        place = files.instance
        return f"{place} is {_written(ids)}; expected {_written(labels)}, the size of its label map {files.label}."
    return None


def _written(size: tuple[int, ...]) -> str:
    return f"{size[1]}x{size[0]}"


def read_image(path: Path, size: Size | None = None) -> Image:
    """Read a photo, [H, W, 3], resized bicubically if a size is given."""
    image: Image = _read(path, lambda file: np.asarray(file.convert("RGB"), np.uint8))
    return image if size is None else resized(image, size, Pillow.Resampling.BICUBIC)


def read_ids(path: Path, size: Size | None = None) -> NDArray[np.int32]:
    """Read a map of integers of 8, 16 or 32 bits, [H, W], resized to the nearest pixel if a size is given."""

    def decode(file: Pillow.Image) -> NDArray[np.int32]:
        ids = np.asarray(file)  # numpy, as Pillow and torch may read 16 bits as signed
        if ids.ndim == 3 and (ids[..., :3] == ids[..., :1]).all():
            ids = ids[..., 0]
        if file.mode == "P" or ids.ndim != 2 or ids.dtype.kind == "f":
            raise UserError(
                f"{path} is a colour picture; expected a map with one class index per pixel, as a grey PNG."
            )
        return ids.astype(np.int32)

    ids = _read(path, decode)
    return ids if size is None else resized(ids, size, Pillow.Resampling.NEAREST)


def read_labels(path: Path, size: Size | None, num_classes: int, dont_care: int | None = None) -> Labels:
    """Read a label map and check its range; the label `dont_care` becomes the last class."""
    ids = read_ids(path)
    last = num_classes - 1 if dont_care is None else num_classes - 2
    cared_for = ids if dont_care is None else ids[ids != dont_care]
    low, high = cared_for.min(initial=0), cared_for.max(initial=0)
    if low < 0 or high > last:
        other = "" if dont_care is None else f" or {dont_care}"
        wrong = high if high > last else low
        raise UserError(f"{path} holds the label {wrong}; expected 0 to {last}{other}, one index per class.")
    labels = ids.astype(np.uint8)
    if dont_care is not None:
        labels[ids == dont_care] = num_classes - 1
    return labels if size is None else resized(labels, size, Pillow.Resampling.NEAREST)


def dense_rank(ids: NDArray[np.int32]) -> Instances:
    """Number the distinct ids of a map 0, 1, 2 ... in rising order."""
    return np.unique(ids, return_inverse=True)[1].reshape(ids.shape).astype(np.int32)


def resized(pixels: NDArray[P], size: Size, how: Pillow.Resampling) -> NDArray[P]:
    """Resize as Pillow does, whatever the aspect."""
    if pixels.shape[:2] == size:
        return pixels
    result: NDArray[P] = np.array(Pillow.fromarray(pixels).resize(size[::-1], how))
    return result


def _read(path: Path, decode: Callable[[Pillow.Image], R]) -> R:
    try:
        with Pillow.open(path) as file:
            return decode(file)
    except DAMAGE as error:
        raise UserError(f"{path} cannot be read as an image ({error}); copy or download it again.") from error
