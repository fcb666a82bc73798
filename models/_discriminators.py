"""The patch discriminators that SPADE, GroupDNet and INADE share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models._blocks.spectral import SpectralConv2d


class PatchDiscriminator(nn.Sequential):
    """4x4 convolutions with padding 2; every stage's output is kept for feature matching."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.add_module("model0", nn.Sequential(nn.Conv2d(inputs, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2)))
        channels = width
        for number in range(1, layers):
            wider = min(2 * channels, 512)
            conv = SpectralConv2d(channels, wider, 4, stride=1 if number == layers - 1 else 2, padding=2, bias=False)
            stage = nn.Sequential(nn.Sequential(conv, nn.InstanceNorm2d(wider)), nn.LeakyReLU(0.2))
            self.add_module(f"model{number}", stage)
            channels = wider
        self.add_module(f"model{layers}", nn.Sequential(nn.Conv2d(channels, 1, 4, padding=2)))

    def stages(self, x: Tensor) -> list[Tensor]:
        """Outputs of all stages, the logits last."""
        outputs = []
        for stage in self:
            x = stage(x)
            outputs.append(x)
        return outputs


class MultiscaleDiscriminator(nn.Module):
    """The same patch discriminator at full and half resolution."""

    def __init__(self, inputs: int, *, width: int = 64, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        self.scales = scales
        for scale in range(scales):
            self.add_module(f"discriminator_{scale}", PatchDiscriminator(inputs, width, layers))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """Judge planes and image [N, P + 3, H, W]: per scale the stage outputs."""
        results = []
        for scale in range(self.scales):
            discriminator = self.get_submodule(f"discriminator_{scale}")
            assert isinstance(discriminator, PatchDiscriminator)
            results.append(discriminator.stages(x))
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return results

    def judge(self, planes: Tensor, fake: Tensor, real: Tensor) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Judge fakes and reals of the same layouts in one batch, as the papers' code does."""
        pairs = torch.cat([torch.cat([planes, fake], 1), torch.cat([planes, real], 1)])
        judged = [[stage.chunk(2) for stage in scale] for scale in self(pairs)]
        return [[s[0] for s in scale] for scale in judged], [[s[1] for s in scale] for scale in judged]
