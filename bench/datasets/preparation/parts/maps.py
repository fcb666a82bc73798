"""Images read without conversion, and maps with new ids."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.common.errors import UserError
from bench.datasets.parts.reading import DAMAGE, dense_rank


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
    except DAMAGE as error:
        raise UserError(f"{path} cannot be read as an image ({error}); copy or download it again.") from error


def renumbered(ids: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Number the ids of a map 0, 1, 2 ... in rising order, as INADE's instance maps have them; after 255 comes 0."""
    ranks: NDArray[np.int32] = dense_rank(ids.astype(np.int32))
    return ranks.astype(np.uint8)
