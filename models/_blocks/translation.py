"""What the methods share that translate a photo of one domain (A) into the other (B) and know nothing of labels."""

from __future__ import annotations

from torch import Tensor

from models._blocks.colours import colour_planes, spread_colours
from models.base import Layout


def source_photos(layout: Layout) -> Tensor:
    """Give the photos to translate, [N, 3, H, W]; where data have none, pictures of their labels are domain A."""
    if layout.sources is not None:
        return layout.sources
    return colour_planes(layout.labels, spread_colours(layout.num_classes))
