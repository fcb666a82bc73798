"""COCO-Stuff (164k) as SPADE reads it: 182 classes from 0 on, and unlabelled pixels as a class of their own, the last.

Files lie in SPADE's folders ({train,val}_{img,label,inst}) or in deeplab-pytorch's (images, annotations, instances of
train2017 and val2017). Instance maps serve to draw edges only: an id may be the number of a polygon or a label.
"""

from __future__ import annotations

from pathlib import Path

from bench.common.errors import UserError
from bench.datasets.base import Colour, DatasetSpec, Split
from bench.datasets.parts.classes import class_table, names_of, spread_colours
from bench.datasets.parts.folders import FolderDataset, Listing, Places, choose_places, listed, matched, whole_folder

_OWN_COLOURS: dict[str, Colour] = {  # SPADE's, for the classes that fill most of a landscape
    "sea": (54, 62, 167),
    "sky-other": (95, 219, 255),
    "tree": (140, 104, 47),
    "clouds": (170, 170, 170),
    "grass": (29, 195, 49),
}


def open_coco_stuff(split: Split, root: Path | None = None) -> FolderDataset:
    """Open COCO-Stuff; instance maps are required, as its networks see their edges."""
    folder, part = whole_folder("coco-stuff", root), f"{split}2017"
    instances = [folder / f"{split}_inst", folder / "instances" / part]
    found = next((place for place in instances if place.is_dir()), None)
    spade = Places(folder / f"{split}_img", folder / f"{split}_label", found)
    deeplab = Places(folder / "images" / part, folder / "annotations" / part, found)
    advice = "unpack train2017.zip, val2017.zip and stuffthingmaps_trainval2017.zip of cocodataset.org there."
    places = choose_places("coco-stuff", [spade, deeplab], advice)
    if places.instances is None:
        raise UserError(
            f"coco-stuff: there are no instance maps beside {places.labels}: expected {instances[0]} or "
            f"{instances[1]}. `bench data prepare coco-stuff` makes the first for the label maps in {spade.labels}, "
            "which may be a link."
        )
    kinds = (_listed(place, folder) for place in (places.images, places.labels, places.instances))
    return FolderDataset(COCO_STUFF, split, matched(*kinds))


def _listed(place: Path, folder: Path) -> Listing:
    """List a folder and, if training photos in portrait format were moved to a folder beside it, that one too."""
    portraits = place.with_name(f"{place.name}_portrait")
    return listed(place, folder, within=[place, portraits] if portraits.is_dir() else [place])


NAMES = names_of(class_table("coco-stuff"))
PALETTE = tuple(_OWN_COLOURS.get(name, colour) for name, colour in zip(NAMES, spread_colours(len(NAMES)), strict=True))
SCORED_AS = (*range(len(NAMES) - 1), -1)
COCO_STUFF = DatasetSpec(
    "coco-stuff",
    "COCO-Stuff",
    NAMES,
    PALETTE,
    (256, 256),
    open_coco_stuff,
    scored_as=SCORED_AS,
    scoring="coco_stuff",
    split_sizes={"train": 118287, "val": 5000},
    load_size=(286, 286),
    dont_care=255,
)
