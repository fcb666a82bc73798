"""DeepFashion as GroupDNet packaged it (eight classes, 256x256), and INADE's two-person composites of its test split.

Folders in INADE's layout ({train,test}_{img,label,inst}) or in SMIS's ({train,test} and cihp_{train,test}_mask).
The recipe of the composites is not published; `prepare_deepfashion2` states ours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from bench.catalog import UserError
from bench.datasets._folders import FolderDataset, Places, choose_places, folder_of, pair
from bench.datasets._reading import Files, read_image, read_labels
from bench.datasets.base import PERSON_PALETTE, DatasetSpec, Split
from bench.files import whole_file, write_text

CLASS_NAMES = ("background", "hair", "face", "top clothes", "bottom clothes", "skin", "shoes", "socks")
SIZE = (256, 256)
RECIPE = "1"  # of the composites; raise it whenever a composite may change
Mode = Literal["crop", "squeeze"]
FOLDER_OF: dict[Split, str] = {"train": "train", "val": "test"}


def open_deepfashion(split: Split, root: Path | None = None) -> FolderDataset:
    """Open DeepFashion; its val split is the package's test split."""
    return FolderDataset(DEEPFASHION, split, _deepfashion_files(folder_of("deepfashion", root), split))


def _deepfashion_files(folder: Path, split: Split) -> list[Files]:
    part = FOLDER_OF[split]
    inade = Places(*(folder / f"{part}_{kind}" for kind in ("img", "label", "inst")))
    smis = Places(folder / part, folder / f"cihp_{part}_mask", inade.instances)
    advice = "GroupDNet's authors offer it; to try the suite now, use --dataset paperdolls2, which works without files."
    return pair(choose_places("deepfashion", [inade, smis], advice), folder)


def open_deepfashion2(split: Split, root: Path | None = None) -> FolderDataset:
    """Open the two-person composites, INADE's own or ours; both splits are the same, and not to train on."""
    folder = folder_of("deepfashion2", root)
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
    evaluation_only=True,
    has_instances=True,
)


def prepare_deepfashion2(
    source: Path, target: Path, mode: Mode = "crop", progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Put test persons 0 and 1, 2 and 3 ... of DeepFashion side by side, and return the number of composites.

    crop keeps the central 128 columns of each; squeeze halves the width. What is already there is not made again.
    """
    files = _deepfashion_files(source, "val")
    pairs = list(zip(files[::2], files[1::2], strict=False))  # the last odd one is dropped
    _claim(target, mode)
    for done, (left, right) in enumerate(pairs):
        _compose(left, right, target, mode)
        progress(done + 1, len(pairs))
    return len(pairs)


def _claim(target: Path, mode: Mode) -> None:
    """Note the recipe in the target, so that composites of two recipes never mix."""
    note, recipe = target / "recipe.txt", f"recipe {RECIPE}, mode {mode}"
    if not note.exists() and not (target / "test_img").exists():
        write_text(note, recipe + "\n")
    found = note.read_text().strip() if note.exists() else "an unknown recipe"
    if found != recipe:
        raise UserError(f"{target} holds composites of {found}, expected {recipe}; name another folder.")


def _compose(left: Files, right: Files, target: Path, mode: Mode) -> None:
    name = f"{left.image.stem}__{right.image.stem}.png"
    outputs = {kind: target / f"test_{kind}" / name for kind in ("img", "label", "inst")}
    if all(path.exists() for path in outputs.values()):
        return
    halves = [_half(files, mode) for files in (left, right)]
    image, labels = (np.concatenate(parts, axis=1) for parts in zip(*halves, strict=True))
    side = np.repeat([0, 1], SIZE[1] // 2)[None, :]
    ids = np.where(labels == 0, 0, 2 * labels.astype(np.int32) + side)  # the background is shared
    instances = np.searchsorted(np.union1d(ids, [0]), ids).astype(np.uint8)  # dense rank, background 0
    for kind, pixels in (("img", image), ("label", labels), ("inst", instances)):
        _write(outputs[kind], pixels)


def _half(files: Files, mode: Mode) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    height, width = SIZE
    if mode == "squeeze":
        half = height, width // 2
        return read_image(files.image, half), read_labels(files.label, half, len(CLASS_NAMES))
    centre = slice(width // 4, width - width // 4)
    labels = read_labels(files.label, SIZE, len(CLASS_NAMES))
    return read_image(files.image, SIZE)[:, centre], labels[:, centre]


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    with whole_file(path) as file:
        Pillow.fromarray(pixels).save(file, format="png")
