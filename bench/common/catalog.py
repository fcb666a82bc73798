"""Names that users type, and the objects they mean: looked up in tables, imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from bench.common.errors import UserError
from metrics.protocol import PROTOCOLS, Protocol, derive
from models import METHODS

Table = Mapping[str, tuple[str, ...]]  # name -> ("module:attribute", ..., one line for `bench list`)

REFERENCES: Mapping[str, tuple[str, str, str]] = {  # what methods are compared with; same form as models.METHODS
    "truth": ("bench.synthesis.truth:TRUTH", "Truth", "new appearances drawn as the built-in data draws them"),
    "real": (
        "bench.synthesis.real:REAL",
        "Real photos",
        "the photos of the data set: the upper reference of every score",
    ),
}


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


def methods() -> dict[str, tuple[str, str, str]]:
    """List everything that can draw images: the methods of the papers, then the references."""
    return {**METHODS, **REFERENCES}


def title_of(method: str) -> str:
    """Give the title of a method, as tables print it; an unknown method keeps its name."""
    known = methods()
    return known[method][1] if method in known else method


def choose_protocol(name: str, settings: Sequence[str]) -> Protocol:
    """Find a protocol by name (or by a derived name, such as inade2021+fid.real_split=val) and change its choices."""
    base, *changes = name.split("+")
    check_name("protocol", PROTOCOLS, base)
    try:
        return derive(PROTOCOLS[base], [*changes, *settings])
    except ValueError as error:
        raise UserError(str(error)) from error
