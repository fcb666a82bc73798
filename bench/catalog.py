"""From a name a user typed to the object it means; nothing is imported before it is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

Table = Mapping[str, tuple[str, str]]  # name -> ("module:attribute", one line for `bench list`)


class UserError(Exception):
    """Something the user can put right; its text is all they see (exit code 2)."""


def check_name(kind: str, table: Mapping[str, object], name: str) -> None:
    """Refuse a name the table does not hold, with the nearest ones it does."""
    if name in table:
        return
    close = difflib.get_close_matches(name, table, n=1, cutoff=0.5)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise UserError(f"Unknown {kind} '{name}'.{hint} Known: {', '.join(table)}.")


def resolve(kind: str, table: Table, name: str) -> Any:  # noqa: ANN401 - the type depends on the table
    """Import and return what `table` lists under `name`."""
    check_name(kind, table, name)
    module, attribute = table[name][0].split(":")
    return getattr(importlib.import_module(module), attribute)


def methods() -> dict[str, tuple[str, str]]:
    """List what can draw images: the methods of the papers, and the truth of the built-in data."""
    from models import METHODS

    return {
        **METHODS,
        "truth": ("bench.truth:TRUTH", "new appearances drawn as the built-in data draws them"),
        "real": ("bench.real:REAL", "the photos of the data set: the upper reference of every score"),
    }
