"""Every weight file the suite can use: where it comes from, what it must hash to, and where it lies on this machine.

What is known of the files is data, `weights/files.toml`; its head says what the fields mean.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.common.catalog import check_name
from bench.common.errors import UserError
from bench.common.files import sha256_of
from bench.common.places import SHIPPED_WEIGHTS
from bench.weights.trust import check_start, expected_hash, mismatch, remember, vouched_by, way_back

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KINDS = {
    "features": "Feature networks",
    "segmenters": "Segmenters",
    "methods": "Networks of the methods, released by their authors",
    "images": "Released images",
    "other": "What no cell of the papers' tables needs",
}


@dataclass(frozen=True)
class WeightFile:
    """What is known of one file: where it comes from, where it lies, and what it must hash to."""

    name: str
    place: str  # below the weights folder, or below the package that it ships with; a folder ends with "/"
    kind: str
    use: str
    origin: str
    licence: str
    sha256: str | None = None  # None: nobody has published one
    megabytes: float | None = None
    inside: str = ""  # what it is called where it comes from
    also: tuple[str, ...] = ()  # other names that it may have in its folder
    url: str | None = None  # a direct link
    click: str | None = None  # where a person must click
    command: str | None = None  # what makes it
    ships_with: str | None = None  # a package
    executable: bool = False
    note: str = ""

    def path(self, root: Path) -> Path:
        """Say where the file lies or should lie."""
        path = (root if self.ships_with is None else _package_folder(self.ships_with)) / self.place
        return next((other for name in self.also if (other := path.with_name(name)).exists()), path)

    def state(self, root: Path) -> str:
        """Say whether it is on disk, and how big."""
        path = self.path(root)
        if self.place.endswith("/"):
            return "there" if path.is_dir() and any(path.iterdir()) else "missing"
        if not path.is_file():
            return "missing"
        return f"{'shipped, ' if self.ships_with else ''}{size_text(path.stat().st_size / 1e6)}"

    def way(self, root: Path) -> str:
        """Say in a sentence how to get it."""
        path = self.path(root)
        if self.ships_with:
            return f"It belongs to the package {self.ships_with}; install that again."
        if self.command:
            return f"Make it with `{self.command}`."
        if self.url:
            return f"Get it with `bench weights fetch {self.name}`, or put it there by hand from {self.url}."
        inside = f", there {self.inside}" if self.inside else ""
        return f"No program can fetch it: get it by hand from {self.click}{inside}, and put it at {path}."


def size_text(megabytes: float) -> str:
    """Write a size for people."""
    return f"{megabytes:.1f} MB" if megabytes >= 0.1 else f"{1000 * megabytes:.0f} kB"


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)  # imports nothing
    return Path(spec.origin).parent if spec is not None and spec.origin else Path(package)


def _read(path: Path) -> Iterator[WeightFile]:
    with path.open("rb") as file:
        releases = tomllib.load(file)["release"]
    for release in releases:
        shared = {key: value for key, value in release.items() if key != "file"}
        for one in release["file"]:
            yield _weight_file({**shared, **one})


def _weight_file(entry: Mapping[str, Any]) -> WeightFile:
    """Fill what an entry leaves open: a file's name is its place, whose first folders are method and data set."""
    place = entry["place"]
    use = " on ".join(place.split("/")[:2])
    known = {"name": place, "use": use, **entry, "also": tuple(entry.get("also", ()))}
    if "url" in entry:
        known["url"] = entry["url"] + entry.get("inside", place.rpartition("/")[2])
    return WeightFile(**known)


WEIGHT_FILES: dict[str, WeightFile] = {weights.name: weights for weights in _read(SHIPPED_WEIGHTS / "files.toml")}


def default_root() -> Path:
    """The folder for weights that are not shipped: $BENCH_WEIGHTS or ./weights."""
    return Path(os.environ.get("BENCH_WEIGHTS", "weights"))


def method_folder(method: str, dataset: str, root: Path) -> Path:
    """Say where weights of the paper's size belong; deepfashion2 is drawn by the networks of deepfashion."""
    return root / method / ("deepfashion" if dataset == "deepfashion2" else dataset)


def find(name: str, root: Path) -> Path:
    """Return the path of a weight file that is on disk, or say how to get it."""
    check_name("weight file", WEIGHT_FILES, name)
    weights = WEIGHT_FILES[name]
    path = weights.path(root)
    if path.is_file():
        return path
    raise UserError(
        f"{name} (for {weights.use}) is expected at {path}. {weights.way(root)} "
        "On paperdolls the built-in metrics (names ending in -pd) need no download."
    )


def verified(name: str, root: Path, *, allow_unknown: bool = False) -> tuple[Path, str]:
    """Find a weight file and check its hash; returns path and hash.

    Where nobody has said what the hash must be, `allow_unknown` makes this the first use, which later ones must match.
    """
    path, weights = find(name, root), WEIGHT_FILES[name]
    sha256, expected = sha256_of(path), expected_hash(path, weights.sha256)
    if expected is None:
        if not allow_unknown:
            raise UserError(
                f"{path}: nobody has published the SHA-256 of this file, so it may be any. Yours is {sha256}. If you "
                f"trust where it came from ({weights.origin}), run `bench weights fetch {name}` or give "
                "--allow-unknown-weights once: the hash is kept, and later uses must match it."
            )
        check_start(path)
        remember(path, sha256)
    elif sha256 != expected.sha256 and (weights.executable or not allow_unknown):
        raise UserError(f"{mismatch(path, sha256, expected)} {_way_out(weights, path, root)}")
    return path, sha256


def _way_out(weights: WeightFile, path: Path, root: Path) -> str:
    if weights.executable:
        return f"It holds code, so no other file is accepted. Delete it. {weights.way(root)}"
    expected = expected_hash(path, weights.sha256)
    if expected is None or expected.source == "published":
        return f"Delete it, or accept another file with --allow-unknown-weights. {weights.way(root)}"
    return f"{way_back(path, expected)} --allow-unknown-weights accepts it for one run."


def voucher(name: str, root: Path, sha256: str) -> str:
    """Say who vouches for a file of this hash, or "unknown"."""
    weights = WEIGHT_FILES[name]
    return vouched_by(weights.path(root), sha256, weights.sha256)
