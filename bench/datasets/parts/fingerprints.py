"""Fingerprints of data sets: hashes of all their files, remembered for as long as no file changes."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench.common.errors import UserError
from bench.common.files import sha256_of, write_text

# A file may change twice within one tick of a file system's clock (FAT's are 2 seconds), so the hash of files that
# were written just now is not remembered.
SETTLED = 5.0  # seconds


def cache_folder() -> Path:
    """Find the user's folder for what can be computed again: $BENCH_CACHE, or the system's usual place."""
    if chosen := os.environ.get("BENCH_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "bench"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bench"


def fingerprint_of(title: str, paths: Sequence[Path]) -> str:
    """Hash a title, and the names and bytes of files, in order."""
    state, newest = _state(title, paths)
    remembered = cache_folder() / "fingerprints" / state
    with suppress(OSError, ValueError):
        text = remembered.read_text(encoding="ascii").strip()
        if len(bytes.fromhex(text)) == hashlib.sha256().digest_size:
            return text
    digest = hashlib.sha256(title.encode())
    for path in paths:
        digest.update(path.name.encode() + bytes.fromhex(sha256_of(path)))
    if newest < time.time() - SETTLED:
        with suppress(UserError):  # a folder that cannot be written costs time and nothing else
            write_text(remembered, digest.hexdigest() + "\n")
    return digest.hexdigest()


def _state(title: str, paths: Sequence[Path]) -> tuple[str, float]:
    """Hash what changes whenever a file is written to; also give the time of the last change, in seconds."""
    digest, newest = hashlib.sha256(f"{title}\0{Path.cwd()}".encode()), 0
    for path in paths:
        facts = os.stat(path)
        # The time of the last change of state cannot be set back, as that of the content can.
        digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ctime_ns}\n".encode())
        newest = max(newest, facts.st_mtime_ns, facts.st_ctime_ns)
    return digest.hexdigest(), newest / 1e9
