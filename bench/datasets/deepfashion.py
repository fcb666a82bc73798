"""DeepFashion as GroupDNet packaged it (eight classes, 256x256), and INADE's two-person composites of its test split.

Folders are named as by INADE ({train,test}_{img,label,inst}) or by SMIS ({train,test} and cihp_{train,test}_mask).
The recipe of the composites is not published; `bench.datasets.preparation.deepfashion2` states ours.
"""

from __future__ import annotations

from pathlib import Path

from bench.common.errors import UserError
from bench.datasets.base import PERSON_PALETTE, DatasetSpec, Split
from bench.datasets.parts.folders import (
    FolderDataset,
    Places,
    check_finished,
    choose_places,
    folder_of,
    pair,
    whole_folder,
)
from bench.datasets.parts.reading import Files

CLASS_NAMES = ("background", "hair", "face", "top clothes", "bottom clothes", "skin", "shoes", "socks")
SIZE = (256, 256)
FOLDER_OF: dict[Split, str] = {"train": "train", "val": "test"}


def open_deepfashion(split: Split, root: Path | None = None) -> FolderDataset:
    """Open DeepFashion; its val split is the package's test split."""
    return FolderDataset(DEEPFASHION, split, deepfashion_files(folder_of("deepfashion", root), split))


def deepfashion_files(folder: Path, split: Split) -> list[Files]:
    """List the files of the package, with either naming of folders."""
    check_finished(folder)
    part = FOLDER_OF[split]
    inade = Places(*(folder / f"{part}_{kind}" for kind in ("img", "label", "inst")))
    smis = Places(folder / part, folder / f"cihp_{part}_mask", inade.instances)
    advice = "GroupDNet's authors offer it; to try the suite now, use --dataset paperdolls2, which works without files."
    return pair(choose_places("deepfashion", [inade, smis], advice), folder)


def open_deepfashion2(split: Split, root: Path | None = None) -> FolderDataset:
    """Open the two-person composites, INADE's own or ours; both splits are the same, for evaluation only."""
    folder = whole_folder("deepfashion2", root)
    folders = [folder / f"test_{kind}" for kind in ("img", "label", "inst")]
    missing = [str(path) for path in folders if not path.is_dir()]
    if missing:
        raise UserError(
            f"deepfashion2 is not there: missing {', '.join(missing)}; build it from deepfashion with 'bench data "
            "prepare deepfashion2', or use --dataset paperdolls2, which works right now without files."
        )
    return FolderDataset(DEEPFASHION2, split, pair(Places(*folders), folder))


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
    trained_on="deepfashion",
    has_instances=True,
)
