"""OASIS (Schönfeld et al., ICLR 2021): a segmenter for a discriminator, and noise at every pixel for a style.

One z is spread over the whole image in training and by default; any region can be given a z of its own, so the finest
part that can be re-styled alone is smaller than an instance: it is whatever region is asked for. Noise and labels
together modulate SPADE's norms. The weights that are evaluated are a running mean of the trained ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec
from models.parts.decoder import BlockChain, Stage, first_grid, per_layout
from models.parts.spatial import Planes
from models.training.oasis import OasisRecipe
from models.training.oasis_discriminator import unknown_first


def oasis_stages(width: int, multiples: Sequence[int] = (16, 16, 16, 8, 4, 2, 1)) -> tuple[Stage, ...]:
    """Blocks between these multiples of the width; each but the first doubles the grid."""
    ends = pairwise(width * multiple for multiple in multiples)
    return tuple(Stage(str(n), inputs, outputs, upsample=n > 0) for n, (inputs, outputs) in enumerate(ends))


@dataclass(frozen=True)
class OasisConfig:
    """Sizes of one OASIS."""

    num_classes: int  # of the layouts, the don't-care class among them
    unknown: int | None  # the don't-care class, which is channel 0 of the network; None: that channel stays empty
    height: int = 256
    width: int = 256
    stages: tuple[Stage, ...] = oasis_stages(64)
    hidden: int = 128  # channels between noise, labels and gamma, beta
    z_size: int = 64

    @property
    def num_channels(self) -> int:
        """Label planes of the networks."""
        return self.num_classes + (self.unknown is None)


@dataclass(frozen=True)
class _Condition:
    noise: Planes  # of M = N * K images
    labels: Planes  # of N layouts

    def at(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Noise and label planes at one of the grids."""
        return self.noise.at(height, width), self.labels.at(height, width)


class NoisyConv2d(nn.Conv2d):
    """A 3x3 convolution over noise and, behind it, label planes; the planes are summed up once for all K styles."""

    def __init__(self, config: OasisConfig, outputs: int) -> None:
        super().__init__(config.z_size + config.num_channels, outputs, 3, padding=1)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve [M, Z, h, w] and [N, P, h, w]: [M, outputs, h, w]."""
        of_noise, of_labels = torch.split(self.weight, [noise.shape[1], labels.shape[1]], 1)
        from_noise, from_labels = per_layout(
            F.conv2d(noise, of_noise, padding=1), F.conv2d(labels, of_labels, self.bias, padding=1)
        )
        return (from_noise + from_labels).flatten(0, 1)


class NoisyNorm(nn.Module):
    """SPADE's norm, told by noise and labels."""

    def __init__(self, channels: int, config: OasisConfig) -> None:
        super().__init__()
        self.first_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(NoisyConv2d(config, config.hidden), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(config.hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(config.hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, condition: _Condition) -> Tensor:
        """Modulate x [M, C, h, w]."""
        layer, activation = self.mlp_shared
        hidden = activation(layer(*condition.at(x.shape[2], x.shape[3])))
        modulated: Tensor = self.first_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)
        return modulated


class OasisGenerator(nn.Module):
    """netG of the authors' files, netEMA among them."""

    def __init__(self, config: OasisConfig) -> None:
        super().__init__()
        self.grid = first_grid(config.height, config.width, config.stages)
        self.fc = NoisyConv2d(config, config.stages[0].inputs)
        self.body = BlockChain(config.stages, lambda channels, _: NoisyNorm(channels, config))
        self.conv_img = nn.Conv2d(config.stages[-1].outputs, 3, 3, padding=1)

    def forward(self, planes: Tensor, noise: Tensor) -> Tensor:
        """Draw for label planes [N, P, H, W] and noise [N * K, Z, H, W], or [N * K, Z, 1, 1] for all pixels alike."""
        condition = _Condition(Planes(noise), Planes(planes))
        grown = self.body.grow(self.fc(*condition.at(*self.grid)), condition)
        return torch.tanh(self.conv_img(F.leaky_relu(grown, 0.2)))


class Oasis(Method[Tensor]):
    """OASIS; the style is its noise, [M, Z, 1, 1] as it is drawn and [M, Z, H, W] once regions are mixed."""

    scope = "instance"
    encoder = None
    config: OasisConfig

    def __init__(self, config: OasisConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = OasisGenerator(config)

    def channels(self, layout: Layout) -> Tensor:
        """Number the classes as the authors do, the unknown one first: [N, H, W]."""
        return unknown_first(layout.labels, self.config.unknown)

    def planes(self, layout: Layout) -> Tensor:
        """One plane per channel."""
        return F.one_hot(self.channels(layout), self.config.num_channels).movedim(-1, 1).float()

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw one z per image."""
        z = torch.stack([torch.randn(self.config.z_size, generator=rng) for rng in rngs])
        return z[:, :, None, None].to(layout.labels.device)

    def mix_styles(self, base: Tensor, other: Tensor, layout: Layout, region: Tensor) -> Tensor:
        """Take the noise of the region's pixels, and of no others."""
        return torch.where(region[:, None], other, base)

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw images."""
        images: Tensor = self.generator(self.planes(layout), style)
        return images


_CONFIGS: Mapping[str, OasisConfig] = {
    "cityscapes": OasisConfig(35, 0, 256, 512),
    "ade20k": OasisConfig(151, 0),
    "coco-stuff": OasisConfig(183, 182),
}
_RECIPES: Mapping[str, OasisRecipe] = {
    "cityscapes": OasisRecipe(batch=20, lr_generator=4e-4, average=0.999, label_mix=5.0),
    "ade20k": OasisRecipe(),
    "coco-stuff": OasisRecipe(epochs=100),
}

OASIS = MethodSpec(
    name="oasis",
    paper="Schönfeld et al., You Only Need Adversarial Supervision for Semantic Image Synthesis, ICLR 2021",
    scope="instance",
    build=Oasis,
    configs=_CONFIGS,
    tiny=OasisConfig(8, None, 64, 64, oasis_stages(16, (8, 8, 8, 4, 2, 1)), hidden=32, z_size=16),
    recipes=_RECIPES,
    tiny_recipe=OasisRecipe(
        batch=8,
        epochs=30,
        lr_generator=1e-3,
        lr_discriminator=1e-3,
        average=0.99,
        discriminator_width=16,
        discriminator_depth=4,
        init_gain=1.0,
        flip=False,  # the built-in data are lit from the left
        epoch_images=800,
    ),
    files={"generator": ("best_EMA.pth", "latest_EMA.pth")},
)
