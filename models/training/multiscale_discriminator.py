"""The patch discriminators that the methods share: SPADE's, with spectral norm, and pix2pixHD's, without."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.spectral import SpectralConv2d


def _middle_stages(width: int, layers: int, last_stride: int) -> Iterator[tuple[int, int, int]]:
    """Inputs, outputs and stride of the convolutions between the first one and the logits."""
    for number in range(1, layers):
        stride = last_stride if number == layers - 1 else 2
        yield min(width * 2 ** (number - 1), 512), min(width * 2**number, 512), stride


class MultiscaleDiscriminator(nn.Module):
    """The same patch discriminator at full and half resolution: 4x4 convolutions with padding 2.

    The convolution before the logits has stride 1, in SEAN 2.
    """

    def __init__(self, inputs: int, *, width: int = 64, layers: int = 4, scales: int = 2, last_stride: int = 1) -> None:
        super().__init__()
        self.scales, self.layers = scales, layers
        for scale in range(scales):
            self._add_scale(scale, inputs, width, last_stride)

    def _add_scale(self, scale: int, inputs: int, width: int, last_stride: int) -> None:
        first = nn.Conv2d(inputs, width, 4, stride=2, padding=2)
        stages: list[nn.Module] = [nn.Sequential(first, nn.LeakyReLU(0.2))]
        channels = width
        for fan_in, channels, stride in _middle_stages(width, self.layers, last_stride):
            conv = SpectralConv2d(fan_in, channels, 4, stride=stride, padding=2, bias=False)
            stages.append(nn.Sequential(nn.Sequential(conv, nn.InstanceNorm2d(channels)), nn.LeakyReLU(0.2)))
        stages.append(nn.Sequential(nn.Conv2d(channels, 1, 4, padding=2)))
        named = OrderedDict((f"model{number}", stage) for number, stage in enumerate(stages))
        self.add_module(f"discriminator_{scale}", nn.Sequential(named))

    def stages(self, scale: int) -> Iterable[nn.Module]:
        """The stages that judge at 1 / 2^scale of the resolution, in order."""
        return self.get_submodule(f"discriminator_{scale}").children()

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """Judge planes and image [N, P + 3, H, W]: per scale the stage outputs, the logits last."""
        results = []
        for scale in range(self.scales):
            outputs = [x]
            for stage in self.stages(scale):
                outputs.append(stage(outputs[-1]))
            results.append(outputs[1:])
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return results

    def judge(self, planes: Tensor, fake: Tensor, real: Tensor) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Judge fakes and reals of the same layouts in one batch, as the papers' code does."""
        pairs = torch.cat([torch.cat([planes, fake], 1), torch.cat([planes, real], 1)])
        judged = [[stage.chunk(2) for stage in scale] for scale in self(pairs)]
        return [[s[0] for s in scale] for scale in judged], [[s[1] for s in scale] for scale in judged]


class PlainDiscriminator(MultiscaleDiscriminator):
    """pix2pixHD's form: no spectral norm, a bias everywhere, and the finest scale has the highest number."""

    def _add_scale(self, scale: int, inputs: int, width: int, last_stride: int) -> None:
        stages: list[nn.Module] = []
        for fan_in, channels, stride in ((inputs, width, 2), *_middle_stages(width, self.layers, last_stride)):
            conv = nn.Conv2d(fan_in, channels, 4, stride=stride, padding=2)
            norm = (nn.InstanceNorm2d(channels),) if stages else ()
            stages.append(nn.Sequential(conv, *norm, nn.LeakyReLU(0.2)))
            width = channels
        stages.append(nn.Sequential(nn.Conv2d(width, 1, 4, padding=2)))
        for number, stage in enumerate(stages):
            self.add_module(self._key(scale, number), stage)

    def _key(self, scale: int, number: int) -> str:
        return f"scale{self.scales - 1 - scale}_layer{number}"

    def stages(self, scale: int) -> Iterable[nn.Module]:
        """The stages that judge at 1 / 2^scale of the resolution, in order."""
        return [self.get_submodule(self._key(scale, number)) for number in range(self.layers + 1)]
