"""CelebAMask-HQ with its part masks merged to one label map per face: 19 classes, background 0.

Folders are arranged as by SEAN and INADE ({train,test}/{images,labels} and perhaps instances), by SC-GAN (the unpacked
package, merged masks, and lists of names), or as MaskGAN's samples (<id>.jpg and <id>.png in one folder, to evaluate).
Photos are stored at 1024x1024, label maps at 512x512.
"""

from __future__ import annotations

from pathlib import Path

from bench.common.errors import UserError
from bench.datasets.base import DatasetSpec, Split
from bench.datasets.parts.classes import class_table, colours_of, names_of
from bench.datasets.parts.folders import (
    FolderDataset,
    Listing,
    Naming,
    Places,
    choose_places,
    listed,
    matched,
    pair,
    whole_folder,
)
from bench.datasets.parts.reading import Files

FOLDER_OF: dict[Split, str] = {"train": "train", "val": "test"}
PHOTOS = "CelebA-HQ-img"
MASKS = ("CelebAMaskHQ-mask", "CelebAMask-HQ-mask", "CelebAMask-HQ-label")  # the authors' scripts use different names
SAMPLES = (".", "samples", "maskgan_samples")


def open_celebamask_hq(split: Split, root: Path | None = None) -> FolderDataset:
    """Open CelebAMask-HQ, however its folders are arranged; its val split is the test split of the papers."""
    folder, part = whole_folder("celebamask-hq", root), FOLDER_OF[split]
    packaged = Places(*(folder / part / kind for kind in ("images", "labels", "instances")))
    names = folder / f"{part}_list.txt"
    samples = [folder / place for place in SAMPLES if any((folder / place).glob("*.jpg"))]
    if packaged.labels.is_dir():
        files = pair(choose_places("celebamask-hq", [packaged], ""), folder)
    elif names.is_file():
        files = _named(names, folder)
    elif split == "val" and samples:
        photos, masks = (listed(samples[0], folder, Naming(extensions=frozenset({kind}))) for kind in (".jpg", ".png"))
        files = matched(photos, masks)
    else:
        raise UserError(
            f"celebamask-hq is not there: expected {packaged.images} and {packaged.labels}, or {names} with "
            f"{folder / PHOTOS} and {folder / MASKS[0]}; merge the part masks of the package with `bench data prepare "
            "celebamask-hq`."
        )
    return FolderDataset(CELEBAMASK_HQ, split, files)


def _named(names: Path, folder: Path) -> list[Files]:
    """Take the items that a list names, one file name per line; the ending of the name does not matter."""
    places = choose_places("celebamask-hq", [Places(folder / PHOTOS, folder / masks) for masks in MASKS], "")
    lines = list(filter(None, map(str.strip, names.read_text(encoding="utf-8", errors="replace").splitlines())))
    for line in lines:
        if Path(line).name != line:
            raise UserError(f"{names} names '{line}'; expected names of files in {places.images}, without folders.")
    stems = dict.fromkeys(line.split(".")[0] for line in lines)
    if not stems:
        raise UserError(f"{names} is empty; expected the names of photos, one per line.")
    photos, masks = (_kept(listed(place, folder), stems, names) for place in (places.images, places.labels))
    return matched(photos, masks)


def _kept(listing: Listing, stems: dict[str, None], names: Path) -> Listing:
    missing = [stem for stem in stems if stem not in listing.files]
    if missing:
        raise UserError(
            f"{names} names {len(missing)} files that are not in {listing.place}, the first is '{missing[0]}'."
        )
    return Listing(listing.place, {stem: listing.files[stem] for stem in stems})


_CLASSES = class_table("celebamask-hq")
CELEBAMASK_HQ = DatasetSpec(
    "celebamask-hq",
    "CelebAMask-HQ",
    names_of(_CLASSES),
    colours_of(_CLASSES),
    (256, 256),
    open_celebamask_hq,
    scoring="celebamask",
    split_sizes={"train": 28000, "val": 2000},
    load_size=(286, 286),
    one_size=False,
)
