"""Files that are written whole or not at all, their hashes, and errors of writing in plain words."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from bench.common.errors import UserError, file_advice


@contextlib.contextmanager
def _taking_the_place_of(path: Path) -> Iterator[Path]:
    """Give a hidden file beside `path` to write; it is renamed to `path` when the block ends without an error."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        reason = file_advice(error) or f"{error.strerror or error}; name another folder"
        raise UserError(f"Cannot write {path.name} in the folder {path.parent}: {reason}.") from error
    finally:
        with contextlib.suppress(OSError):  # a read-only disk refuses even this
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def _on_disk(part: Path) -> Iterator[BinaryIO]:
    with part.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing; its old content stays until the block ends without an error."""
    with _taking_the_place_of(path) as part, _on_disk(part) as file:
        yield file


def link_or_copy(source: Path, path: Path) -> None:
    """Give a file a second name, which takes no space, or copy it where the disk cannot do that."""
    with _taking_the_place_of(path) as part:
        try:
            os.link(source.resolve(), part)
        except OSError:  # another disk, or a file system without links
            with source.open("rb") as original, _on_disk(part) as copy:
                shutil.copyfileobj(original, copy)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, as UTF-8 with plain line ends on every system."""
    with whole_file(path) as file:
        file.write(text.encode())


def sha256_of(path: Path, report: Callable[[int], object] = lambda count: None) -> str:
    """Hash a file; `report` is called with the number of bytes of each block that was read."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
            report(len(block))
    return sha.hexdigest()


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to, before hours are spent on results for it."""
    trial = folder / ".trial"
    write_text(trial, "")
    trial.unlink()
