"""Arrays in npz files: equal arrays give equal bytes, whatever the machine and the time."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.files import whole_file

Arrays = Mapping[str, NDArray[Any]]
_UNIX = 3  # the system that a zip says it was made on; left alone, every system would write its own


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read an npz file; whatever is wrong with its content is a ValueError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(str(error)) from error


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write an npz file, whole or not at all, with the arrays in the order given."""
    # Not np.savez: it cannot store an array named "file", and its bytes depend on the machine.
    with whole_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            about = zipfile.ZipInfo(f"{name}.npy")  # always dated 1980, so that equal arrays give equal bytes
            about.create_system = _UNIX
            with archive.open(about, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
