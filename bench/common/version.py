"""The version of the suite."""

from __future__ import annotations

import importlib.metadata
import re

from bench.common.places import ROOT


def version() -> str:
    """Read the version from the checkout that this runs from, else from the installed package."""
    project = ROOT / "pyproject.toml"
    if project.is_file():  # beside installed packages it may be another project's
        found = re.search(r'^name = "sis-bench"\nversion = "(.+)"', project.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1]
    return importlib.metadata.version("sis-bench")
