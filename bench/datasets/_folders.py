"""Read label maps, instance maps and photos from folders, with one clear error for everything that can be wrong."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from bench.catalog import UserError
from bench.datasets.base import Dataset, DatasetSpec, Image, Instances, Item, Labels, Split

UNFINISHED = ".unfinished"  # in a folder that 'bench data prepare' has begun to fill; holds the command to run again
EXTENSIONS = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tiff", ".webp"}
R = TypeVar("R")


@dataclass(frozen=True)
class Files:
    """Where one item lies."""

    image: Path
    label: Path
    instance: Path | None  # None: every class present is one instance


def folder_of(name: str, root: Path | None) -> Path:
    """Say where a data set lies: in a folder of its name, within `root`, $BENCH_DATA or ./data."""
    return (root or Path(os.environ.get("BENCH_DATA", "data"))) / name


def check_finished(folder: Path) -> None:
    """Refuse a data set whose preparation was stopped half-way."""
    marker = folder / UNFINISHED
    if marker.is_file():
        command = marker.read_text(encoding="utf-8", errors="replace").strip()
        raise UserError(f"{folder} is half made, prepare was not finished: run '{command}' again.")


def natural(path: Path) -> list[tuple[int, str]]:
    """Sort key under which 2.png comes before 10.png."""
    parts = re.split(r"(\d+)", path.stem)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def pair(images: Path, labels: Path, instances: Path | None) -> list[Files]:
    """List the items of three folders in natural order, and refuse files without a partner."""
    found = {folder: _by_stem(folder) for folder in (images, labels, instances) if folder is not None}
    for folder, files in found.items():
        for other, others in found.items():
            lonely = sorted(others.keys() - files.keys())
            if lonely:
                raise UserError(
                    f"{len(lonely)} of {len(others)} files in {other} have no partner in {folder}, "
                    f"the first is '{lonely[0]}'; add the missing files or remove the lonely ones."
                )
    stems = sorted(found[images], key=lambda stem: natural(Path(stem + ".png")))
    instance_files = found[instances] if instances is not None else {}
    return [Files(found[images][stem], found[labels][stem], instance_files.get(stem)) for stem in stems]


def _by_stem(folder: Path) -> dict[str, Path]:
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in EXTENSIONS]
    stems = {path.stem: path for path in files}
    if not files:
        raise UserError(f"{folder} holds no images; expected files that end in {', '.join(sorted(EXTENSIONS))}.")
    if len(stems) < len(files):
        raise UserError(f"{folder} holds two files of one name with different endings; keep one of each.")
    return stems


def read_image(path: Path, size: tuple[int, int]) -> Image:
    """Read a photo and resize it bicubically, [H, W, 3]."""
    return _read(
        path, lambda file: np.asarray(_resized(file.convert("RGB"), size, Pillow.Resampling.BICUBIC), np.uint8)
    )


def read_ids(path: Path, size: tuple[int, int]) -> NDArray[np.int32]:
    """Read a map of integers as it is stored, resized to the nearest pixel, [H, W]."""

    def decode(file: Pillow.Image) -> NDArray[np.int32]:
        ids = np.asarray(_resized(file, size, Pillow.Resampling.NEAREST))
        if ids.ndim == 3 and (ids[..., :3] == ids[..., :1]).all():
            ids = ids[..., 0]
        if file.mode == "P" or ids.ndim != 2:
            raise UserError(f"{path} is a colour picture; expected a map with one class index per pixel.")
        return ids.astype(np.int32)

    return _read(path, decode)


def read_labels(path: Path, size: tuple[int, int], num_classes: int) -> Labels:
    """Read a label map and check its range."""
    labels = read_ids(path, size)
    if labels.max() >= num_classes or labels.min() < 0:
        raise UserError(f"{path} holds the label {labels.max()}; expected 0 to {num_classes - 1}, one index per class.")
    return labels.astype(np.uint8)


def dense_rank(ids: NDArray[np.int32]) -> Instances:
    """Number the distinct ids of a map 0, 1, 2 ... in rising order."""
    return np.unique(ids, return_inverse=True)[1].reshape(ids.shape).astype(np.int32)


def _resized(file: Pillow.Image, size: tuple[int, int], how: Pillow.Resampling) -> Pillow.Image:
    return file if file.size == size[::-1] else file.resize(size[::-1], how)


def _read(path: Path, decode: Callable[[Pillow.Image], R]) -> R:
    try:
        with Pillow.open(path) as file:
            return decode(file)
    except (OSError, SyntaxError) as error:
        raise UserError(f"{path} cannot be read as an image ({error}); copy or download it again.") from error


class FolderDataset(Dataset):
    """Items that lie in files."""

    def __init__(self, spec: DatasetSpec, split: Split, files: list[Files]) -> None:
        self.spec = spec
        self.split = split
        self.size = spec.size
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Item:
        files = self.files[index]
        labels = read_labels(files.label, self.size, self.num_classes)
        ids = labels.astype(np.int32) if files.instance is None else read_ids(files.instance, self.size)
        # Ids in files start at 0, often for the background; here 0 means none, so all move up by one.
        return Item(files.image.stem, labels, dense_rank(ids) + 1, read_image(files.image, self.size))

    def fingerprint(self) -> str:
        """Hash the names and bytes of all files; this reads the split once."""
        digest = hashlib.sha256(f"{self.name}/{self.split}/{self.size}".encode())
        for files in self.files:
            for path in (files.image, files.label, files.instance):
                if path is not None:
                    digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()
