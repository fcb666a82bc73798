"""Read maps of ids as they are stored, and number ids anew."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.catalog import UserError
from bench.datasets._reading import dense_rank

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


def stored_pixels(path: Path) -> NDArray[np.generic]:
    """Read an image as it is stored, [H, W] or [H, W, channels]; a palette is replaced by its colours."""
    with _opened(path) as file:
        return np.asarray(file.convert("RGB") if file.mode == "P" else file)


def check_photo(path: Path) -> None:
    """Refuse a file that is not even the beginning of an image."""
    with _opened(path):
        pass


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as file:
            yield file
    except _DAMAGE as error:
        raise UserError(f"{path} cannot be read as an image ({error}); copy or download it again.") from error


def stored_ids(path: Path) -> NDArray[np.int32]:
    """Read a map of ids, [H, W]; channels that repeat it are dropped."""
    ids = stored_pixels(path)
    if ids.ndim == 3 and (ids[..., :3] == ids[..., :1]).all():
        ids = ids[..., 0]
    if ids.ndim != 2:
        raise UserError(f"{path} is a colour picture; expected a map with one number per pixel.")
    return ids.astype(np.int32)


def stored_labels(path: Path, num_classes: int) -> NDArray[np.uint8]:
    """Read a label map, [H, W], and check its range."""
    labels = stored_ids(path)
    if labels.min() < 0 or labels.max() >= num_classes:
        found = f"{labels.min()} to {labels.max()}"
        raise UserError(f"{path} holds labels from {found}; expected 0 to {num_classes - 1}, one index per class.")
    return labels.astype(np.uint8)


def renumbered(ids: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Number the ids of a map 0, 1, 2 ... in rising order, as INADE's instance maps have them; after 255 comes 0."""
    return dense_rank(ids.astype(np.int32)).astype(np.uint8)
