"""Fetching of known weight files from their publishers; nothing is kept that has another hash than expected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.common.catalog import check_name
from bench.common.errors import UserError
from bench.common.files import sha256_of
from bench.weights.downloads import Report, discard, download, finish
from bench.weights.known import WEIGHT_FILES
from bench.weights.trust import Expected, check_start, expected_hash, mismatch, remember


@dataclass(frozen=True)
class Fetched:
    """A file that is there, and whether its hash was taken on trust just now."""

    path: Path
    sha256: str
    first_use: bool


def fetch(name: str, root: Path, report: Report) -> Fetched:
    """Download a file unless the right one is there; without a published hash, what is there is trusted from now on.

    `report` hears of every block: its bytes, and those of the whole file (0 where the server does not say).
    """
    check_name("weight file", WEIGHT_FILES, name)
    weights = WEIGHT_FILES[name]
    path = weights.path(root)
    expected = expected_hash(path, weights.sha256)
    sha256 = sha256_of(path) if path.is_file() else None
    if sha256 is None or (expected is not None and expected.sha256 != sha256):
        if weights.url is None:
            wrong = mismatch(path, sha256, expected) if sha256 and expected else f"{name} cannot be fetched."
            raise UserError(f"{wrong} {weights.way(root)}")
        sha256 = _download(weights.url, path, expected, report)
    if expected is None:
        check_start(path)
        remember(path, sha256)
    return Fetched(path, sha256, first_use=expected is None)


def _download(url: str, path: Path, expected: Expected | None, report: Report) -> str:
    """Bring a file to its place if it is the expected one, and return its hash; of another nothing is kept."""
    part = path.with_name(f"{path.name}.part")
    download(url, part, report)
    sha256 = sha256_of(part)
    if expected is not None and sha256 != expected.sha256:
        discard(part)
        raise UserError(
            f"{url} sent another file than expected: SHA-256 {sha256}, expected {expected.sha256} "
            f"({expected.source}). Nothing was kept; try again, or put the right file at {path}."
        )
    try:
        check_start(part, path)
    except UserError:
        discard(part)
        raise
    finish(part, path)
    return sha256
