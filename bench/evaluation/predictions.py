"""Scores of label maps that another program predicted from the images of `bench run --save-images`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bench.common.errors import UserError
from bench.datasets.base import Dataset, DatasetSpec, Item
from bench.datasets.parts.folders import natural
from bench.datasets.parts.reading import read_ids
from bench.evaluation.confusion import Matrices, scored_as, scored_names
from metrics.segmentation import confusion
from segmenters.cihp import CLASSES as CIHP
from segmenters.cihp import DEEPFASHION, TO_DEEPFASHION

Ids = NDArray[np.integer]


def merging_of(classes: str, spec: DatasetSpec) -> tuple[int, ...]:
    """Give the scored class of every number in the files: merged for "cihp", the same for "dataset"."""
    names = scored_names(spec)
    if classes == "dataset":
        return tuple(range(len(names)))
    if spec.scoring != "deepfashion":
        raise UserError(
            f"The {len(CIHP)} classes of CIHP_PGN merge to {', '.join(DEEPFASHION)}, which {spec.name} does not have; "
            "use them with deepfashion, or leave --classes out."
        )
    return TO_DEEPFASHION


def score_folder(
    folder: Path, dataset: Dataset, merging: Sequence[int], advance: Callable[[], None] = lambda: None
) -> Matrices:
    """Compare <item>.png in `folder` (or in its run1, run2 ...) with a data set's label maps, run by run."""
    folders = _run_folders(folder)
    runs = [_by_item(run, dataset.spec) for run in folders]
    size = len(scored_names(dataset.spec))
    counts = torch.zeros(len(runs), size, size, dtype=torch.int64)
    void = torch.zeros(len(runs), dtype=torch.int64)
    missing: list[Path] = []
    for index in range(len(dataset)):
        item = dataset[index]
        name = known_by(Path(item.key).name, dataset.spec)
        missing += [run / f"{name}.png" for run, files in zip(folders, runs, strict=True) if name not in files]
        for run, files in enumerate([] if missing else runs):
            truth, predicted = _pair(item, files[name], dataset.spec, np.asarray(merging))
            found = confusion(torch.from_numpy(truth), torch.from_numpy(predicted), size)
            counts[run] += found
            void[run] += truth.size - found.sum()
        advance()
    if missing:
        raise UserError(
            f"{folder} lacks {len(missing)} of {len(runs) * len(dataset)} predictions for {dataset.name} "
            f"{dataset.split}, the first is {missing[0]}; let the program read every image, then score again."
        )
    return Matrices(counts, void)


def known_by(stem: str, spec: DatasetSpec) -> str:
    """Give the key of an item's files: their name; on Cityscapes its beginning (city, two numbers)."""
    return "_".join(stem.split("_")[:3]) if spec.scoring == "cityscapes" else stem


def _run_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"No folder {folder}; name one that holds a label map <item>.png for every item.")
    runs = [path for path in folder.iterdir() if path.is_dir() and re.fullmatch(r"run\d+", path.name)]
    return sorted(runs, key=natural) or [folder]


def _by_item(folder: Path, spec: DatasetSpec) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.png")):
        other = found.setdefault(known_by(path.stem, spec), path)
        if other != path:
            raise UserError(f"{folder} holds two files for one item, {other.name} and {path.name}; keep one of each.")
    return found


def _pair(item: Item, path: Path, spec: DatasetSpec, merging: Ids) -> tuple[Ids, Ids]:
    """Read a prediction, and the item's label map at its size, both as scored classes, [h, w] int64."""
    ids = _read(path)
    maps = [labels for labels in (item.labels, item.stored_labels) if labels is not None]
    labels = next((labels for labels in maps if labels.shape == ids.shape), None)
    if labels is None:
        sizes = " or ".join(dict.fromkeys(f"{height}x{width}" for height, width in (map_.shape for map_ in maps)))
        raise UserError(f"{path} is {ids.shape[0]}x{ids.shape[1]}; expected {sizes}, the size of its label map.")
    truth = np.asarray(scored_as(spec), np.int64)[labels]
    wrong = ids[(truth >= 0) & ((ids < 0) | (ids >= len(merging)))]
    if wrong.size:
        raise UserError(
            f"{path} holds the class {wrong[0]}; expected 0 to {len(merging) - 1}, one number per class "
            "(--classes says whose)."
        )
    return truth, merging[ids.clip(0, len(merging) - 1)].astype(
        np.int64
    )  # pixels that are not scored may hold any number


def _read(path: Path) -> Ids:
    try:
        with Image.open(path) as file:
            size = file.height, file.width
    except (OSError, SyntaxError) as error:
        raise UserError(f"{path} cannot be read as an image ({error}); let the program write it again.") from error
    return read_ids(path, size)
