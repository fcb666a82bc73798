"""Files of a data set: found by their names, paired with each other, and never outside its folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.common.errors import UserError
from bench.datasets.base import Dataset, DatasetSpec, Item, Split
from bench.datasets.parts.fingerprints import fingerprint_of
from bench.datasets.parts.reading import Files, Form, Size, read_item

UNFINISHED = ".unfinished"  # in a folder that 'bench data prepare' has begun to fill; holds the command to run again
EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tiff", ".webp"})
# Names of unpacked packages, where they differ from ours.
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "ade20k": ("ADEChallengeData2016",),
    "ade20k-outdoor": ("ADEData2016_outdoor",),
    "celebamask-hq": ("CelebA-HQ",),  # not CelebAMask-HQ, the raw package that this is made from
}
FILE_LIST = "files.list"  # if it is there, it lists the files, and the folder that holds it is not searched


def folder_of(name: str, root: Path | None) -> Path:
    """Find the folder of a data set, which has its name and lies in `root`, $BENCH_DATA or ./data."""
    place = root or Path(os.environ.get("BENCH_DATA", "data"))
    names = (name, name.replace("-", "_"), *OTHER_NAMES.get(name, ()))
    return next((place / spelling for spelling in names if (place / spelling).is_dir()), place / name)


def check_finished(folder: Path) -> None:
    """Refuse a data set whose preparation was stopped half-way."""
    marker = folder / UNFINISHED
    if marker.is_file():
        command = marker.read_text(encoding="utf-8", errors="replace").strip()
        raise UserError(f"{folder} is incomplete, as its preparation was not finished: run '{command}' again.")


def whole_folder(name: str, root: Path | None) -> Path:
    """Find the folder of a data set; refuse it if its preparation was stopped half-way."""
    folder = folder_of(name, root)
    check_finished(folder)
    return folder


def natural(path: Path) -> list[tuple[int, str]]:
    """Sort key under which 2.png comes before 10.png."""
    parts = re.split(r"(\d+)", path.stem)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


@dataclass(frozen=True)
class Naming:
    """A rule for file names: which files of a folder are of one kind, and the key that pairs them with another kind."""

    ending: str = ""  # of their names, before the dot
    fields: int | None = None  # how many underscore fields of a name count; None = all of it
    extensions: frozenset[str] = EXTENSIONS

    def key(self, name: str) -> str | None:
        """The part of a file's name that pairs it with other kinds; None: the file is not of this kind."""
        stem, extension = os.path.splitext(name)
        if name.startswith(".") or extension.lower() not in self.extensions or not stem.endswith(self.ending):
            return None
        return stem if self.fields is None else "_".join(stem.split("_")[: self.fields])

    def __str__(self) -> str:
        return ", ".join(f"{self.ending}{extension}" for extension in sorted(self.extensions))


PICTURES = Naming()


@dataclass(frozen=True)
class Listing:
    """The files of one kind, by the key that pairs them with those of another kind."""

    place: Path
    files: Mapping[str, Path]


def listed(place: Path, root: Path, naming: Naming = PICTURES, *, within: Sequence[Path] = ()) -> Listing:
    """List the pictures in a folder, or in the folders `within` it; a link that leads out of `root` is refused."""
    files: dict[str, Path] = {}
    for folder in within or (place,):
        paths = _from_list(folder / FILE_LIST) if (folder / FILE_LIST).is_file() else _in(folder)
        keys = {path: key for path in paths if (key := naming.key(path.name)) is not None}
        check_inside([folder, *keys], root)
        for path, key in keys.items():
            if files.setdefault(key, path) != path:
                raise UserError(f"{place} holds two files of one name, {files[key]} and {path}; keep one of them.")
    if not files:
        raise UserError(f"{place} holds no images; expected files that end in {naming}.")
    return Listing(place, files)


