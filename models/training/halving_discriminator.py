"""BicycleGAN's patch discriminator on two scales, plain convolutions with instance norms; also DSCGAN's and DMIT's."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.training.losses import Judgement


class PatchScale(nn.Sequential):
    """4x4 convolutions with padding 1 on one scale: one without a norm, `layers` normalised ones, and the logits."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        stages: list[nn.Module] = [nn.Conv2d(inputs, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        channels = width
        for number in range(1, layers + 1):
            wider = min(2**number, 8) * width
            conv = nn.Conv2d(channels, wider, 4, stride=1 if number == layers else 2, padding=1)
            stages += [conv, nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2)]
            channels = wider
        super().__init__(*stages, nn.Conv2d(channels, 1, 4, padding=1))


class HalvingDiscriminator(nn.Module):
    """Two scales: the full picture, and the half-sized one with half the width.

    `prefix` stands before the scale's number in the authors' files; older releases write it without a line.
    """

    def __init__(self, inputs: int, *, width: int = 64, layers: int = 3, prefix: str = "model_") -> None:
        super().__init__()
        self.scales = f"{prefix}0", f"{prefix}1"
        for scale, name in enumerate(self.scales):
            self.add_module(name, PatchScale(inputs, width // 2**scale, layers))

    def forward(self, x: Tensor) -> Judgement:
        """Judge pictures [N, C, H, W]: the logits of both scales."""
        results = []
        for name in self.scales:
            results.append([self.get_submodule(name)(x)])
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return results
