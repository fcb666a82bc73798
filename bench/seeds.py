"""A random stream of its own for everything that is drawn, so that no draw depends on another."""

from __future__ import annotations

import hashlib


def stream_seed(*parts: int | str) -> int:
    """Hash what a draw belongs to (seed, image, region, draw ...) to a 63-bit seed, equal on every machine."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
