"""The segmentation networks, in printing order; each class takes its weights with `from_states`."""

from __future__ import annotations

from collections.abc import Mapping

SEGMENTERS: Mapping[str, tuple[str, str]] = {
    "drn": ("segmenters.drn:Drn", "DRN-D-105 for Cityscapes, 19 classes"),
    "upernet": ("segmenters.upernet:UPerNet", "UPerNet on ResNet-101 for ADE20K, 150 classes"),
    "deeplab": ("segmenters.deeplab:DeepLab", "DeepLabV2 on ResNet-101 for COCO-Stuff, 182 classes"),
    "celeba_unet": ("segmenters.parsing_unet:CelebAUNet", "small UNet for CelebAMask-HQ, 19 classes"),
    "deepfashion_unet": ("segmenters.parsing_unet:DeepFashionUNet", "the same UNet for DeepFashion, trained here"),
    "paperdolls": ("segmenters.unet:PaperdollsSegmenter", "small UNet for the built-in drawn persons, shipped"),
}
