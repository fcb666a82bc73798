"""States of finished shards on disk: a run that is killed loses one shard at most, and machines merge by addition."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.common.arrays import Arrays, read_arrays, write_arrays
from bench.common.errors import UserError


class ShardStore:
    """A folder with one `<cell key>/<shard>.npz` per finished shard."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, cell_key: str, shard: str) -> Path:
        """Name the file of a shard."""
        return self.folder / cell_key / f"{shard}.npz"

    def names(self, cell_key: str) -> list[str]:
        """List the finished shards of a cell in a stable order."""
        return sorted(path.stem for path in (self.folder / cell_key).glob("*.npz"))

    def save(self, cell_key: str, shard: str, arrays: Arrays) -> None:
        """Write a shard whole; equal arrays give equal bytes."""
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise ValueError(f"Shard {shard}: '{name}' holds Python objects; only plain numbers can be stored.")
        write_arrays(self.path(cell_key, shard), arrays)

    def load(self, cell_key: str, shard: str) -> dict[str, NDArray[Any]]:
        """Read a shard back."""
        path = self.path(cell_key, shard)
        if not path.is_file():
            raise UserError(f"There is no shard {path}: run the cell again.")
        try:
            return read_arrays(path)
        except ValueError as error:
            raise UserError(f"{path} is not a whole shard ({error}): delete it, then run again.") from error

    def clear(self, cell_key: str) -> None:
        """Remove all shards of a cell."""
        shutil.rmtree(self.folder / cell_key, ignore_errors=True)
