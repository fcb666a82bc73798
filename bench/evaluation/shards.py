"""States of finished shards on disk: a run that is killed loses one shard at most, and machines merge by addition."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import UserError
from bench.common.files import whole_file

Arrays = Mapping[str, NDArray[np.generic]]


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
        with whole_file(self.path(cell_key, shard)) as file, zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                # Not np.savez: it gives names such as "file" a meaning of its own.
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)

    def load(self, cell_key: str, shard: str) -> dict[str, NDArray[np.generic]]:
        """Read a shard back."""
        path = self.path(cell_key, shard)
        if not path.is_file():
            raise UserError(f"There is no shard {path}: run the cell again.")
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
            raise UserError(f"{path} is not a whole shard ({error}): delete it, then run again.") from error

    def clear(self, cell_key: str) -> None:
        """Remove all shards of a cell."""
        shutil.rmtree(self.folder / cell_key, ignore_errors=True)
