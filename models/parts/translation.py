"""What the methods share that translate a photo of one domain (A) into the other (B) and know nothing of labels."""

from __future__ import annotations

from torch import Tensor

from models.base import Layout
from models.parts.colours import colour_planes, spread_colours


def source_photos(layout: Layout) -> Tensor:
    """Give the photos to translate, [N, 3, H, W]; where data have none, pictures of their labels are domain A."""
    if layout.sources is not None:
        return layout.sources
    return colour_planes(layout.labels, spread_colours(layout.num_classes))
