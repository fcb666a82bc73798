"""The small feature network of the built-in data: what Inception and AlexNet are to photos, for paper dolls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from metrics.networks.base import FeatureNetwork
from metrics.networks.perceptual import PerceptualNetwork, unit_length
from metrics.networks.weights import load_frozen
from metrics.protocol import Protocol


class PaperdollsFeatures(PerceptualNetwork):
    """Encode images [M, 3, H, W] in [-1, 1], H and W divisible by 8, as the encoder of a plain UNet does."""

    def __init__(self, widths: Sequence[int] = (8, 16, 32, 96)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        inputs = (3, *self.widths[:-1])
        strides = (1, *(2 for _ in inputs[1:]))
        self.encoder = nn.ModuleList(map(_stage, inputs, self.widths, strides))
        # Standard deviation of every pooled feature over real images, set once after training.
        self.register_buffer("fid_scale", torch.ones(sum(self.widths[-2:])))
        self.fid_scale: Tensor

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> PaperdollsFeatures:
        """Build the network of the shipped weights, frozen."""
        return load_frozen(cls(), state)

    def stages(self, images: Tensor) -> list[Tensor]:
        """Return the output of every stage, [M, C, H / 2^k, W / 2^k] for stage k = 0, 1, 2, 3."""
        outputs = []
        for stage in self.encoder:
            images = stage(images)
            outputs.append(images)
        return outputs

    def pooled(self, images: Tensor) -> Tensor:
        """Average the last two stages over space, [M, D]; `fid_scale` is the deviation of these numbers."""
        return _pool(self.stages(images))

    def fid_of(self, stages: Sequence[Tensor]) -> Tensor:
        """Pool and scale so that real images have a total variance of one: what FID-pd compares, [M, D]."""
        scale: Tensor = self.fid_scale * len(self.fid_scale) ** 0.5
        return _pool(stages) / scale

    def taps_of(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Scale all stages to unit length per position; every channel weighs 1."""
        return [unit_length(stage) for stage in stages]

    def forward(self, images: Tensor) -> Tensor:
        """Return what FID-pd compares, as Inception does for FID."""
        return self.fid_of(self.stages(images))


def paperdolls(protocol: Protocol) -> FeatureNetwork:
    """The same network for every protocol."""
    return FeatureNetwork(("paperdolls_features",), PaperdollsFeatures.from_state)


def _pool(stages: Sequence[Tensor]) -> Tensor:
    return torch.cat([stage.mean((2, 3)) for stage in stages[-2:]], dim=1)


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
