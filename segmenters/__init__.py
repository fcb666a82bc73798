"""The segmentation networks, in printing order; each class reads its weights with `from_files`."""

from __future__ import annotations

from collections.abc import Mapping

SEGMENTERS: Mapping[str, tuple[str, str]] = {
    "paperdolls": ("segmenters.unet:PaperdollsSegmenter", "small UNet for the built-in drawn persons, shipped"),
}
