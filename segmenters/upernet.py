"""UPerNet (Xiao et al., ECCV 2018) on ResNet-101, which reads the 150 classes of ADE20K.

Its authors released it twice, as folders of equal file names, keys and shapes: `ade20k-resnet101-upernet` (since August
2019, "rgb") takes standardised RGB, `baseline-resnet101-upernet` ("bgr") takes BGR from 0 to 255 less the mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck

from segmenters.parts.pixels import (
    Size,
    in_parts,
    most_likely,
    resize_as_opencv,
    resize_as_pil,
    resize_scores,
    standardised,
    to_pixels,
)
from segmenters.parts.weights import load_frozen, unwrapped

Channels = Literal["rgb", "bgr"]
SIZES = (300, 375, 450, 525, 600)  # short sides of the images
LONGEST, MULTIPLE = 1000, 32  # of a long side before it is rounded up, and what every side is rounded up to
RGB_MEAN, RGB_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, 0..1
BGR_MEAN = (102.9801, 115.9465, 122.7717)  # 0..255
# What a file may hold besides: buffers of a batch norm over several GPUs, and the classifier of ImageNet.
IGNORED = re.compile(r"\.(_tmp_running_mean|_tmp_running_var|_running_iter)$|^fc\.")


class Encoder(nn.Module):
    """ResNet-101 that begins with three convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(3, 64, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = _conv(64, 64)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = _conv(64, 128)
        self.bn3 = nn.BatchNorm2d(128)
        self.layer1 = _layer(128, 64, 3, stride=1)
        self.layer2 = _layer(256, 128, 4, stride=2)
        self.layer3 = _layer(512, 256, 23, stride=2)
        self.layer4 = _layer(1024, 512, 3, stride=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return features of 256, 512, 1024 and 2048 channels at 1/4, 1/8, 1/16 and 1/32 of the image's size."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        x = F.max_pool2d(x, 3, 2, padding=1)
        stages = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            stages.append(x)
        return stages


class Decoder(nn.Module):
    """Pooling at four scales on top of the encoder, a feature pyramid down, and all levels fused at the finest."""

    def __init__(
        self, num_classes: int = 150, width: int = 512, pooled: int = 512, pool_scales: Sequence[int] = (1, 2, 3, 6)
    ) -> None:
        super().__init__()
        self.num_classes, self.pool_scales = num_classes, tuple(pool_scales)
        self.ppm_conv = nn.ModuleList([_conv_norm(2048, pooled, 1) for _ in pool_scales])
        self.ppm_last_conv = _conv_norm(2048 + len(self.pool_scales) * pooled, width)
        self.fpn_in = nn.ModuleList([_conv_norm(inputs, width, 1) for inputs in (256, 512, 1024)])
        self.fpn_out = nn.ModuleList([nn.Sequential(_conv_norm(width, width)) for _ in range(3)])
        self.conv_last = nn.Sequential(_conv_norm(4 * width, width), nn.Conv2d(width, num_classes, 1))

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Score every class at 1/4 of the image's size, [M, C, H / 4, W / 4]."""
        *finer, top = stages
        features = self._pooled(top)
        levels = [features]
        for stage, inward, outward in reversed(list(zip(finer, self.fpn_in, self.fpn_out, strict=True))):
            lateral = inward(stage)
            features = lateral + resize_scores(features, _size(lateral))
            levels.insert(0, outward(features))
        size = _size(levels[0])
        scores: Tensor = self.conv_last(torch.cat([resize_scores(level, size) for level in levels], 1))
        return scores

    def _pooled(self, top: Tensor) -> Tensor:
        pools = [top]
        for scale, conv in zip(self.pool_scales, self.ppm_conv, strict=True):
            pools.append(conv(resize_scores(F.adaptive_avg_pool2d(top, scale), _size(top))))
        result: Tensor = self.ppm_last_conv(torch.cat(pools, 1))
        return result


class UPerNet(nn.Module):
    """Read label maps from images that are resized to several short sides, by the mean of the probabilities."""

    def __init__(
        self, encoder: Encoder, decoder: Decoder, channels: Channels = "rgb", sizes: Sequence[int] = SIZES
    ) -> None:
        super().__init__()
        self.num_classes = decoder.num_classes
        self.encoder, self.decoder = encoder, decoder
        self.channels, self.sizes = channels, tuple(sizes)

    @classmethod
    def from_states(
        cls, states: Sequence[Mapping[str, Tensor]], channels: Channels = "rgb", sizes: Sequence[int] = SIZES
    ) -> UPerNet:
        """Build the network, frozen, of the authors' encoder and decoder; refuse those of the other release."""
        first, second = states
        encoder = load_frozen(Encoder, _cleaned(first))
        check_channels(encoder, channels)
        decoder = load_frozen(Decoder, _cleaned(second))
        return cls(encoder, decoder, channels, sizes).eval()

    def logits(self, inputs: Tensor) -> Tensor:
        """Score every class at 1/4 of the size of prepared images, [M, C, H / 4, W / 4]."""
        scores: Tensor = self.decoder(self.encoder(inputs))
        return scores

    def forward(self, images: Tensor, size: Size) -> Tensor:
        """Predict the class of every pixel, [M, *size] int64."""
        targets = [target_size((images.shape[-2], images.shape[-1]), short) for short in self.sizes]
        largest = max(height * width for height, width in (*targets, size))
        return in_parts(lambda part: self._read(part, targets, size), images, largest)

    def _read(self, images: Tensor, targets: Sequence[Size], size: Size) -> Tensor:
        pixels = to_pixels(images)
        total = torch.zeros((), device=images.device)
        for target in targets:
            total = total + probabilities(self.logits(prepare(pixels, target, self.channels)), size)
        return most_likely(total)


def target_size(size: Size, short: int) -> Size:
    """To which size an image goes for a short side; rounded up, so that its shape changes a little."""
    scale = min(short / min(size), LONGEST / max(size))
    height, width = (-(-int(side * scale) // MULTIPLE) * MULTIPLE for side in size)
    if not height or not width:
        raise ValueError(f"UPerNet got images of {size[0]}x{size[1]}, too long for their width.")
    return height, width


def prepare(pixels: Tensor, size: Size, channels: Channels) -> Tensor:
    """Resize 8-bit values [M, 3, H, W] and shift them as a release wants them."""
    if channels == "rgb":
        return standardised(resize_as_pil(pixels, size, "bilinear") / 255, RGB_MEAN, RGB_DEVIATION)
    return standardised(resize_as_opencv(pixels, size).flip(1), BGR_MEAN)


def probabilities(scores: Tensor, size: Size) -> Tensor:
    """Turn scores into the classes' probabilities at the size of the label maps, [M, C, *size]."""
    return resize_scores(scores, size).softmax(1)


def check_channels(encoder: Encoder, channels: Channels) -> None:
    """Refuse weights that were trained on the other release's range of values.

    What the first norm stores is the variance of the first convolution's outputs in training. It also follows, within a
    factor of 3 on photographs, from the convolution's weights and the deviation of its inputs, 1 or 58: the releases
    are 58^2 apart, and a file is refused where it is nearer to the other one.
    """
    deviation = 255 * sum(RGB_DEVIATION) / 3
    expected = _variance_of_responses(encoder.conv1.weight) * (1 if channels == "rgb" else deviation**2)
    excess = float((encoder.bn1.state_dict()["running_var"] / expected).log().median())
    if (excess if channels == "rgb" else -excess) > math.log(deviation):
        theirs, right = ("BGR from 0 to 255", "ade20k") if channels == "rgb" else ("standardised RGB", "baseline")
        raise ValueError(
            f"This encoder was trained on {theirs}, not on what channels='{channels}' gives it, and would score badly "
            f"without a word; expected the files of the folder {right}-resnet101-upernet."
        )


def _variance_of_responses(weight: Tensor) -> Tensor:
    """Estimate the variance [out] of a 3x3 convolution's outputs over photographs whose values have deviation 1.

    Neighbouring pixels correlate by 0.95, channels of a pixel by 0.8.
    """
    places = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
    near = 0.95 ** torch.cdist(places, places)  # [9, 9]
    alike = torch.full((3, 3), 0.8).fill_diagonal_(1.0)
    taps = weight.detach().float().flatten(2)  # [out, 3, 9]
    return torch.einsum("oap,obq,ab,pq->o", taps, taps, alike, near)


def _cleaned(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in unwrapped(state).items() if not IGNORED.search(key)}


def _layer(inputs: int, width: int, depth: int, stride: int) -> nn.Sequential:
    """Make a stage of bottlenecks, whose stride lies in the first one's 3x3 convolution."""
    outputs = 4 * width
    shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    rest = [Bottleneck(outputs, width) for _ in range(depth - 1)]
    return nn.Sequential(Bottleneck(inputs, width, stride, shortcut), *rest)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


def _conv_norm(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _size(features: Tensor) -> Size:
    return features.shape[-2], features.shape[-1]
