"""DeepFashion as GroupDNet packaged it, in the form that INADE reads: single-channel labels and instance maps."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from bench.common.errors import UserError
from bench.common.options import FOLDER, data_root_option, debug_option, processes_option
from bench.datasets.deepfashion import CLASS_NAMES
from bench.datasets.parts.folders import Places, folder_of, pair
from bench.datasets.parts.reading import Files, read_labels
from bench.datasets.preparation.parts.maps import check_photo, renumbered
from bench.datasets.preparation.parts.work import Item, Made, prepare

NAME = "deepfashion"


@click.command()
@click.option(
    "--from", "source", type=FOLDER, show_default="deepfashion in the data root", help="Folder of the package."
)
@data_root_option
@processes_option
@debug_option
def command(source: Path | None, data_root: Path, processes: int) -> None:
    """Make label maps with one channel and instance maps, as INADE reads them, from GroupDNet's package.

    Read are the photos in {train,test} and the labels in cihp_{train,test}_mask (or in {train,test}_img and
    {train,test}_mask). Written are {train,test}_img, {train,test}_label and {train,test}_inst; photos are hard links
    where the disk can do that, else copies. An instance is a class that is present, as in INADE's own maps.

    Example: bench data prepare deepfashion --from /downloads/DeepFashion
    """
    target = folder_of(NAME, data_root)
    folder = source or target
    items = [item for part in ("train", "test") for item in _items(folder, target, part)]
    if not items:
        raise UserError(
            f"{folder} has no labels to prepare: expected cihp_train_mask or cihp_test_mask beside the photos in train "
            "or test; name the folder of GroupDNet's package with --from."
        )
    prepare(NAME, target, items, make, processes)


def _items(folder: Path, target: Path, part: str) -> list[Item[Files]]:
    """List the items of one part of the package; none if the part is missing."""
    masks = folder / f"cihp_{part}_mask", folder / f"{part}_mask"
    photos = folder / part, folder / f"{part}_img"  # if both are there, the second may be ours and incomplete
    found = [(images, labels) for labels in masks for images in photos if images.is_dir() and labels.is_dir()]
    return [_item(files, target, part) for files in pair(Places(*found[0]), folder)] if found else []


def _item(files: Files, target: Path, part: str) -> Item[Files]:
    name = f"{files.image.stem}.png"
    maps = (target / f"{part}_{kind}" / name for kind in ("label", "inst"))
    return Item(files, (target / f"{part}_img" / files.image.name, *maps))


def make(files: Files) -> Made:
    """Make an item: the photo as it is, and one channel of the mask, whose channels are equal."""
    check_photo(files.image)
    labels = read_labels(files.label, None, len(CLASS_NAMES))
    return Made([files.image, labels, renumbered(labels)])
