"""Who vouches for a weight file: its publisher, the training that made it, or its first use on this machine."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.common.errors import UserError
from bench.common.files import sha256_of, write_text

UNKNOWN = "unknown"
PICKLES = (b"PK", b"\x80")  # zip as torch writes it, and the bare pickle of old versions
_STARTS = {".pth": PICKLES, ".pt": PICKLES, ".zip": (b"PK",), ".tgz": (b"\x1f\x8b",), ".npy": (b"\x93NUMPY",)}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expected:
    """What a file must hash to, and who says so."""

    sha256: str
    source: Literal["published", "training record", "first use"]


def expected_hash(path: Path, published: str | None = None) -> Expected | None:
    """The hash by the publisher, else by the record of the suite's own training, else by the first use, if any."""
    if published is not None:
        return Expected(published, "published")
    if (sha256 := _of_training(path)) is not None:
        return Expected(sha256, "training record")
    if (sha256 := _of_first_use(path)) is not None:
        return Expected(sha256, "first use")
    return None


def vouched_by(path: Path, sha256: str, published: str | None = None) -> str:
    """Say who vouches for a file of this hash: a source, or "unknown"."""
    expected = expected_hash(path, published)
    return expected.source if expected is not None and expected.sha256 == sha256 else UNKNOWN


def trusted(path: Path) -> str:
    """Hash a file that has no publisher's hash: it must be what it was when it was first used, which may be now."""
    sha256, expected = sha256_of(path), expected_hash(path)
    if expected is None:
        check_start(path)
        remember(path, sha256)
    elif expected.sha256 != sha256:
        raise UserError(f"{mismatch(path, sha256, expected)} {way_back(path, expected)}")
    return sha256


def mismatch(path: Path, sha256: str, expected: Expected) -> str:
    """Say that a file is not the one it should be."""
    return f"{path}: its SHA-256 starts with {sha256[:8]}, expected {expected.sha256[:8]} ({expected.source})."


def way_back(path: Path, expected: Expected) -> str:
    """Say what to do about a mismatch with a training record or a first use, which the user may overrule."""
    record = path.with_suffix(".json") if expected.source == "training record" else first_use_file(path)
    return f"If you replaced it on purpose, delete {record}; else get the right file again."


def first_use_file(path: Path) -> Path:
    """Name the file beside it that holds the hash of the first use, in the format of `sha256sum --check`."""
    return path.with_name(f"{path.name}.sha256")


def remember(path: Path, sha256: str) -> bool:
    """Write down the hash of the first use; tell whether the folder could be written."""
    try:
        write_text(first_use_file(path), f"{sha256}  {path.name}\n")
    except UserError as error:  # a shared folder: the file can be used, but not be told from another one later
        log.warning("The hash of a first use is not kept: %s", error)
        return False
    return True


def check_start(file: Path, target: Path | None = None) -> None:
    """Refuse a file that does not begin as its kind does: servers send a page where they refuse a file.

    Without this check the page would be trusted on first use. Messages name `target`, where `file` is to lie.
    """
    target = target or file
    with file.open("rb") as opened:
        start = opened.read(64)
    starts = _STARTS.get(target.suffix)
    if not (start.startswith(starts) if starts else not start.lstrip().startswith(b"<")):
        raise UserError(
            f"{target}: its first bytes are not those of a {target.suffix} file; probably it is a page that says why "
            "the file was not sent. Open the address in a browser, or get the file from somebody who has it."
        )


def _of_first_use(path: Path) -> str | None:
    note = first_use_file(path)
    if not note.is_file():
        return None
    sha256 = note.read_text(encoding="utf-8").partition(" ")[0].strip()
    if len(sha256) != 64:
        raise UserError(f"{note}: not the hash of a weight file; delete it to trust {path.name} anew.")
    return sha256


def _of_training(path: Path) -> str | None:
    record = path.with_suffix(".json")
    if not record.is_file():
        return None
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{record}: not the record of a weight file ({error!r}); delete it or train again.") from error
