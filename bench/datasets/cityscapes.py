"""Cityscapes as SPADE reads it: the 35 raw ids of fine label maps, drawn 512 wide and 256 high.

Files lie in the official folders (leftImg8bit and gtFine, by split and city) or pix2pixHD's
({train,test}_{img,label,inst}).
"""

from __future__ import annotations

from pathlib import Path

from bench.common.errors import UserError
from bench.datasets.base import DatasetSpec, Split
from bench.datasets.parts.cityscapes_ids import CLASS_NAMES, PALETTE, SCORED_AS
from bench.datasets.parts.folders import (
    FolderDataset,
    Listing,
    Naming,
    Places,
    choose_places,
    listed,
    matched,
    whole_folder,
)


def open_cityscapes(split: Split, root: Path | None = None) -> FolderDataset:
    """Open Cityscapes; its val split is what the papers test on, as labels of the test split are not public."""
    folder = whole_folder("cityscapes", root)
    official = Places(folder / "leftImg8bit" / split, folder / "gtFine" / split, folder / "gtFine" / split)
    flat = [
        Places(*(folder / f"{name}_{kind}" for kind in ("img", "label", "inst")))
        for name in ((split,) if split == "train" else ("val", "test"))
    ]
    advice = "unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip of cityscapes-dataset.com there."
    places = choose_places("cityscapes", [official, *flat], advice)
    images = _listed(places.images, folder, "_leftImg8bit")
    labels = _listed(places.labels, folder, "_labelIds")
    return FolderDataset(CITYSCAPES, split, matched(images, labels, _instances(places, folder)))


def _instances(places: Places, folder: Path) -> Listing:
    """List the official instance maps, or else INADE's, which number the same instances from 0 on."""
    if places.instances is None:
        raise UserError(
            f"cityscapes: there are no instance maps for the label maps in {places.labels}; add the folder *_inst."
        )
    is_official = any(places.instances.rglob("*_instanceIds.png"))
    return _listed(places.instances, folder, "_instanceIds" if is_official else "_instanceReIds")


def _listed(place: Path, folder: Path, ending: str) -> Listing:
    """List the files of all cities with a given ending, paired by city, sequence and frame."""
    cities = sorted(path for path in place.iterdir() if path.is_dir())
    return listed(place, folder, Naming(ending, fields=3), within=cities)


CITYSCAPES = DatasetSpec(
    "cityscapes",
    "Cityscapes",
    CLASS_NAMES,
    PALETTE,
    (256, 512),
    open_cityscapes,
    scored_as=SCORED_AS,
    scoring="cityscapes",
    split_sizes={"train": 2975, "val": 500},
    has_instances=True,
)
