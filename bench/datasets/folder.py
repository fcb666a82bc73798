"""A user's own data set: a folder with photos, label maps and a dataset.toml that describes them, as `EXAMPLE` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.common.catalog import check_name, resolve
from bench.common.errors import UserError
from bench.datasets import DATASETS
from bench.datasets.base import Colour, Dataset, DatasetSpec, Split
from bench.datasets.parts.classes import spread_colours
from bench.datasets.parts.folders import FolderDataset, Places, choose_places, folder_of, pair

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DESCRIPTION = "dataset.toml"
KIND = "folder"
EXAMPLE = """
title = "Facades"                       # as tables print it
classes = ["background", "wall"]        # names of the labels 0, 1 ...
size = [256, 256]                       # height and width that networks draw; files of other sizes are resized

# What follows may be left out; {split} stands for train and val.
images = "{split}_img"                  # the photos, if they lie elsewhere than here
labels = "{split}_label"                # label maps: one grey PNG per photo, of its name
instances = "{split}_inst"              # instance maps, an id per object; without them a class is an instance
dont_care = 255                         # the label of pixels that are not scored; they become one more class, the last
palette = [[0, 0, 0], [200, 40, 40]]    # a colour per class
scored_like = "cityscapes"              # a data set of the same classes, whose segmenter reads the images
"""
_HELP = "`bench data example` prints one to start from."


@dataclass(frozen=True)
class Key:
    """A key of dataset.toml: what its value may be."""

    expected: str  # in words
    fits: Callable[[Any], bool]
    default: Any = None
    is_optional: bool = False  # a key without default must be there, unless this is set


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_list(value: object, fits: Callable[[Any], bool], length: int | None = None) -> bool:
    return isinstance(value, list) and length in (None, len(value)) and all(map(fits, value))


def _are_names(value: object) -> bool:
    return (
        isinstance(value, list) and 0 < len(value) < 256 and _is_list(value, _is_text) and len(set(value)) == len(value)
    )


def _is_colour(value: object) -> bool:
    return _is_list(value, lambda part: _is_whole(part, 0, 255), 3)


def _is_folder(value: object) -> bool:
    return isinstance(value, str) and "{split}" in value


KEYS: Mapping[str, Key] = {
    "title": Key("a text", _is_text),
    "classes": Key("a list of 1 to 255 different names, one per label from 0 on", _are_names),
    "size": Key("[height, width] in pixels", lambda value: _is_list(value, lambda side: _is_whole(side, 8, 8192), 2)),
    "images": Key("a folder's name with {split} in it", _is_folder, "{split}_img"),
    "labels": Key("a folder's name with {split} in it", _is_folder, "{split}_label"),
    "instances": Key("a folder's name with {split} in it", _is_folder, is_optional=True),
    "dont_care": Key(
        "a label from 0 to 255 that is none of the classes", lambda value: _is_whole(value, 0, 255), is_optional=True
    ),
    "palette": Key(
        "a list of [red, green, blue] from 0 to 255, one per class",
        lambda value: _is_list(value, _is_colour),
        is_optional=True,
    ),
    "scored_like": Key("the name of a data set with the same classes", _is_text, is_optional=True),
}


@dataclass(frozen=True)
class Description:
    """A folder and the checked entries of its dataset.toml."""

    folder: Path
    entries: Mapping[str, Any]

    @property
    def file(self) -> Path:
        """The file with the description."""
        return self.folder / DESCRIPTION

    @property
    def spec(self) -> DatasetSpec:
        """The facts of the data set, as the suite has them of those it knows."""
        names, dont_care = tuple(self.entries["classes"]), self.entries["dont_care"]
        if dont_care is not None and dont_care < len(names):
            raise self.error("dont_care")
        spec = DatasetSpec(
            f"{KIND}-{self.folder.resolve().name}",
            self.entries["title"],
            names if dont_care is None else (*names, "don't care"),
            self._palette(len(names), dont_care is not None),
            (self.entries["size"][0], self.entries["size"][1]),
            self.open,
            scored_as=() if dont_care is None else (*range(len(names)), -1),
            has_instances=self.entries["instances"] is not None,
            dont_care=dont_care,
        )
        return spec if self.entries["scored_like"] is None else self._scored_like(spec, self.entries["scored_like"])

    def error(self, name: str, but: str = "") -> UserError:
        """Make the error that says which entry is wrong and what was expected."""
        return UserError(f"{self.file}: '{name}' is {self.entries[name]!r}; expected {KEYS[name].expected}{but}.")

    def _palette(self, classes: int, has_dont_care: bool) -> tuple[Colour, ...]:
        colours = self.entries["palette"] or spread_colours(classes)
        if len(colours) not in (classes, classes + has_dont_care):
            raise self.error("palette", f", {classes} in all")
        return tuple((red, green, blue) for red, green, blue in [*colours, (0, 0, 0)][: classes + has_dont_care])

    def _scored_like(self, spec: DatasetSpec, name: str) -> DatasetSpec:
        """Read `scored_like`: a data set with the same classes, whose segmenter reads the images."""
        check_name(f"data set in {self.file}", DATASETS, name)
        other: DatasetSpec = resolve("data set", DATASETS, name)
        if not other.scoring or other.num_classes != spec.num_classes:
            there = f"{name} has {other.num_classes} and {'a' if other.scoring else 'no'} segmenter"
            raise self.error("scored_like", f", of which there are {spec.num_classes} here ({there})")
        return replace(spec, scoring=other.scoring, scored_as=other.scored_as)

    def open(self, split: Split, root: Path | None = None) -> FolderDataset:
        """Open one split; the data root is not used, as the folder is known."""
        images, labels, instances = (self._place(kind, split) for kind in ("images", "labels", "instances"))
        places = Places(self.folder / images, self.folder / labels, self.folder / instances if instances else None)
        found = choose_places(self.spec.name, [places], f"{self.file} says so.")
        if places.instances is not None and found.instances is None:
            raise UserError(f"{self.spec.name}: {places.instances} is not there, where {self.file} has instance maps.")
        return FolderDataset(self.spec, split, pair(found, self.folder))

    def _place(self, kind: str, split: Split) -> str:
        return str(self.entries[kind] or "").replace("{split}", split)


def find_folder(place: str, data_root: Path | None) -> DatasetSpec:
    """Find the data set in a folder, given by its path or by its name in the data root."""
    folder = folder_of(place, data_root)
    if not (folder / DESCRIPTION).is_file():
        raise UserError(f"There is no {folder / DESCRIPTION}, which says what the folder holds; {_HELP}")
    return Description(folder, _entries(folder / DESCRIPTION)).spec


def _entries(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is not a TOML file that can be read: {error}.") from error
    for name in found:
        check_name(f"key in {file}", KEYS, name)
    entries = {name: found.get(name, key.default) for name, key in KEYS.items()}
    for name, key in KEYS.items():
        if entries[name] is None and not key.is_optional:
            raise UserError(f"{file} lacks the key '{name}'; expected {key.expected}.")
        if entries[name] is not None and not key.fits(entries[name]):
            raise Description(file.parent, entries).error(name)
    return entries


def _open_nothing(split: Split, root: Path | None = None) -> Dataset:
    raise UserError(
        "Say which folder: folder:NAME for one in the data root, or folder:/any/path. It holds a dataset.toml; " + _HELP
    )


FOLDER = DatasetSpec(KIND, "Your own data", (), (), (256, 256), _open_nothing)
