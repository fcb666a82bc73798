"""What a package is made of, without importing it."""

from __future__ import annotations

from pathlib import Path


def children(folder: Path) -> set[str]:
    """Name the modules and packages in a package."""
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in folder.glob("*/__init__.py")}
