"""Hashes that name things: the key of a result by all that can change it, the seed of a random stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def content_key(parts: Mapping[str, object]) -> str:
    """Hash everything that can change a number to 20 hex digits; the order of listing does not matter."""
    try:
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"A content key takes names, finite numbers and lists of them only: {error}.") from error
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def stream_seed(*parts: int | str) -> int:
    """Hash what a draw belongs to (seed, image, region, draw ...) to a 63-bit seed, equal on every machine."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
