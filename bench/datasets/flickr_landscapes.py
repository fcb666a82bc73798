"""Flickr Landscapes (SPADE): photos with label maps that a DeepLabV2 trained on COCO-Stuff predicted.

The authors released neither photos nor split, so these are the folders of a collection of one's own:
{train,val}_{img,label} and, if there are any, {train,val}_inst.
"""

from __future__ import annotations

from pathlib import Path

from bench.datasets.base import DatasetSpec, Split
from bench.datasets.coco_stuff import NAMES, PALETTE, SCORED_AS
from bench.datasets.parts.folders import FolderDataset, Places, choose_places, pair, whole_folder


def open_flickr_landscapes(split: Split, root: Path | None = None) -> FolderDataset:
    """Open Flickr Landscapes."""
    folder = whole_folder("flickr-landscapes", root)
    places = Places(*(folder / f"{split}_{kind}" for kind in ("img", "label", "inst")))
    advice = "it was never released, so put photos of your own there, and label maps of COCO-Stuff's classes."
    return FolderDataset(FLICKR_LANDSCAPES, split, pair(choose_places("flickr-landscapes", [places], advice), folder))


FLICKR_LANDSCAPES = DatasetSpec(
    "flickr-landscapes",
    "Flickr Landscapes",
    NAMES,
    PALETTE,
    (256, 256),
    open_flickr_landscapes,
    scored_as=SCORED_AS,
    scoring="coco_stuff",
    split_sizes={"train": 40000, "val": 1000},
    load_size=(286, 286),
    dont_care=255,
)
