"""DMIT (Yu et al., NeurIPS 2019), re-constructed: one content encoder, one style encoder, one decoder for all domains.

The decoder is told the domain to draw and the style in every norm. A discriminator of contents keeps them from telling
their domain; styles are the codes of a variational encoder, so that they can also be drawn by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec
from models.parts.central_bias import BiasedDoubling, BiasedResidual
from models.parts.content_and_style import content_encoder
from models.parts.encoders import HalvingBlock, divergence, remap
from models.parts.translation import source_photos
from models.training.game import Game
from models.training.halving_discriminator import HalvingDiscriminator, PatchScale
from models.training.losses import hinge_discriminator, hinge_generator
from models.training.schedule import Schedule

DOMAINS = (0, 1)  # A, the sources, and B


@dataclass(frozen=True)
class DmitConfig:
    """Sizes of one DMIT; `height` and `width` are those of its data, the networks take any multiple of 2^downs."""

    num_classes: int = 1  # of the data; the networks see none
    height: int = 256
    width: int = 256
    channels: int = 64
    downs: int = 2  # halvings of the content's grid
    content_blocks: int = 4
    decoder_blocks: int = 6
    style_blocks: int = 4
    style_size: int = 8
    dropout: float = 0.5  # in training, in the decoder's residual blocks

    @property
    def inner(self) -> int:
        """Channels of the content."""
        return self.channels << self.downs


class DmitGenerator(nn.Module):
    """Content encoder and decoder."""

    def __init__(self, config: DmitConfig) -> None:
        super().__init__()
        self.enc_content = content_encoder(config.channels, config.downs, config.content_blocks)
        condition = len(DOMAINS) + config.style_size
        blocks = (BiasedResidual(config.inner, condition, config.dropout) for _ in range(config.decoder_blocks))
        doublings = (BiasedDoubling(config.inner >> number, condition) for number in range(config.downs))
        self.dec = nn.ModuleList([*blocks, *doublings])
        self.last = nn.Conv2d(config.channels, 3, 7, padding=3, padding_mode="reflect")

    def content(self, images: Tensor) -> Tensor:
        """Read what images [M, 3, H, W] show, [M, C, h, w]."""
        content: Tensor = self.enc_content(images)
        return content

    def decode(self, content: Tensor, domain: int, style: Tensor) -> Tensor:
        """Draw content [M, C, h, w] in a domain and in styles [M, S]."""
        told = F.one_hot(torch.full((len(style),), domain, device=style.device), len(DOMAINS))
        condition, x = torch.cat([told.to(style.dtype), style], 1), content
        for layer in self.dec:
            x = layer(x, condition)
        return torch.tanh(self.last(x))


class DmitEncoder(nn.Module):
    """A photo to mean and log-variance of its style."""

    def __init__(self, config: DmitConfig) -> None:
        super().__init__()
        widths = [config.channels * min(number, 4) for number in range(1, config.style_blocks + 2)]
        self.conv = nn.Sequential(
            nn.Conv2d(3, config.channels, 4, stride=2, padding=1),
            *(HalvingBlock(inputs, outputs) for inputs, outputs in pairwise(widths)),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1),
        )
        self.mean, self.log_variance = (nn.Linear(widths[-1], config.style_size) for _ in range(2))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Read photos [M, 3, H, W]: two tensors [M, S]."""
        x = self.conv(images).flatten(1)
        return self.mean(x), self.log_variance(x)


class Dmit(Method[Tensor]):
    """DMIT; the style is the code [M, S] of a whole image."""

    scope = "image"
    encoder: DmitEncoder
    generator: DmitGenerator

    def __init__(self, config: DmitConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = DmitGenerator(config)
        self.encoder = DmitEncoder(config)

    def planes(self, layout: Layout) -> Tensor:
        """Give the photos to translate."""
        return source_photos(layout)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw a code."""
        codes = torch.stack([torch.randn(self.config.style_size, generator=rng) for rng in rngs])
        return codes.to(layout.labels.device)

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Move the code to the posterior of the photos."""
        mean, log_variance = self.encoder(images)
        return remap(noise, mean, log_variance), divergence(mean, log_variance)

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Translate from A to B."""
        content = self.generator.content(source_photos(layout))
        return self.generator.decode(content.repeat_interleave(len(style) // len(content), 0), DOMAINS[1], style)


@dataclass(frozen=True)
class DmitRecipe(Schedule):
    """The released code's schedule and weights; what they weigh is re-constructed."""

    batch: int = 1
    lr_generator: float = 1e-4
    lr_discriminator: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.999)
    cycle: float = 10.0
    identity: float = 10.0
    style: float = 1.0
    content: float = 1.0
    kl: float = 0.01
    diversity: float = 0.05
    discriminator_width: int = 64
    discriminator_layers: int = 3
    content_layers: int = 2  # of the discriminator of contents

    def objective(self, method: Dmit, num_planes: int) -> DmitObjective:
        """Build the losses; the discriminators see images with their domain, and contents."""
        return DmitObjective(method, self)


@dataclass(frozen=True)
class _Crossing:
    """What both domains' photos were taken apart to and, per domain, what was drawn in it from the other's content."""

    contents: list[Tensor]
    means: list[Tensor]  # of the styles
    log_variances: list[Tensor]
    styles: list[Tensor]  # read from the photos
    codes: list[Tensor]  # drawn by chance
    encoded: list[Tensor]  # in the style of the domain's photo
    random: list[Tensor]  # in the drawn code


