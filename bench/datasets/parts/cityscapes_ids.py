"""The raw ids of Cityscapes: what they are called, how they are drawn, and which of the 19 train ids scores them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Colour, Labels

VOID = 255  # the train id of pixels that are not scored


class CityscapesClass(NamedTuple):
    """A raw id: its name, its colour, and the train id that scores it."""

    name: str
    train_id: int  # 0..18, or VOID
    colour: Colour


# The place in this tuple is the raw id of the labelIds PNGs. The last, license plate, has the id -1 in Cityscapes' own
# table and occurs in no PNG; it is there because the generators have 35 channels.
CLASSES = (
    CityscapesClass("unlabeled", VOID, (0, 0, 0)),
    CityscapesClass("ego vehicle", VOID, (0, 0, 0)),
    CityscapesClass("rectification border", VOID, (0, 0, 0)),
    CityscapesClass("out of roi", VOID, (0, 0, 0)),
    CityscapesClass("static", VOID, (0, 0, 0)),
    CityscapesClass("dynamic", VOID, (111, 74, 0)),
    CityscapesClass("ground", VOID, (81, 0, 81)),
    CityscapesClass("road", 0, (128, 64, 128)),
    CityscapesClass("sidewalk", 1, (244, 35, 232)),
    CityscapesClass("parking", VOID, (250, 170, 160)),
    CityscapesClass("rail track", VOID, (230, 150, 140)),
    CityscapesClass("building", 2, (70, 70, 70)),
    CityscapesClass("wall", 3, (102, 102, 156)),
    CityscapesClass("fence", 4, (190, 153, 153)),
    CityscapesClass("guard rail", VOID, (180, 165, 180)),
    CityscapesClass("bridge", VOID, (150, 100, 100)),
    CityscapesClass("tunnel", VOID, (150, 120, 90)),
    CityscapesClass("pole", 5, (153, 153, 153)),
    CityscapesClass("polegroup", VOID, (153, 153, 153)),
    CityscapesClass("traffic light", 6, (250, 170, 30)),
    CityscapesClass("traffic sign", 7, (220, 220, 0)),
    CityscapesClass("vegetation", 8, (107, 142, 35)),
    CityscapesClass("terrain", 9, (152, 251, 152)),
    CityscapesClass("sky", 10, (70, 130, 180)),
    CityscapesClass("person", 11, (220, 20, 60)),
    CityscapesClass("rider", 12, (255, 0, 0)),
    CityscapesClass("car", 13, (0, 0, 142)),
    CityscapesClass("truck", 14, (0, 0, 70)),
    CityscapesClass("bus", 15, (0, 60, 100)),
    CityscapesClass("caravan", VOID, (0, 0, 90)),
    CityscapesClass("trailer", VOID, (0, 0, 110)),
    CityscapesClass("train", 16, (0, 80, 100)),
    CityscapesClass("motorcycle", 17, (0, 0, 230)),
    CityscapesClass("bicycle", 18, (119, 11, 32)),
    CityscapesClass("license plate", VOID, (0, 0, 142)),
)
CLASS_NAMES = tuple(row.name for row in CLASSES)
PALETTE = tuple(row.colour for row in CLASSES)
SCORED_AS = tuple(-1 if row.train_id == VOID else row.train_id for row in CLASSES)  # in the form of DatasetSpec
_TRAIN_IDS = np.full(256, VOID, np.uint8)  # ids that do not exist are void, too
_TRAIN_IDS[: len(CLASSES)] = [row.train_id for row in CLASSES]


def train_ids(labels: NDArray[np.uint8]) -> Labels:
    """Turn raw ids into train ids 0..18, and all that is not scored into VOID."""
    return _TRAIN_IDS[labels]
