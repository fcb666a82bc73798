"""ADE20K as the scene-parsing challenge packages it (ADEChallengeData2016), and its outdoor scenes.

Networks see the values of the annotation files: 0 is unlabelled, k is class k. The released networks were trained
this way, as the step of SPADE's loader that should shift the labels has no effect. Scores count class k as k - 1.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.common.errors import UserError
from bench.datasets.base import DatasetSpec, Split
from bench.datasets.parts.classes import class_table, colours_of, names_of
from bench.datasets.parts.folders import FolderDataset, Places, choose_places, folder_of, pair, whole_folder
from bench.datasets.parts.reading import Files

FOLDER_OF: dict[Split, str] = {"train": "training", "val": "validation"}
PREFIX_OF: dict[Split, str] = {"train": "ADE_train_", "val": "ADE_val_"}


def open_ade20k(split: Split, root: Path | None = None) -> FolderDataset:
    """Open ADE20K, with INADE's instance maps if they are there."""
    return FolderDataset(ADE20K, split, _files("ade20k", split, root))


def _files(name: str, split: Split, root: Path | None) -> list[Files]:
    folder, part = whole_folder(name, root), FOLDER_OF[split]
    places = Places(*(folder / kind / part for kind in ("images", "annotations", "instances")))
    advice = (
        "unpack ADEChallengeData2016.zip of the scene-parsing challenge there (not the full ADE20K, whose masks are "
        "coloured)."
    )
    return pair(choose_places(name, [places], advice), folder)


def open_ade20k_outdoor(split: Split, root: Path | None = None) -> FolderDataset:
    """Open the outdoor scenes: a folder arranged as ADE20K, or the items of ADE20K that a text file names.

    The papers did not say which scenes they used, so the user has to.
    """
    if folder_of("ade20k-outdoor", root).is_dir():
        return FolderDataset(ADE20K_OUTDOOR, split, _files("ade20k-outdoor", split, root))
    listing = folder_of("ade20k-outdoor", root).with_suffix(".txt")
    if not listing.is_file():
        raise UserError(
            f"ade20k-outdoor is not there: expected a folder {listing.with_suffix('')} arranged as ADE20K, as "
            f"CLADE's authors offer, or a text file {listing} that names items of ade20k, one a line, such as "
            "ADE_val_00000001."
        )
    return FolderDataset(ADE20K_OUTDOOR, split, _named(listing, split, _files("ade20k", split, root)))


def _named(listing: Path, split: Split, files: list[Files]) -> list[Files]:
    """Keep the items of this split that a text file names; it may name those of the other split, too."""
    lines = filter(None, map(str.strip, listing.read_text(encoding="utf-8", errors="replace").splitlines()))
    names = {Path(line).stem for line in lines}
    strange = sorted(name for name in names if not name.startswith(tuple(PREFIX_OF.values())))
    missing = sorted(name for name in names - {item.label.stem for item in files} if name.startswith(PREFIX_OF[split]))
    if wrong := strange or missing:
        raise UserError(
            f"{listing} names {len(wrong)} items that ade20k does not have, the first is '{wrong[0]}'; correct it."
        )
    kept = [item for item in files if item.label.stem in names]
    if not kept:
        raise UserError(f"{listing} names no item of the {split} split, such as {files[0].label.stem}.")
    return kept


_CLASSES = class_table("ade20k")
ADE20K = DatasetSpec(
    "ade20k",
    "ADE20K",
    names_of(_CLASSES),
    colours_of(_CLASSES),
    (256, 256),
    open_ade20k,
    scored_as=tuple(range(-1, 150)),
    scoring="ade20k",
    split_sizes={"train": 20210, "val": 2000},
    load_size=(286, 286),
)
ADE20K_OUTDOOR = replace(
    ADE20K, name="ade20k-outdoor", title="ADE20K-outdoor", open=open_ade20k_outdoor, split_sizes={}
)
