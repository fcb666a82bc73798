"""Dilated residual networks, variant D (Yu, Koltun, Funkhouser, CVPR 2017), which read the 19 classes of Cityscapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck

from segmenters.parts.pixels import Size, in_parts, most_likely, resize_as_pil, standardised, to_pixels
from segmenters.parts.weights import load_frozen

NUM_CLASSES = 19
MEAN = (0.29010095242892997, 0.32808144844279574, 0.28696394422942517)  # of Cityscapes, red, green, blue in 0..1
DEVIATION = (0.1829540508368939, 0.18656561047509476, 0.18447508988480435)
WIDTHS = (64, 128, 256, 512)  # of the four levels of blocks
STRIDES, DILATIONS = (2, 2, 1, 1), (1, 1, 2, 4)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, both dilated, beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Module | None, dilation: int) -> None:
        super().__init__()
        self.conv1 = _conv3(inputs, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3(width, width, 1, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Return features [M, width, H / stride, W / stride]."""
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(inner + (x if self.downsample is None else self.downsample(x)))


NETWORKS: Mapping[str, tuple[Callable[..., nn.Module], tuple[int, ...]]] = {  # kind and number of blocks per level
    "drn_d_22": (BasicBlock, (2, 2, 2, 2)),
    "drn_d_38": (BasicBlock, (3, 4, 6, 3)),
    "drn_d_54": (Bottleneck, (3, 4, 6, 3)),
    "drn_d_105": (Bottleneck, (3, 4, 23, 3)),
}


class Drn(nn.Module):
    """Read label maps from images at one scale, or at several as the evaluator's --ms does.

    It resizes nothing itself: images of another size than the label maps are brought to that first.
    """

    num_classes = NUM_CLASSES

    def __init__(self, arch: str = "drn_d_105", scales: Sequence[float] = (1.0,)) -> None:
        super().__init__()
        if arch not in NETWORKS:
            raise ValueError(f"There is no DRN '{arch}'; known: {', '.join(NETWORKS)}.")
        self.scales = tuple(scales)
        levels = list(_levels(*NETWORKS[arch]))
        last = 512 * getattr(NETWORKS[arch][0], "expansion")  # noqa: B009 - torchvision's blocks have no types
        self.base = nn.Sequential(
            _conv_norm(3, 16, kernel=7),
            _conv_norm(16, 16),
            _conv_norm(16, 32, stride=2),
            *levels,
            _conv_norm(last, 512, dilation=2),
            _conv_norm(512, 512),
        )
        self.seg = nn.Conv2d(512, NUM_CLASSES, 1)
        self.up = nn.ConvTranspose2d(
            NUM_CLASSES, NUM_CLASSES, 16, stride=8, padding=4, groups=NUM_CLASSES, bias=False
        ).requires_grad_(False)
        with torch.no_grad():
            self.up.weight.copy_(bilinear_kernel().expand_as(self.up.weight))

    @classmethod
    def from_states(
        cls, states: Sequence[Mapping[str, Tensor]], arch: str = "drn_d_105", scales: Sequence[float] = (1.0,)
    ) -> Drn:
        """Build the network of the authors' weights, frozen."""
        (state,) = states
        return load_frozen(lambda: cls(arch, scales), state)

    def logits(self, inputs: Tensor) -> Tensor:
        """Score every class at an eighth of the size of standardised images, [M, 19, H / 8, W / 8]."""
        scores: Tensor = self.seg(self.base(inputs))
        return scores

    def log_probabilities(self, scores: Tensor) -> Tensor:
        """Enlarge scores eightfold, so that sides are multiples of 8, [M, 19, H, W]."""
        return F.log_softmax(self.up(scores), 1)

    def forward(self, images: Tensor, size: Size) -> Tensor:
        """Predict the class of every pixel, [M, *size] int64."""
        if size[0] % 8 or size[1] % 8:
            raise ValueError(f"DRN got label maps of {size[0]}x{size[1]}; both sides must be divisible by 8.")
        pixels = round(size[0] * size[1] * max(self.scales) ** 2)
        return in_parts(lambda part: self._read(part, size), images, pixels)

    def _read(self, images: Tensor, size: Size) -> Tensor:
        pixels = resize_as_pil(to_pixels(images), size, "bicubic")
        total = torch.zeros((), device=images.device)
        for scale in self.scales:
            scaled = resize_as_pil(pixels, (int(size[0] * scale), int(size[1] * scale)), "bicubic")
            scores = self.log_probabilities(self.logits(prepare(scaled)))
            if scores.shape[-2:] != size:
                scores = F.interpolate(scores, size, mode="bilinear", antialias=True)  # PIL's, on floats
            total = total + scores
        return most_likely(total)


def prepare(pixels: Tensor) -> Tensor:
    """Standardise 8-bit values [M, 3, H, W] by the statistics of Cityscapes."""
    return standardised(pixels / 255, MEAN, DEVIATION)


def bilinear_kernel() -> Tensor:
    """The 16x16 weights with which a transposed convolution of stride 8 enlarges bilinearly."""
    slope = 1 - (torch.arange(16) / 8 - 15 / 16).abs()
    return torch.outer(slope, slope)


def _levels(block: Callable[..., nn.Module], depths: Sequence[int]) -> Iterator[nn.Sequential]:
    """Make the four levels of residual blocks; a dilation holds for the first block of its level, too."""
    inputs, expansion = 32, getattr(block, "expansion")  # noqa: B009
    for width, depth, stride, dilation in zip(WIDTHS, depths, STRIDES, DILATIONS, strict=True):
        outputs = width * expansion
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        first = block(inputs, width, stride, shortcut, dilation=dilation)
        rest = [block(outputs, width, 1, None, dilation=dilation) for _ in range(depth - 1)]
        yield nn.Sequential(first, *rest)
        inputs = outputs


def _conv_norm(inputs: int, outputs: int, stride: int = 1, dilation: int = 1, kernel: int = 3) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _conv3(inputs: int, outputs: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False)
