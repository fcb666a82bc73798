"""The splits of CelebAMask-HQ that papers use. None is the right one; tables of different splits do not compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from bench.common.errors import UserError

SplitRule = Literal["sean", "official", "lists"]
Part = Literal["train", "val", "test"]
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
LISTS: dict[Part, str] = {"train": "train_list.txt", "test": "test_list.txt"}


class Place(NamedTuple):
    """The place of a face in the prepared data: a part, and a number in it."""

    part: Part
    number: int


def by_number(_: Path, faces: Sequence[int]) -> dict[int, Place]:
    """Split as SEAN's package does, which INADE uses, too: 28,000 for training, 28000 to 29999 for the test."""
    return {face: Place("train" if face < 28000 else "test", face) for face in faces}


def by_celeba_index(folder: Path, faces: Sequence[int]) -> dict[int, Place]:
    """Split as CelebAMask-HQ's authors do: where CelebA has the photo. Every part is numbered anew, from 0."""
    places: dict[int, Place] = {}
    counts: Counter[Part] = Counter()
    for face, original in sorted(_mapping(folder / MAPPING).items()):
        part: Part = "test" if original >= 182638 else "val" if original >= 162771 else "train"
        places[face] = Place(part, counts[part])
        counts[part] += 1
    missing = [face for face in faces if face not in places]
    if missing:
        raise UserError(f"{folder / MAPPING} has no line for {len(missing)} faces, the first is {missing[0]}.")
    return {face: places[face] for face in faces}


def by_lists(folder: Path, faces: Sequence[int]) -> dict[int, Place]:
    """Split by lists of file names, as SC-GAN does; its own lists were never published."""
    listed = {part: _listed(folder / name) for part, name in LISTS.items()}
    both = sorted(listed["train"] & listed["test"])
    if both:
        raise UserError(f"{len(both)} faces are in both lists of {folder}, the first is {both[0]}; keep each in one.")
    unknown = sorted((listed["train"] | listed["test"]) - set(faces))
    if unknown:
        raise UserError(f"The lists in {folder} name {len(unknown)} faces without a photo, the first is {unknown[0]}.")
    return {face: Place(part, face) for part, those in listed.items() for face in sorted(those)}


RULES: Mapping[SplitRule, Callable[[Path, Sequence[int]], dict[int, Place]]] = {
    "sean": by_number,
    "official": by_celeba_index,
    "lists": by_lists,
}


def _mapping(path: Path) -> dict[int, int]:
    """Read which photo of CelebA each face is: lines of face, index in CelebA, file name, below a header."""
    found = {}
    for number, line in enumerate(_lines(path)[1:], start=2):
        columns = line.split()
        if len(columns) < 2 or not (columns[0].isdigit() and columns[1].isdigit()):
            raise UserError(
                f"{path}, line {number} is '{line[:60]}'; expected a face, its index in CelebA and its file."
            )
        found[int(columns[0])] = int(columns[1])
    return found


def _listed(path: Path) -> set[int]:
    """Read the faces of a list; the ending of a file name does not matter."""
    stems = [line.split(".")[0].strip() for line in _lines(path)]
    wrong = [stem for stem in stems if not stem.isdigit()]
    if wrong:
        raise UserError(f"{path} names '{wrong[0][:60]}'; expected one file name a line, such as 17.jpg.")
    return {int(stem) for stem in stems}


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read ({type(error).__name__}); this split needs it: put it there, or choose another "
            "--split-rule."
        ) from error
