"""BicycleGAN (Zhu et al., NIPS 2017): a code z drives a U-Net, and two games tie code and image together.

cVAE-GAN reads z from the photo and must draw that photo; cLR-GAN draws with a random z that an encoder must find again.
As the GroupDNet and INADE papers run the authors' code with its defaults: a 256x256 square, labels as a colour picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from models.base import Layout, MethodSpec
from models.parts.colours import spread_colours, stretched
from models.parts.encoders import HalvingBlock, divergence, remap
from models.parts.unet import UnetConfig, UnetMethod
from models.training.game import Game
from models.training.halving_discriminator import HalvingDiscriminator
from models.training.losses import least_squares
from models.training.schedule import Schedule

_POOLED = 8  # side of the grid the encoder averages


@dataclass(frozen=True)
class BicycleGanConfig(UnetConfig):
    """Sizes of one BicycleGAN; the encoder reads squares of the U-Net's height."""

    encoder_channels: int = 64


class BicycleGanEncoder(nn.Module):
    """netE of the authors' files (`resnet_256`): a photo to mean and log-variance of z."""

    def __init__(self, side: int, channels: int, z_size: int) -> None:
        super().__init__()
        halvings = (side // _POOLED).bit_length() - 1
        if side != _POOLED * 2**halvings or not halvings:
            raise ValueError(f"BicycleGAN's encoder reads squares of 16, 32, 64 ... pixels, not of {side}.")
        self.side = side
        widths = [min(number, 4) * channels for number in range(1, halvings + 1)]
        self.conv = nn.Sequential(
            nn.Conv2d(3, channels, 4, stride=2, padding=1),
            *(HalvingBlock(inputs, outputs) for inputs, outputs in pairwise(widths)),
            nn.LeakyReLU(0.2),
            nn.AvgPool2d(_POOLED),
        )
        self.fc = nn.Sequential(nn.Linear(widths[-1], z_size))
        self.fcVar = nn.Sequential(nn.Linear(widths[-1], z_size))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Read photos [N, 3, H, W], stretched to the encoder's square: two tensors [N, Z]."""
        x = self.conv(stretched(images, self.side, self.side)).flatten(1)
        return self.fc(x), self.fcVar(x)


class BicycleGan(UnetMethod):
    """BicycleGAN; its test protocol draws z from the prior, the encoder serves training and photos' styles."""

    encoder: BicycleGanEncoder

    def __init__(self, config: BicycleGanConfig) -> None:
        super().__init__(config)
        self.encoder = BicycleGanEncoder(config.height, config.encoder_channels, config.z_size)

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Move z to the posterior of the photos."""
        mean, log_variance = self.encoder(images)
        return remap(noise, mean, log_variance), divergence(mean, log_variance)


@dataclass(frozen=True)
class BicycleGanRecipe(Schedule):
    """The released code's recipe; the weights are its `lambda` options, 1 for both adversarial terms."""

    batch: int = 2  # even: one half is drawn, the other shows the second discriminator photos
    lr_generator: float = 2e-4
    lr_discriminator: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    pixel: float = 10.0
    latent: float = 0.5
    kl: float = 0.01  # on the sum over the encoded half batch
    discriminator_width: int = 64
    discriminator_layers: int = 3

    def learning_rate_factor(self, epoch: int) -> float:
        """Fraction of the initial rate in this epoch, counted from 1; the first decaying epoch is already slower."""
        return 1.0 - max(0, epoch - self.epochs) / (self.decay_epochs + 1)

    def objective(self, method: BicycleGan, num_planes: int) -> BicycleGanObjective:
        """Build the losses; the discriminators see the image alone."""
        return BicycleGanObjective(method, self)


class BicycleGanObjective(Game):
    """cVAE-GAN with discriminator D on the first half of a batch, cLR-GAN with D2 on the same layouts.

    The second half's photos are D2's real examples and nothing else. Noise of the first half becomes the posterior's,
    noise of the second half is the random code.
    """

    method: BicycleGan
    discriminator: nn.ModuleDict

    def __init__(self, method: BicycleGan, recipe: BicycleGanRecipe) -> None:
        super().__init__(method)
        self.recipe = recipe
        width, layers = recipe.discriminator_width, recipe.discriminator_layers
        self.discriminator = nn.ModuleDict(
            {name: HalvingDiscriminator(3, width=width, layers=layers) for name in ("D", "D2")}
        )

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Weighted terms for generator and encoder; names are those of the authors' log."""
        recipe, pictures = self.recipe, self.method.planes(layout)
        photos, half = self._photos(images), len(images) // 2
        mean, log_variance = self.method.encoder(photos[:half])
        codes = torch.cat([remap(noise[:half], mean, log_variance), noise[half:]])
        drawn = self.method.generator(pictures[:half].repeat(2, 1, 1, 1), codes)
        self.fake = drawn.detach()  # [2 * half, 3, H, W]: from the posterior, then from the random codes
        encoded, random = drawn.chunk(2)
        return {
            "G_GAN": least_squares(self.discriminator["D"](encoded), real=True),
            "G_GAN2": least_squares(self.discriminator["D2"](random), real=True),
            "kl": recipe.kl * divergence(mean, log_variance).sum(),
            "G_L1": recipe.pixel * F.l1_loss(encoded.float(), photos[:half]),
            "z_L1": recipe.latent * F.l1_loss(self._reread(random).float(), noise[half:]),
        }

    def _photos(self, images: Tensor) -> Tensor:
        if len(images) % 2:
            raise ValueError(f"BicycleGAN trains on two half batches; {len(images)} images are odd.")
        return stretched(images, self.method.config.height, self.method.config.width)

    def _reread(self, images: Tensor) -> Tensor:
        """Find the mean code of fakes; the encoder itself does not learn from this, only the generator does."""
        frozen = {name: parameter.detach() for name, parameter in self.method.encoder.named_parameters()}
        mean: Tensor = functional_call(self.method.encoder, frozen, (images,))[0]
        return mean

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Terms for both discriminators, on the fakes of the generator's step."""
        if self.fake is None:
            with torch.no_grad():
                self.generator_losses(images, layout, noise)
        assert self.fake is not None
        losses = {}
        for name, fake, real in zip(("D", "D2"), self.fake.chunk(2), self._photos(images).chunk(2), strict=True):
            losses[f"{name}_fake"] = least_squares(self.discriminator[name](fake), real=False)
            losses[f"{name}_real"] = least_squares(self.discriminator[name](real), real=True)
        return losses


_CLASSES: Mapping[str, int] = {
    "cityscapes": 35,
    "ade20k": 151,
    "celebamask-hq": 19,
    "deepfashion": 8,
    "deepfashion2": 8,
}
# Cityscapes too is drawn as a square (INADE paper, Table 3: one size for all data sets) and stretched.
_CONFIGS = {name: BicycleGanConfig(spread_colours(classes)) for name, classes in _CLASSES.items()}

BICYCLEGAN: MethodSpec[Any] = MethodSpec(
    name="bicyclegan",
    paper="Zhu et al., Toward Multimodal Image-to-Image Translation, NIPS 2017",
    scope="image",
    build=BicycleGan,
    configs=_CONFIGS,
    tiny=BicycleGanConfig(spread_colours(8), 64, 64, channels=16, downs=5, encoder_channels=16),
    recipes=dict.fromkeys(_CONFIGS, BicycleGanRecipe()),
    tiny_recipe=BicycleGanRecipe(
        batch=16,
        epochs=15,
        decay_epochs=15,
        lr_generator=5e-4,  # with 1e-3 and half its width the discriminator stayed at chance for 400 steps
        lr_discriminator=1e-3,
        discriminator_width=32,
        init_gain=1.0,
        flip=False,
        epoch_images=1600,
    ),
    note="The authors released no weights for label maps; the colours that stand for the classes are ours.",
    files={"generator": ("latest_net_G.pth",), "encoder": ("latest_net_E.pth",)},
)