class DmitObjective(Game):
    """Both directions at once; drawings with styles of photos and with drawn codes have discriminators of their own."""

    method: Dmit
    discriminator: nn.ModuleDict

    def __init__(self, method: Dmit, recipe: DmitRecipe) -> None:
        super().__init__(method)
        self.recipe = recipe
        width, layers, inner = recipe.discriminator_width, recipe.discriminator_layers, method.config.inner
        judges = {
            name: HalvingDiscriminator(3 + len(DOMAINS), width=width, layers=layers) for name in ("encoded", "random")
        }
        self.discriminator = nn.ModuleDict({**judges, "content": PatchScale(inner, width, recipe.content_layers)})

    def cross(self, images: Tensor, layout: Layout, noise: Tensor) -> _Crossing:
        """Draw every photo in the other domain, twice; `noise` is the code of B, all other chance is drawn here."""
        photos, generator = (source_photos(layout), images), self.method.generator
        contents = [generator.content(photo) for photo in photos]
        means, log_variances = zip(*(self.method.encoder(photo) for photo in photos), strict=True)
        read = zip(means, log_variances, strict=True)
        styles = [remap(torch.randn_like(noise), mean, log_variance) for mean, log_variance in read]
        codes = [torch.randn_like(noise), noise]
        encoded, random = (
            [generator.decode(contents[1 - domain], domain, chosen[domain]) for domain in DOMAINS]
            for chosen in (styles, codes)
        )
        return _Crossing(contents, list(means), list(log_variances), styles, codes, encoded, random)

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Weighted terms for generator and encoder; the letter is the domain of what is compared."""
        photos, crossing = (source_photos(layout), images), self.cross(images, layout, noise)
        self.fake = crossing.random[1].detach()
        losses: dict[str, Tensor] = {}
        for domain, letter in zip(DOMAINS, "ab", strict=True):
            terms = self._found_again(crossing, photos[domain], domain) | self._fooling(crossing, domain)
            losses |= {f"{name}_{letter}": term for name, term in terms.items()}
        return losses

    def _found_again(self, crossing: _Crossing, photos: Tensor, domain: int) -> dict[str, Tensor]:
        recipe, generator = self.recipe, self.method.generator
        content, style = crossing.contents[domain], crossing.styles[domain]
        again = generator.content(crossing.encoded[1 - domain])
        reread, _ = self.method.encoder(crossing.random[domain])
        compared = {
            "identity": (recipe.identity, generator.decode(content, domain, style), photos),
            "cycle": (recipe.cycle, generator.decode(again, domain, style), photos),
            "content": (recipe.content, again, content),
            "style": (recipe.style, reread, crossing.codes[domain]),
        }
        losses = {name: weight * F.l1_loss(a.float(), b.float()) for name, (weight, a, b) in compared.items()}
        return {
            **losses,
            "kl": recipe.kl * divergence(crossing.means[domain], crossing.log_variances[domain]).mean(),
        }

    def _fooling(self, crossing: _Crossing, domain: int) -> dict[str, Tensor]:
        other_code = torch.randn_like(crossing.codes[domain])
        other = self.method.generator.decode(crossing.contents[1 - domain], domain, other_code)
        apart = (other - crossing.random[domain]).abs().float().mean((1, 2, 3))
        steps = (other_code - crossing.codes[domain]).abs().mean(1)
        undecided = (self.discriminator["content"](crossing.contents[domain]).float() - 0.5).square().mean()
        return {
            "encoded": hinge_generator(self._judge("encoded", crossing.encoded[domain], domain)),
            "random": hinge_generator(self._judge("random", crossing.random[domain], domain)),
            "undecided": undecided,
            "diversity": -self.recipe.diversity * (apart / steps).mean(),
        }

    def _judge(self, name: str, images: Tensor, domain: int) -> list[list[Tensor]]:
        planes = images.new_zeros(len(images), len(DOMAINS), *images.shape[2:])
        planes[:, domain] = 1
        judged: list[list[Tensor]] = self.discriminator[name](torch.cat([images, planes], 1))
        return judged

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Terms for all discriminators, on drawings with chance of their own; that of contents tells 1 from 0."""
        with torch.no_grad():
            crossing = self.cross(images, layout, noise)
        losses = {}
        for domain, letter, photos in zip(DOMAINS, "ab", (source_photos(layout), images), strict=True):
            for name, drawn in (("encoded", crossing.encoded), ("random", crossing.random)):
                fakes, reals = (self._judge(name, pictures, domain) for pictures in (drawn[domain], photos))
                losses[f"D_{name}_fake_{letter}"] = hinge_discriminator(fakes, real=False)
                losses[f"D_{name}_real_{letter}"] = hinge_discriminator(reals, real=True)
            told = self.discriminator["content"](crossing.contents[domain]).float()
            losses[f"D_content_{letter}"] = (told - float(domain)).square().mean()
        return losses


DMIT = MethodSpec(
    name="dmit",
    paper="Yu et al., Multi-mapping Image-to-Image Translation via Learning Disentanglement, NeurIPS 2019",
    scope="image",
    build=Dmit,
    configs={"summer2winter-yosemite": DmitConfig()},
    tiny=DmitConfig(8, 64, 64, channels=16, content_blocks=2, decoder_blocks=2, style_blocks=3),
    recipes={"summer2winter-yosemite": DmitRecipe()},
    tiny_recipe=DmitRecipe(
        batch=8,
        epochs=15,
        decay_epochs=15,
        lr_generator=5e-4,
        lr_discriminator=5e-4,
        init_gain=1.0,
        flip=False,
        epoch_images=800,
        discriminator_width=16,
        discriminator_layers=2,
        content_layers=1,
    ),
    note="Re-constructed: widths, numbers of blocks, weights of losses and schedule are those of the authors; how "
    "layers are built is a guess, so that the released files do not fit. Where data have no source photos, pictures of "
    "the labels are translated.",
)
