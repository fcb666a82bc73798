"""DeepFashion as GroupDNet packaged it (eight classes, 256x256), and INADE's two-person composites of its test split.

Folders in INADE's layout ({train,test}_{img,label,inst}) or in SMIS's ({train,test} and cihp_{train,test}_mask).
The recipe of the composites is not published; `bench.preparation.deepfashion2` states ours.
"""

from __future__ import annotations

from pathlib import Path

from bench.catalog import UserError
from bench.datasets._folders import Files, FolderDataset, check_finished, folder_of, pair
from bench.datasets.base import PERSON_PALETTE, DatasetSpec, Split

CLASS_NAMES = ("background", "hair", "face", "top clothes", "bottom clothes", "skin", "shoes", "socks")
SIZE = (256, 256)
FOLDER_OF: dict[Split, str] = {"train": "train", "val": "test"}


def open_deepfashion(split: Split, root: Path | None = None) -> FolderDataset:
    """Open DeepFashion; its val split is the package's test split."""
    return FolderDataset(DEEPFASHION, split, deepfashion_files(folder_of("deepfashion", root), split))


def deepfashion_files(folder: Path, split: Split) -> list[Files]:
    """List the files of the package in either layout."""
    check_finished(folder)
    part = FOLDER_OF[split]
    inade = folder / f"{part}_img", folder / f"{part}_label"
    smis = folder / part, folder / f"cihp_{part}_mask"
    for images, labels in (inade, smis):
        if images.is_dir() and labels.is_dir():
            instances = folder / f"{part}_inst"
            return pair(images, labels, instances if instances.is_dir() else None)
    raise UserError(
        f"deepfashion is not there: expected {inade[0]} and {inade[1]} (or {smis[0]} and {smis[1]}) with the package "
        "that GroupDNet's authors offer; to try the suite now, use --dataset paperdolls2, which needs no files."
    )


def open_deepfashion2(split: Split, root: Path | None = None) -> FolderDataset:
    """Open the two-person composites, INADE's own or ours; both splits are the same, and not to train on."""
    folder = folder_of("deepfashion2", root)
    check_finished(folder)
    images, labels, instances = (folder / f"test_{kind}" for kind in ("img", "label", "inst"))
    missing = [str(path) for path in (images, labels, instances) if not path.is_dir()]
    if missing:
        raise UserError(
            f"deepfashion2 is not there: missing {', '.join(missing)}; build it from deepfashion with 'bench data "
            "prepare deepfashion2', or use --dataset paperdolls2, which works right now without files."
        )
    return FolderDataset(DEEPFASHION2, split, pair(images, labels, instances))


DEEPFASHION = DatasetSpec(
    "deepfashion",
    "DeepFashion",
    CLASS_NAMES,
    PERSON_PALETTE,
    SIZE,
    open_deepfashion,
    scoring="deepfashion",
    split_sizes={"train": 30000, "val": 2247},
)
DEEPFASHION2 = DatasetSpec(
    "deepfashion2",
    "DeepFashion2",
    CLASS_NAMES,
    PERSON_PALETTE,
    SIZE,
    open_deepfashion2,
    scoring="deepfashion",
    evaluation_only=True,
    has_instances=True,
)
