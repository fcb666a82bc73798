"""CelebAMask-HQ: one label map from the masks of a face's parts, the splits in use, and INADE's instance maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rich_click as click
from numpy.typing import NDArray

from bench.common.errors import UserError
from bench.common.options import FOLDER, data_root_option, debug_option, processes_option
from bench.datasets.parts.folders import check_finished, folder_of
from bench.datasets.preparation.parts.celebamask_splits import RULES, Place, SplitRule
from bench.datasets.preparation.parts.instances import instance_items, instances_of_labels
from bench.datasets.preparation.parts.maps import check_photo, renumbered, stored_pixels
from bench.datasets.preparation.parts.work import RECIPE_NOTE, Item, Made, claim, prepare

NAME = "celebamask-hq"
# The part at place k is painted as label k + 1, over all before it: hair covers the face, neck and cloth a necklace.
PARTS = (
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip"),
    *("hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
PHOTOS, MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"


@dataclass(frozen=True)
class Face:
    """The files of a face in the raw package."""

    photo: Path
    masks: dict[str, Path]  # a file per part that a face may have, whether it exists or not


@click.command()
@click.option("--from", "source", type=FOLDER, help=f"Folder of the raw package, with {PHOTOS} and {MASKS}.")
@click.option(
    "--split-rule",
    type=click.Choice(list(RULES)),
    show_default="sean",
    help="Which faces are for the test; see above.",
)
@data_root_option
@processes_option
@debug_option
def command(source: Path | None, split_rule: SplitRule | None, data_root: Path, processes: int) -> None:
    """Merge the part masks of CelebAMask-HQ into label maps, split the faces, and make INADE's instance maps.

    Written are {train,test}/{images,labels,instances}. Photos are hard links where the disk can do that, else copies.
    A ready-made package with {train,test}/{images,labels} needs no --from: it only gets its instance maps.

    Splits: sean (faces 28000 to 29999 are the test; SEAN, INADE), official (by CelebA-HQ-to-CelebA-mapping.txt, with a
    val part, every part numbered anew) or lists (train_list.txt and test_list.txt in the raw package; SC-GAN).

    Example: bench data prepare celebamask-hq --from /downloads/CelebAMask-HQ --split-rule sean
    """
    target = folder_of(NAME, data_root)
    if source is not None:
        _prepare_faces(source, target, split_rule or "sean", processes)
    elif split_rule is not None:
        raise UserError("--split-rule splits the raw package; name its folder with --from.")
    else:
        _prepare_instances(target, processes)


def _prepare_faces(folder: Path, target: Path, rule: SplitRule, processes: int) -> None:
    if not ((folder / PHOTOS).is_dir() and (folder / MASKS).is_dir()):
        raise UserError(f"{folder} is not the raw package: expected the folders {PHOTOS} and {MASKS} in it.")
    photos = {int(path.stem): path for path in (folder / PHOTOS).glob("*.jpg") if path.stem.isdigit()}
    places = RULES[rule](folder, sorted(photos))
    claim(target, f"split rule {rule}", "train")
    counts = Counter(place.part for place in places.values())
    click.echo(f"{NAME}, split rule {rule}: " + ", ".join(f"{count} {part}" for part, count in counts.items()))
    items = [_item(folder, face, photos[face], place, target) for face, place in places.items()]
    prepare(NAME, target, items, make_face, processes)


def _item(folder: Path, face: int, photo: Path, place: Place, target: Path) -> Item[Face]:
    masks = folder / MASKS / str(face // 2000)
    outputs = {"images": "jpg", "labels": "png", "instances": "png"}
    return Item(
        Face(photo, {part: masks / f"{face:05d}_{part}.png" for part in PARTS}),
        tuple(target / place.part / kind / f"{place.number}.{ending}" for kind, ending in outputs.items()),
    )


def make_face(face: Face) -> Made:
    """Merge the masks that are there; the photo stays as it is."""
    check_photo(face.photo)
    masks = {part: stored_pixels(path) for part, path in face.masks.items() if path.exists()}
    if not masks:
        raise UserError(f"{face.photo} has no part masks; expected e.g. {face.masks['skin']}.")
    if len({mask.shape[:2] for mask in masks.values()}) > 1:
        raise UserError(f"{face.photo} has part masks of different sizes; see {face.masks['skin']} and the others.")
    labels = merge(masks)
    return Made([face.photo, labels, renumbered(labels)])


def merge(masks: Mapping[str, NDArray[np.generic]]) -> NDArray[np.uint8]:
    """Paint the parts over each other, where channel 0 of a mask is not zero; no part at all is the background, 0."""
    labels = np.zeros(next(iter(masks.values())).shape[:2], np.uint8)
    for label, part in enumerate(PARTS, start=1):
        if part in masks:
            mask = masks[part]
            labels[(mask if mask.ndim == 2 else mask[..., 0]) != 0] = label
    return labels


def _prepare_instances(target: Path, processes: int) -> None:
    """Add instance maps to a ready-made package."""
    if (target / RECIPE_NOTE).exists():  # made by this command, so it has instance maps once it is complete
        check_finished(target)
    items = [
        item
        for part in ("train", "val", "test")
        for item in instance_items(target / part / "labels", target / part / "instances")
    ]
    if not items:
        raise UserError(
            f"{target} has no label maps in train/labels or test/labels; build them from the raw package with 'bench "
            f"data prepare {NAME} --from FOLDER', or put the ready-made one there."
        )
    prepare(NAME, target, items, instances_of_labels(len(PARTS) + 1), processes)
