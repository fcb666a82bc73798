"""The version of the suite."""

from __future__ import annotations

import importlib.metadata
import re

from bench.common.places import ROOT


def version() -> str:
    """Read it from the checkout this runs from, or else from the installed package."""
    project = ROOT / "pyproject.toml"
    if project.is_file():  # where packages are installed, another one may have left a file of that name
        found = re.search(r'^name = "sis-bench"\nversion = "(.+)"', project.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1]
    return importlib.metadata.version("sis-bench")
