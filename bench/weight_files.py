"""Every weight file the suite can use: where it comes from, what it must hash to, and where it lies on this machine."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.catalog import UserError, check_name
from bench.files import sha256_of, whole_file

SHIPPED = Path(__file__).parent / "weights"
_HUB = "https://download.pytorch.org/models"


@dataclass(frozen=True)
class WeightFile:
    """One file and how to trust it."""

    name: str
    file: str  # below the weights folder; for a shipped file below bench/weights
    use: str
    sha256: str | None  # None: nobody has published one
    licence: str
    url: str | None = None  # None: cannot be fetched by a program
    shipped: bool = False

    def path(self, root: Path) -> Path:
        """Say where the file lies or should lie."""
        return (SHIPPED if self.shipped else root) / self.file

    def state(self, root: Path) -> str:
        """Say whether it is on disk, and how big."""
        path = self.path(root)
        if not path.is_file():
            return "missing"
        return f"{'shipped, ' if self.shipped else ''}{path.stat().st_size / 1e6:.1f} MB"


def _feature(name: str, file: str, use: str, sha256: str, licence: str, url: str) -> WeightFile:
    return WeightFile(name, f"features/{file}", use, sha256, licence, url)


def _built_in(name: str, file: str, use: str) -> WeightFile:
    return WeightFile(name, f"paperdolls/{file}", use, None, "Apache-2.0", shipped=True)


_LICENCE_HUB = "torchvision; terms of the training data (ImageNet) may apply"
WEIGHT_FILES: dict[str, WeightFile] = {
    weights.name: weights
    for weights in (
        _feature(
            "inception_fid",
            "pt_inception-2015-12-05-6726825d.pth",
            "FID, KID, IS, precision and recall",
            "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            "Apache-2.0",
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        ),
        _feature(
            "inception_torchvision",
            "inception_v3_google-0cc3c7bd.pth",
            "FID as before 2019-05-27 (fid.mode=torchvision), IS of SC-GAN",
            "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
            _LICENCE_HUB,
            f"{_HUB}/inception_v3_google-0cc3c7bd.pth",
        ),
        _feature(
            "alexnet",
            "alexnet-owt-7be5be79.pth",
            "LPIPS, mCSD, mOCD, mISD, mOID",
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            _LICENCE_HUB,
            f"{_HUB}/alexnet-owt-7be5be79.pth",
        ),
        _feature(
            "vgg19",
            "vgg19-dcbb9e9d.pth",
            "perceptual loss in training",
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            _LICENCE_HUB,
            f"{_HUB}/vgg19-dcbb9e9d.pth",
        ),
        _built_in("paperdolls_features", "features.safetensors", "FID-pd, LPIPS-pd and region diversity on paperdolls"),
        _built_in("paperdolls_segmenter", "segmenter.safetensors", "mIoU-pd and accuracy on paperdolls"),
    )
}


def default_root() -> Path:
    """The folder for weights that are not shipped: $BENCH_WEIGHTS or ./weights."""
    return Path(os.environ.get("BENCH_WEIGHTS", "weights"))


def find(name: str, root: Path) -> Path:
    """Return the path of a weight file that is on disk, or say how to get it."""
    check_name("weight file", WEIGHT_FILES, name)
    weights = WEIGHT_FILES[name]
    path = weights.path(root)
    if path.is_file():
        return path
    if weights.shipped:
        raise UserError(f"{path}: this file belongs to the installation and is missing; install the suite again.")
    raise UserError(
        f"{weights.use} needs {path.name}, expected at {path}. Get it with `bench weights fetch {name}`, or put it "
        f"there by hand from {weights.url}. On paperdolls the built-in metrics (names ending in -pd) need no download."
    )


def verified(name: str, root: Path, *, allow_unknown: bool = False) -> tuple[Path, str]:
    """Find a weight file and check its hash; returns path and hash."""
    path, expected = find(name, root), WEIGHT_FILES[name].sha256
    sha256 = sha256_of(path)
    if expected is not None and sha256 != expected and not allow_unknown:
        raise UserError(
            f"{path}: its SHA-256 starts with {sha256[:8]}, expected {expected[:8]}. Delete it and run "
            f"`bench weights fetch {name}`, or accept another file with --allow-unknown-weights."
        )
    return path, sha256


def recorded_hash(path: Path) -> str | None:
    """Read the hash from the record that the suite's own trainings write beside their weights; None without one."""
    record = path.with_suffix(".json")
    if not record.is_file():
        return None
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{record}: not the record of a weight file ({error!r}); delete it or train again.") from error


def fetch(name: str, root: Path, report: Callable[[int, int], None]) -> Path:
    """Download a file unless the right one is there; check its hash while it comes, and only then give it its name.

    `report` hears of every block: its bytes, and those of the whole file (0 where the server does not say).
    """
    check_name("weight file", WEIGHT_FILES, name)
    weights = WEIGHT_FILES[name]
    path = weights.path(root)
    if weights.url is None:
        raise UserError(f"{name} cannot be fetched: it is shipped with the suite ({path}).")
    if path.is_file() and sha256_of(path) == weights.sha256:
        return path
    sha = hashlib.sha256()
    with whole_file(path) as file:
        for block, total in _download(weights.url, path):
            sha.update(block)
            file.write(block)
            report(len(block), total)
        if sha.hexdigest() != weights.sha256:
            raise UserError(
                f"{weights.url} sent another file than expected: SHA-256 {sha.hexdigest()}, expected {weights.sha256}. "
                f"Nothing was kept; try again, or put the right file at {path}."
            )
    return path


def _download(url: str, path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield blocks, each with the size of the whole file."""
    received = 0
    try:
        with urllib.request.urlopen(url, timeout=30) as source:
            total = int(source.headers.get("Content-Length", 0))
            while block := source.read(1 << 18):
                received += len(block)
                yield block, total
        if received < total:
            raise ConnectionError(f"the connection ended after {received} of {total} bytes")
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"Cannot fetch {url} ({error}). Download it elsewhere and put it at {path}.") from error
