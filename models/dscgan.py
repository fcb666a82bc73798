"""DSCGAN (Yang et al., ICLR 2019; its repository is called DSGAN): images of two codes must differ as the codes do.

There is no encoder: every image is drawn from a random code, and a regulariser rewards the distance between the images
of two codes relative to the distance of the codes. The papers compare the authors' U-Net, which is BicycleGAN's; their
own Cityscapes network is a small pix2pixHD with z at the bottleneck (`DSCGAN_HD`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec, semantic_planes
from models.parts.colours import spread_colours, stretched
from models.parts.lookup import nearest_ids
from models.parts.unet import UnetConfig, UnetMethod
from models.training.game import Game
from models.training.halving_discriminator import HalvingDiscriminator
from models.training.losses import least_squares
from models.training.multiscale_discriminator import PlainDiscriminator
from models.training.schedule import Schedule
from models.training.vgg19 import PerceptualLoss


class Dscgan(UnetMethod):
    """DSCGAN on BicycleGAN's U-Net."""


@dataclass(frozen=True)
class DscganHdConfig:
    """Sizes of one network of the second kind."""

    num_classes: int
    height: int = 512  # of the network's pictures; layouts of another size are stretched to it, and images back
    width: int = 1024
    z_size: int = 64
    base: int = 32  # channels at full resolution
    downsamplings: int = 4
    blocks: int = 8


class Refinement(nn.Module):
    """Two convolutions over reflected borders, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3) for _ in range(2))
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), *_normalized(first), nn.ReflectionPad2d(1), second, nn.InstanceNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Refine x [N, C, h, w]."""
        refined: Tensor = x + self.conv_block(x)
        return refined


def _normalized(conv: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, ...]:
    return conv, nn.InstanceNorm2d(conv.out_channels), nn.ReLU()


