"""What is to be measured, and the key that names a result by all that can change it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.catalog import UserError, check_name
from metrics.protocol import PROTOCOLS, Protocol, derive

Preset = Literal["paper", "tiny"]


@dataclass(frozen=True)
class Cell:
    """One method variant on one data set under one protocol, with all its repeats."""

    method: str
    preset: Preset
    dataset: str
    protocol: str  # possibly derived: "inade2021+fid.real_split=val"
    limit: int | None = None  # the first label maps only; None = all

    @property
    def variant(self) -> str:
        """Name the method as tables do: a size that is not the paper's shows."""
        return variant_title(self.method, self.preset)

    @property
    def data(self) -> str:
        """Name the data as tables do: a limited run never looks like a full one."""
        return self.dataset if self.limit is None else f"{self.dataset}[:{self.limit}]"

    @property
    def title(self) -> str:
        """Name the cell for people."""
        return f"{self.variant} on {self.data}, protocol {self.protocol}"


def variant_title(title: str, preset: Preset) -> str:
    """Add the preset to a method's printed name, unless it is the paper's."""
    return title if preset == "paper" else f"{title} ({preset})"


def content_key(parts: Mapping[str, object]) -> str:
    """Hash everything that can change a number to 20 hex digits, whatever the order it is listed in."""
    try:
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"A content key takes names, finite numbers and lists of them only: {error}.") from error
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def choose_protocol(name: str, settings: Sequence[str]) -> Protocol:
    """Find a named protocol, or a derived one by the name tables print, and change it by `field=value` settings."""
    base, *changes = name.split("+")
    check_name("protocol", PROTOCOLS, base)
    try:
        return derive(PROTOCOLS[base], [*changes, *settings])
    except ValueError as error:
        raise UserError(str(error)) from error
