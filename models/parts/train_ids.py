"""Classes as the authors of CRN and SIMS number them, where the layouts of a data set number them otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

VOID = 19
# Of the ids 0..34 in Cityscapes' label files (34 stands for -1, licence plate): the 19 classes that count, or void.
CITYSCAPES = (
    *(VOID,) * 7,  # unlabeled, ego vehicle, rectification border, out of roi, static, dynamic, ground
    *(0, 1),  # road, sidewalk
    *(VOID, VOID),  # parking, rail track
    *(2, 3, 4),  # building, wall, fence
    *(VOID, VOID, VOID),  # guard rail, bridge, tunnel
    5,  # pole
    VOID,  # polegroup
    *(6, 7, 8, 9, 10, 11, 12, 13, 14, 15),  # traffic light and sign, vegetation, terrain, sky, person, rider, car ...
    *(VOID, VOID),  # caravan, trailer
    *(16, 17, 18),  # train, motorcycle, bicycle
    VOID,
)
COLOURS = (
    *((128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153), (250, 170, 30)),
    *((220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142)),
    *((0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32), (0, 0, 0)),
)  # of the 19 classes and void


def renumbered(labels: Tensor, numbers: Sequence[int]) -> Tensor:
    """Give every class of labels [N, H, W] its number; none are given where classes keep their own."""
    return torch.tensor(numbers, device=labels.device)[labels] if numbers else labels
