"""Raw data sets of a few tiny images, and how to prepare them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from bench.commands.cli import cli


def save(path: Path, pixels: np.ndarray) -> None:
    """Write an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def load(path: Path) -> np.ndarray:
    """Read an image as it is stored, which must be 8 bits and one channel."""
    with Image.open(path) as file:
        assert file.mode == "L"
        return np.asarray(file)


def prepare(name: str, *words: str | Path, processes: int | None = 0) -> Result:
    """Run `bench data prepare NAME ...`; None is for what needs no processes."""
    workers = () if processes is None else ("--num-workers", processes)
    command = [str(word) for word in ("data", "prepare", name, *words, *workers)]
    return CliRunner().invoke(cli, command, prog_name="bench")


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def times(folder: Path) -> dict[str, int]:
    """Say when every file of a folder was written."""
    return {name: (folder / name).stat().st_mtime_ns for name in contents(folder)}


def cut(path: Path) -> None:
    """Damage a file as a broken download does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cityscapes(root: Path, count: int, size: tuple[int, int] = (64, 128)) -> list[Path]:
    """Write instance maps of Cityscapes, 16 bits each, and return where their prepared twins belong."""
    rng = np.random.default_rng(0)
    twins = []
    for number in range(count):
        city, part = ("aachen", "train") if number % 2 else ("lindau", "val")
        folder = root / "cityscapes" / "gtFine" / part / city
        ids = rng.choice([7, 23, 26, 24000, 26001, 33001], size).astype(np.uint16)
        save(folder / f"{city}_{number:06d}_000019_gtFine_instanceIds.png", ids)
        twins.append(folder / f"{city}_{number:06d}_000019_gtFine_instanceReIds.png")
    return twins
