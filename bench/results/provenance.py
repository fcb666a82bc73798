"""How, where and when a number came about: commit, versions, machine, time."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bench.common.places import ROOT

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pillow", "lpips", "clean-fid", "segmentation-models-pytorch")


@dataclass(frozen=True)
class Provenance:
    """How, where and when a record came about; none of it may change the numbers, so none of it enters the key."""

    commit: str | None  # of the suite; None = not run from a git checkout
    dirty: bool | None  # the checkout held uncommitted changes
    versions: Mapping[str, str]  # package -> version
    python: str
    platform: str
    device: str
    start: str  # ISO 8601, UTC
    seconds: float
    batch_size: int | None = None
    precision: str = "float32"


def collect(device: str, start: datetime, seconds: float, batch_size: int, precision: str = "float32") -> Provenance:
    """Describe this run; `device` and `start` (with a time zone) come from who ran it."""
    commit, dirty = commit_of(ROOT)
    return Provenance(
        commit=commit,
        dirty=dirty,
        versions=package_versions(PACKAGES),
        python=platform.python_version(),
        platform=platform.platform(),
        device=device,
        start=start.astimezone(timezone.utc).isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        batch_size=batch_size,
        precision=precision,
    )


def package_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Look up the versions of those that are installed, without importing any."""
    versions = {package: _version(package) for package in packages}
    return {package: version for package, version in versions.items() if version is not None}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit_of(checkout: Path) -> tuple[str | None, bool | None]:
    """Read the commit of a checkout and whether tracked files differ from it; (None, None) where there is no git."""
    top = _git(checkout, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != checkout.resolve():  # a copy inside someone else's repository
        return None, None
    commit = _git(checkout, "rev-parse", "HEAD")
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return commit, None if commit is None or changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
