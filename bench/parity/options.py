"""The options of an authors' network as a golden states them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Json = Any

MISSING = object()


class GoldenError(Exception):
    """A golden that cannot be replayed; its text says what is wrong with it."""


class Config:
    """Constructor-level options of the authors' network, read with the authors' defaults."""

    def __init__(self, values: Mapping[str, Json]) -> None:
        self._values = values

    def _get(self, name: str, default: Json, kinds: tuple[type, ...]) -> Json:
        value = self._values.get(name, default)
        if value is MISSING:
            raise GoldenError(f"config lacks '{name}'")
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise GoldenError(f"config '{name}' is {value!r:.60}, expected {kinds[0].__name__}")
        return value

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def whole(self, name: str, default: object = MISSING, *, at_most: int = 4096) -> int:
        """Read a size from 1 to `at_most`."""
        value: int = self._get(name, default, (int,))
        if not 1 <= value <= at_most:
            raise GoldenError(f"config '{name}' is {value}, expected 1 to {at_most}")
        return value

    def real(self, name: str, default: object = MISSING) -> float:
        """Read a finite number."""
        value = float(self._get(name, default, (float, int)))
        if not math.isfinite(value):
            raise GoldenError(f"config '{name}' is {value}, expected a finite number")
        return value

    def flag(self, name: str, default: object = MISSING) -> bool:
        """Read a switch."""
        return bool(self._get(name, default, (bool,)))

    def word(self, name: str, default: object = MISSING) -> str:
        """Read a choice."""
        return str(self._get(name, default, (str,)))
