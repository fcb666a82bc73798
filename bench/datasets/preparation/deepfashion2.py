"""DeepFashion2: test persons of deepfashion side by side, two to an image.

The INADE paper's own recipe is not published. Ours: persons 0 and 1, 2 and 3 ... in natural order; the last odd one is
left out.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import rich_click as click
from numpy.typing import NDArray

from bench.common.options import FOLDER, data_root_option, debug_option, processes_option
from bench.datasets.deepfashion import CLASS_NAMES, SIZE, deepfashion_files
from bench.datasets.parts.folders import folder_of
from bench.datasets.parts.reading import Files, read_image, read_labels
from bench.datasets.preparation.parts.work import Item, Made, claim, prepare

NAME = "deepfashion2"
RECIPE = "1"  # of the composites; raise it whenever a composite may change
Mode = Literal["crop", "squeeze"]
Pair = tuple[Files, Files]


@click.command()
@click.option(
    "--from", "source", type=FOLDER, show_default="deepfashion in the data root", help="Folder of deepfashion."
)
@click.option(
    "--mode",
    type=click.Choice(["crop", "squeeze"]),
    default="crop",
    show_default=True,
    help="Keep the middle half of each photo, or halve its width.",
)
@data_root_option
@processes_option
@debug_option
def command(source: Path | None, mode: Mode, data_root: Path, processes: int) -> None:
    """Put the test persons of deepfashion side by side in pairs, for evaluation with two instances of a class.

    How the INADE paper made its composites is not published; this is our way, and a file in the folder notes it.
    Written are test_img, test_label and test_inst.

    Example: bench data prepare deepfashion2 --from /data/deepfashion
    """
    files = deepfashion_files(source or folder_of("deepfashion", data_root), "val")
    target = folder_of(NAME, data_root)
    claim(target, f"recipe {RECIPE}, mode {mode}", "test_img")
    items = [_item(pair, target) for pair in zip(files[::2], files[1::2], strict=False)]
    prepare(NAME, target, items, partial(compose, mode), processes)


def _item(pair: Pair, target: Path) -> Item[Pair]:
    name = "__".join(files.image.stem for files in pair) + ".png"
    return Item(pair, tuple(target / f"test_{kind}" / name for kind in ("img", "label", "inst")))


def compose(mode: Mode, pair: Pair) -> Made:
    """Make a composite: photo, labels, and instances that tell the two persons apart but not their background."""
    halves = [_half(files, mode) for files in pair]
    image, labels = (np.concatenate(parts, axis=1) for parts in zip(*halves, strict=True))
    side = np.repeat([0, 1], SIZE[1] // 2)[None, :]
    ids = np.where(labels == 0, 0, 2 * labels.astype(np.int32) + side)
    instances = np.searchsorted(np.union1d(ids, [0]), ids).astype(np.uint8)  # dense rank, background 0
    return Made([image, labels, instances])


def _half(files: Files, mode: Mode) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    height, width = SIZE
    if mode == "squeeze":
        half = height, width // 2
        return read_image(files.image, half), read_labels(files.label, half, len(CLASS_NAMES))
    centre = slice(width // 4, width - width // 4)
    labels = read_labels(files.label, SIZE, len(CLASS_NAMES))
    return read_image(files.image, SIZE)[:, centre], labels[:, centre]