def _in(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
    return [folder / name for name in sorted(names)]


def _from_list(file: Path) -> list[Path]:
    """Read a list of paths, which may start at its author's working folder and be out of date."""
    paths = []
    for line in filter(None, map(str.strip, file.read_text(encoding="utf-8", errors="replace").splitlines())):
        path = next((path for path in (file.parent / line, Path(line)) if path.is_file()), None)
        if path is None:
            raise UserError(f"{file} names '{line}', which is not there; put the file there, or delete {file.name}.")
        paths.append(path)
    return paths


def check_inside(paths: Sequence[Path], root: Path) -> None:
    """Refuse paths that lead out of the data set's folder, by a link or otherwise."""
    links = (path for path in paths if path.is_symlink())  # all others lie where their folder lies
    for path in dict.fromkeys([*(path.parent for path in paths if path != root), *links]):
        try:
            target = path.resolve()
        except (OSError, RuntimeError) as error:
            raise UserError(f"{path} is a link that leads nowhere ({error}); replace it by a copy.") from error
        if not target.is_relative_to(root.resolve()):
            raise UserError(
                f"{path} leads out of the folder {root}, to {target}; the folder of a data set may be a link, but "
                "nothing in it may lead out of it: put a copy there."
            )


def matched(images: Listing, labels: Listing, instances: Listing | None = None) -> list[Files]:
    """Match files by key, in natural order; files without a partner are refused."""
    kinds = [images, labels] if instances is None else [images, labels, instances]
    for kind in kinds:
        for other in kinds:
            lonely = sorted(other.files.keys() - kind.files.keys(), key=lambda key: natural(other.files[key]))
            if lonely:
                raise UserError(
                    f"{len(lonely)} of {len(other.files)} files in {other.place} have no partner in {kind.place}, "
                    f"the first is '{lonely[0]}'; add the missing files or remove the lonely ones."
                )
    return [
        Files(images.files[key], labels.files[key], None if instances is None else instances.files[key])
        for key in sorted(images.files, key=lambda key: natural(images.files[key]))
    ]


@dataclass(frozen=True)
class Places:
    """The folders of one split; instance maps may be missing or not wanted."""

    images: Path
    labels: Path
    instances: Path | None = None


def choose_places(name: str, options: Sequence[Places], advice: str) -> Places:
    """Choose the first arrangement of folders that exists, with its instance maps if they exist."""
    for places in options:
        if places.images.is_dir() and places.labels.is_dir():
            there = places.instances is not None and places.instances.is_dir()
            return places if there else Places(places.images, places.labels)
    for places in options:
        if places.labels.is_dir():
            raise UserError(f"{name}: {places.labels} holds label maps, but there are no photos: add {places.images}.")
    expected = " or ".join(f"{places.images} and {places.labels}" for places in options)
    raise UserError(f"{name} is not there: expected {expected}; {advice}")


def pair(places: Places, root: Path) -> list[Files]:
    """List the items of three folders whose files are paired by their stems."""
    kinds = (places.images, places.labels, places.instances)
    return matched(*(listed(place, root) for place in kinds if place is not None))


class FolderDataset(Dataset):
    """A data set whose items are read from files."""

    def __init__(self, spec: DatasetSpec, split: Split, files: Sequence[Files], size: Size | None = None) -> None:
        self.spec = spec
        self.split = split
        self.size = size or spec.size
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    @property
    def form(self) -> Form:
        """The form in which every item is read."""
        return Form.of(self.spec, self.size)

    def loader(self, index: int) -> Callable[[], Item]:
        """Give a call that reads one item."""
        return partial(read_item, self.form, self.files[index])

    def resized(self, size: Size) -> FolderDataset:
        """Read the same items at another size."""
        return FolderDataset(self.spec, self.split, self.files, size)

    def fingerprint(self) -> str:
        """Hash the names and bytes of all files; this reads every file, unless none has changed since the last time."""
        paths = [path for files in self.files for path in (files.image, files.label, files.instance) if path]
        return fingerprint_of(f"{self.name}/{self.split}/{self.form}", paths)