class DscganHdGenerator(nn.Module):
    """netG of the authors' Cityscapes file: down, z beside the features, residual blocks, and up again."""

    def __init__(self, config: DscganHdConfig) -> None:
        super().__init__()
        widths = [config.base * 2**number for number in range(config.downsamplings + 1)]
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), *_normalized(nn.Conv2d(config.num_classes + 1, widths[0], 7))]
        for narrow, wide in pairwise(widths):
            layers += _normalized(nn.Conv2d(narrow, wide, 3, stride=2, padding=1))
        self.pre_model = nn.Sequential(*layers)
        fused = nn.Conv2d(widths[-1] + config.z_size, widths[-1], 3, padding=1)
        self.fuse_z_layer = nn.Sequential(*_normalized(fused))
        layers = [Refinement(widths[-1]) for _ in range(config.blocks)]
        for wide, narrow in pairwise(reversed(widths)):
            layers += _normalized(nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1, output_padding=1))
        self.after_model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(widths[0], 3, 7), nn.Tanh())

    def forward(self, planes: Tensor, z: Tensor) -> Tensor:
        """Draw for label planes with the edges [N, P, H, W] and codes z [N * K, Z]: [N * K, 3, H, W]."""
        features = self.pre_model(planes).repeat_interleave(len(z) // len(planes), 0)
        tiled = z[:, :, None, None].expand(-1, -1, *features.shape[2:])
        images: Tensor = self.after_model(self.fuse_z_layer(torch.cat([features, tiled], 1)))
        return images


class DscganHd(Method[Tensor]):
    """DSCGAN on a small pix2pixHD; the style is the code z [M, Z] of a whole image."""

    scope = "image"
    encoder = None

    def __init__(self, config: DscganHdConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = DscganHdGenerator(config)

    def _resized(self, layout: Layout) -> Layout:
        size = self.config.height, self.config.width
        return Layout(nearest_ids(layout.labels, *size), nearest_ids(layout.instances, *size), layout.num_classes)

    def planes(self, layout: Layout) -> Tensor:
        """Label planes at the network's size; the discriminator does not see the edges, the generator does."""
        return semantic_planes(self._resized(layout), edges=False)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw z."""
        return torch.stack([torch.randn(self.config.z_size, generator=rng) for rng in rngs]).to(layout.labels.device)

    def draw(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw images at the network's size."""
        images: Tensor = self.generator(semantic_planes(self._resized(layout), edges=True), style)
        return images

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw images of the layout's size."""
        return stretched(self.draw(layout, style), *layout.labels.shape[1:])


def diversity_regulariser(images: Tensor, others: Tensor, codes: Tensor, other_codes: Tensor) -> Tensor:
    """Average -|image - other| / |code - other code| over a batch (paper, equation 3), with mean absolute distances.

    Only `images` [N, 3, H, W] learn from it. The bound on the ratio that the paper mentions is off in every released
    configuration.
    """
    image_distance = (images.float() - others.detach().float()).abs().flatten(1).mean(1)
    code_distance = (codes - other_codes).abs().flatten(1).mean(1)
    return -(image_distance / (code_distance + 1e-5)).mean()


@dataclass(frozen=True)
class DscganRecipe(Schedule):
    """The released code's recipe for the U-Net."""

    batch: int = 8
    epochs: int = 200
    decay_epochs: int = 0
    lr_generator: float = 2e-4
    lr_discriminator: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    init_gain: float | None = None
    pixel: float = 10.0
    diversity: float = 8.0
    discriminator: Literal["halving", "pix2pixhd"] = "halving"
    discriminator_width: int = 64
    discriminator_layers: int = 3  # normalised ones

    def rate_at(self, step: int, steps_per_epoch: int) -> float:
        """Fraction of the initial rate in this step: the code falls from twice the rate to zero, without a plateau."""
        half = steps_per_epoch * (self.epochs + self.decay_epochs) / 2
        return 1.0 - (step - half) / (half + 1)

    def objective(self, method: Dscgan | DscganHd, num_planes: int) -> DscganObjective:
        """Build the losses for a method whose discriminator sees `num_planes` planes of the layout."""
        return DscganObjective(method, self, num_planes)


class DscganObjective(Game):
    """Least squares, L1 to the photo, and diversity between the images of two codes.

    The discriminator's step comes first and its image is also the generator's, as in the released loop. The noise of
    that step is the first code, the noise of the generator's step the second.
    """

    order = ("D", "G")
    method: Dscgan | DscganHd

    def __init__(
        self,
        method: Dscgan | DscganHd,
        recipe: DscganRecipe,
        num_planes: int,
        perceptual: PerceptualLoss | None = None,
    ) -> None:
        super().__init__(method, perceptual)
        self.recipe = recipe
        width, layers = recipe.discriminator_width, recipe.discriminator_layers
        self.discriminator = (
            HalvingDiscriminator(3 + num_planes, width=width, layers=layers)
            if recipe.discriminator == "halving"
            else PlainDiscriminator(3 + num_planes, width=width, layers=layers + 1)
        )
        self._first: tuple[Tensor, Tensor] | None = None  # code and image, between the two steps

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Terms for the discriminator, on an image that the generator's step will take over."""
        planes, drawn = self.method.planes(layout), self.method.draw(layout, noise)
        self._first = noise, drawn
        self.fake = drawn.detach()
        fakes = self.discriminator(torch.cat([self.fake, planes], 1))
        reals = self.discriminator(torch.cat([stretched(images, *drawn.shape[2:]), planes], 1))
        return {
            "errD_fake": 0.5 * least_squares(fakes, real=False),
            "errD_real": 0.5 * least_squares(reals, real=True),
        }

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Weighted terms for the generator; without a discriminator's step before it there is no second code."""
        recipe, planes = self.recipe, self.method.planes(layout)
        codes, drawn = self._first or (noise, self.method.draw(layout, noise))
        self._first = None
        photos = stretched(images, *drawn.shape[2:])
        with torch.no_grad():
            others = self.method.draw(layout, noise)
        losses = {
            "errG": least_squares(self.discriminator(torch.cat([drawn, planes], 1)), real=True),
            "errNE": recipe.diversity * diversity_regulariser(drawn, others, codes, noise),
        }
        if recipe.pixel:
            losses["errL1"] = recipe.pixel * F.l1_loss(drawn.float(), photos)
        if self.perceptual is not None and recipe.perceptual:
            losses["errVGG"] = recipe.perceptual * self.perceptual(drawn, photos)
        return losses


_CLASSES = {"cityscapes": 35, "ade20k": 151, "celebamask-hq": 19, "deepfashion": 8, "deepfashion2": 8}
_CONFIGS = {name: UnetConfig(spread_colours(classes)) for name, classes in _CLASSES.items()}
_TINY_RECIPE = DscganRecipe(
    batch=16,
    epochs=30,
    lr_generator=5e-4,  # with 1e-3 and half its width the discriminator stayed at chance for 400 steps
    lr_discriminator=1e-3,
    discriminator_width=32,
    init_gain=1.0,
    flip=False,
    epoch_images=1600,
)

DSCGAN: MethodSpec[Any] = MethodSpec(
    name="dscgan",
    paper="Yang et al., Diversity-Sensitive Conditional Generative Adversarial Networks, ICLR 2019",
    scope="image",
    build=Dscgan,
    configs=_CONFIGS,
    tiny=UnetConfig(spread_colours(8), 64, 64, channels=16, downs=5),
    recipes=dict.fromkeys(_CONFIGS, DscganRecipe()),
    tiny_recipe=_TINY_RECIPE,
    note="The papers do not say which of the authors' networks they compare: this is the U-Net with 8 latent numbers "
    "(54.79 M, 18.40 G); no weights of it were released for label maps, and the class colours are ours.",
    files={"generator": ("netG_latest.pth",)},
)

DSCGAN_HD: MethodSpec[Any] = replace(
    DSCGAN,
    name="dscgan-hd",
    build=DscganHd,
    configs={"cityscapes": DscganHdConfig(35)},
    tiny=DscganHdConfig(8, 64, 64, z_size=8, base=16, downsamplings=3, blocks=2),
    recipes={
        "cityscapes": DscganRecipe(batch=3, pixel=0.0, perceptual=10.0, diversity=10.0, discriminator="pix2pixhd")
    },
    tiny_recipe=replace(_TINY_RECIPE, discriminator="pix2pixhd"),
    note="The authors' own Cityscapes network, 512x1024; the papers compare the U-Net. Its released file, "
    "netG_latest_*_inter_*.pth, is looked for as netG_latest.pth.",
)
