"""DeepLabV2 on ResNet-101 at three scales (Chen et al., PAMI 2018), which reads the 182 ids of COCO-Stuff."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segmenters.parts.pixels import Size, in_parts, most_likely, resize_scores, standardised, to_pixels
from segmenters.parts.weights import load_frozen

BGR_MEAN = (104.008, 116.669, 122.675)  # 0..255
DEPTHS, STRIDES, DILATIONS = (3, 4, 23, 3), (1, 2, 1, 1), (1, 1, 2, 4)  # of the four levels of blocks
PYRAMID = (6, 12, 18, 24)  # dilations of the last convolutions
SCALES = (0.5, 0.75)  # besides 1


class Convolution(nn.Module):
    """A convolution without bias and its norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and normalise."""
        result: Tensor = self.bn(self.conv(x))
        return result


class Block(nn.Module):
    """A bottleneck as Caffe had it: the stride lies in the first 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int, dilation: int, *, first: bool) -> None:
        super().__init__()
        width = outputs // 4
        self.reduce = Convolution(inputs, width, 1, stride)
        self.conv3x3 = Convolution(width, width, 3, dilation=dilation)
        self.increase = Convolution(width, outputs)
        self.shortcut = Convolution(inputs, outputs, 1, stride) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return features [M, outputs, H / stride, W / stride]."""
        inner = self.increase(F.relu(self.conv3x3(F.relu(self.reduce(x)))))
        return F.relu(inner + self.shortcut(x))


class Stem(nn.Module):
    """A 7x7 convolution and a pooling whose last window may hang over the border."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Convolution(3, 64, 7, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return features at a quarter of the size."""
        return F.max_pool2d(F.relu(self.conv1(x)), 3, 2, padding=1, ceil_mode=True)


class Pyramid(nn.Module):
    """Four dilated convolutions, added up."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        for number, dilation in enumerate(PYRAMID):
            self.add_module(f"c{number}", nn.Conv2d(2048, num_classes, 3, padding=dilation, dilation=dilation))

    def forward(self, x: Tensor) -> Tensor:
        """Score every class."""
        return torch.stack([convolution(x) for convolution in self.children()]).sum(0)


class DeepLab(nn.Module):
    """Read label maps from images as they come, by the largest score of three scales."""

    def __init__(self, num_classes: int = 182) -> None:
        super().__init__()
        self.num_classes = num_classes
        parts: OrderedDict[str, nn.Module] = OrderedDict(layer1=Stem())
        inputs = 64
        for number, (depth, stride, dilation) in enumerate(zip(DEPTHS, STRIDES, DILATIONS, strict=True)):
            outputs = 256 * 2**number
            blocks: OrderedDict[str, nn.Module] = OrderedDict()
            for block in range(depth):
                first = block == 0
                blocks[f"block{block + 1}"] = Block(inputs, outputs, stride if first else 1, dilation, first=first)
                inputs = outputs
            parts[f"layer{number + 2}"] = nn.Sequential(blocks)
        self.base = nn.Sequential(OrderedDict(parts, aspp=Pyramid(num_classes)))

    @classmethod
    def from_states(cls, states: Sequence[Mapping[str, Tensor]]) -> DeepLab:
        """Build the network of the authors' weights, frozen."""
        (state,) = states
        return load_frozen(cls, state)

    def logits(self, inputs: Tensor) -> Tensor:
        """Score every class at an eighth of the size of prepared images: the largest score of three scales."""
        best: Tensor = self.base(inputs)
        size = best.shape[-2], best.shape[-1]
        for scale in SCALES:
            # Given the factor and not the size, PyTorch maps pixels by exactly that factor; it shows on odd sides.
            smaller = F.interpolate(inputs, scale_factor=scale, mode="bilinear", recompute_scale_factor=False)
            best = torch.maximum(best, resize_scores(self.base(smaller), size))
        return best

    def forward(self, images: Tensor, size: Size) -> Tensor:
        """Predict the class of every pixel, [M, *size] int64."""
        height, width = images.shape[-2:]
        if min(height, width) < 2:
            raise ValueError(f"DeepLab got images of {height}x{width}; half of a side must be a pixel at least.")

        def read(part: Tensor) -> Tensor:
            return most_likely(resize_scores(self.logits(prepare(to_pixels(part))), size))

        return in_parts(read, images, max(height * width, size[0] * size[1]))


def prepare(pixels: Tensor) -> Tensor:
    """Turn 8-bit values [M, 3, H, W] to blue, green, red and subtract the mean."""
    return standardised(pixels.flip(1), BGR_MEAN)
