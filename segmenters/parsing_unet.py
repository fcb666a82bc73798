"""The small UNet of CelebAMask-HQ's face parser (Lee et al., CVPR 2020), for faces and, trained here, for persons.

Classes of faces are in the order of the merged label maps: background, skin, nose, glasses, left eye, right eye, left
brow, right brow, left ear, right ear, mouth, upper lip, lower lip, hair, hat, earring, necklace, neck, cloth. The face
parsers of BiSeNet and pixel2style2pixel have another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segmenters.parts.pixels import (
    Size,
    in_parts,
    most_likely,
    resize_as_pil,
    resize_nearest_as_pil,
    resize_scores,
    to_pixels,
)
from segmenters.parts.weights import load_frozen

WIDTHS = (16, 32, 64, 128, 256)
MULTIPLE = 16  # of every side, as it is halved four times
FACE_SIZE = (512, 512)


class DoubleConv(nn.Module):
    """Two 3x3 convolutions, each with bias, norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = _conv_norm(inputs, outputs)
        self.conv2 = _conv_norm(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same size."""
        result: Tensor = self.conv2(self.conv1(x))
        return result


class Up(nn.Module):
    """Double the size and join it with the features that had it on the way down."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.conv = DoubleConv(2 * outputs, outputs)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """Return features of the size of `skip`."""
        result: Tensor = self.conv(torch.cat([skip, self.up(x)], 1))
        return result


class ParsingUNet(nn.Module):
    """Read label maps from images of any size that halves four times."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        one, two, three, four, five = WIDTHS
        self.conv1, self.conv2 = DoubleConv(3, one), DoubleConv(one, two)
        self.conv3, self.conv4 = DoubleConv(two, three), DoubleConv(three, four)
        self.center = DoubleConv(four, five)
        self.up_concat4, self.up_concat3 = Up(five, four), Up(four, three)
        self.up_concat2, self.up_concat1 = Up(three, two), Up(two, one)
        self.final = nn.Conv2d(one, num_classes, 1)

    def logits(self, images: Tensor) -> Tensor:
        """Score every class at every pixel of images in [-1, 1], [M, C, H, W]."""
        height, width = images.shape[-2:]
        if height % MULTIPLE or width % MULTIPLE:
            raise ValueError(f"The UNet got images of {height}x{width}; both sides must be divisible by {MULTIPLE}.")
        skips = []
        for down in (self.conv1, self.conv2, self.conv3, self.conv4):
            skips.append(down(images))
            images = F.max_pool2d(skips[-1], 2)
        x = self.center(images)
        for up in (self.up_concat4, self.up_concat3, self.up_concat2, self.up_concat1):
            x = up(skips.pop(), x)
        scores: Tensor = self.final(x)
        return scores

    def forward(self, images: Tensor, size: Size) -> Tensor:
        """Predict the class of every pixel, [M, *size] int64; scores go to another size before they are compared."""
        pixels = max(images.shape[-2] * images.shape[-1], size[0] * size[1])
        return in_parts(lambda part: most_likely(resize_scores(self.logits(part), size)), images, pixels)


class DeepFashionUNet(ParsingUNet):
    """The eight classes of DeepFashion; `bench train-segmenter` makes its weights."""

    def __init__(self) -> None:
        super().__init__(num_classes=8)

    @classmethod
    def from_states(cls, states: Sequence[Mapping[str, Tensor]]) -> DeepFashionUNet:
        """Build the network of trained weights, frozen."""
        (state,) = states
        return load_frozen(cls, state)


class CelebAUNet(ParsingUNet):
    """The 19 classes of CelebAMask-HQ; whatever comes is resized to 512x512."""

    def __init__(self, resize: Literal["nearest", "bicubic"] = "nearest") -> None:
        super().__init__(num_classes=19)
        self.resize = resize

    @classmethod
    def from_states(
        cls, states: Sequence[Mapping[str, Tensor]], resize: Literal["nearest", "bicubic"] = "nearest"
    ) -> CelebAUNet:
        """Build the network of the authors' weights, frozen; `resize` of images is nearest in the authors' tester."""
        (state,) = states
        return load_frozen(lambda: cls(resize), state)

    def forward(self, images: Tensor, size: Size) -> Tensor:
        """Predict the class of every pixel at 512x512, or at `size` where that is another."""
        pixels = to_pixels(images)
        if self.resize == "nearest":
            pixels = resize_nearest_as_pil(pixels, FACE_SIZE)
        else:
            pixels = resize_as_pil(pixels, FACE_SIZE, "bicubic")
        return super().forward(pixels / 127.5 - 1, size)


def _conv_norm(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
