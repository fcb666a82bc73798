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

from models._blocks.decoder import BlockChain, ResBlock, Stage, first_grid, per_layout
from models._blocks.oasis_discriminator import OasisDiscriminator, label_mix, segmented_as_fake, segmented_as_real
from models._blocks.spatial import Planes
from models._losses import PerceptualLoss
from models._recipe import Game, Schedule
from models.base import Layout, Method, MethodSpec


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

    def convolved(self, layer: nn.Conv2d, height: int, width: int) -> Tensor:
        """Convolve the noise and, behind it, the label planes: [M, C, height, width].

        The sum over the planes' channels is made once for all K.
        """
        noise, labels = self.noise.at(height, width), self.labels.at(height, width)
        of_noise, of_labels = torch.split(layer.weight, [noise.shape[1], labels.shape[1]], 1)
        from_noise, from_labels = per_layout(
            F.conv2d(noise, of_noise, padding=1), F.conv2d(labels, of_labels, layer.bias, padding=1)
        )
        return (from_noise + from_labels).flatten(0, 1)


class NoisyNorm(nn.Module):
    """SPADE's norm, told by noise and labels."""

    def __init__(self, channels: int, config: OasisConfig) -> None:
        super().__init__()
        read, hidden = config.z_size + config.num_channels, config.hidden
        self.first_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(read, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, condition: _Condition) -> Tensor:
        """Modulate x [M, C, h, w]."""
        layer, activation = self.mlp_shared
        assert isinstance(layer, nn.Conv2d)
        hidden = activation(condition.convolved(layer, x.shape[2], x.shape[3]))
        modulated: Tensor = self.first_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)
        return modulated


class OasisGenerator(nn.Module):
    """netG of the authors' files, netEMA among them."""

    def __init__(self, config: OasisConfig) -> None:
        super().__init__()
        first, last = config.stages[0].inputs, config.stages[-1].outputs
        self.grid = first_grid(config.height, config.width, config.stages)
        self.fc = nn.Conv2d(config.z_size + config.num_channels, first, 3, padding=1)
        self.body = BlockChain(config.stages, lambda channels, _: NoisyNorm(channels, config), ResBlock)
        self.conv_img = nn.Conv2d(last, 3, 3, padding=1)

    def forward(self, planes: Tensor, noise: Tensor) -> Tensor:
        """Draw for label planes [N, P, H, W] and noise [N * K, Z, H, W], or [N * K, Z, 1, 1] for all pixels alike."""
        condition = _Condition(Planes(noise), Planes(planes))
        grown = self.body.grow(condition.convolved(self.fc, *self.grid), condition)
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
        unknown = self.config.num_classes if self.config.unknown is None else self.config.unknown
        shifted = layout.labels + (layout.labels < unknown)
        return torch.where(layout.labels == unknown, 0, shifted)

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


@dataclass(frozen=True)
class OasisRecipe(Schedule):
    """The released code's recipe; its authors keep the weights of the best FID, we those of the last epoch."""

    epochs: int = 200
    decay_epochs: int = 0
    betas: tuple[float, float] = (0.0, 0.999)
    average: float | None = 0.9999
    label_mix: float = 10.0
    discriminator_width: int = 64
    discriminator_depth: int = 6

    def objective(self, method: Oasis, num_planes: int) -> OasisObjective:
        """Build the losses for a method whose discriminator tells `num_planes` channels and "fake" apart."""
        return OasisObjective(method, self, num_planes)


class OasisObjective(Game):
    """Fakes shall be segmented as what they are drawn from, and photos be told from them pixel by pixel."""

    method: Oasis

    def __init__(
        self, method: Oasis, recipe: OasisRecipe, num_planes: int, perceptual: PerceptualLoss | None = None
    ) -> None:
        super().__init__(method, perceptual)
        self.recipe = recipe
        self.discriminator = OasisDiscriminator(
            num_planes, width=recipe.discriminator_width, depth=recipe.discriminator_depth
        )

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Weighted terms for the generator; the published networks were trained without a perceptual loss."""
        fake = self.method.synthesize(layout, noise)
        self.fake = fake.detach()
        losses = {"GAN": segmented_as_real(self.discriminator(fake), self.method.channels(layout))}
        if self.perceptual is not None and self.recipe.perceptual:
            losses["VGG"] = self.recipe.perceptual * self.perceptual(fake, images)
        return losses

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Terms for the discriminator, on fakes drawn anew; it shall judge a mixture as the mixture of its parts."""
        channels = self.method.channels(layout)
        with torch.no_grad():
            self.fake = self.method.synthesize(layout, noise)
        coins = torch.randint(2, (self.method.config.num_channels,), generator=torch.default_generator)
        from_real = coins.bool().to(channels.device)  # torch's own stream follows from seed and step
        of_fake, of_real = self.discriminator(self.fake), self.discriminator(images)
        of_mixed = self.discriminator(label_mix(images, self.fake, channels, from_real))
        mixed = label_mix(of_real.float(), of_fake.float(), channels, from_real)
        return {
            "D_Fake": segmented_as_fake(of_fake),
            "D_real": segmented_as_real(of_real, channels),
            "LabelMix": self.recipe.label_mix * F.mse_loss(mixed, of_mixed.float()),
        }


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
    title="OASIS",
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
