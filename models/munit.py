"""MUNIT (Huang et al., ECCV 2018): what a photo shows and how it looks are read apart, and exchanged between domains.

Each domain has a content encoder, a style encoder and a decoder, in which the style sets scales and shifts of instance
norms (AdaIN). A photo of A is drawn anew by B's decoder, from its own content and a style of B.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec
from models.parts.content_and_style import ConvBlock, DomainNetwork, MunitConfig
from models.parts.translation import source_photos
from models.training.game import Game
from models.training.initial_weights import FixedDeviation, InitialWeights, KaimingNormal, RulePerPlayer
from models.training.losses import Judgement, least_squares
from models.training.schedule import Schedule

OTHER = {"a": "b", "b": "a"}  # domain -> the other


class Munit(Method[Tensor]):
    """MUNIT; the style is the code [M, S] of a whole image of B."""

    scope = "image"

    def __init__(self, config: MunitConfig) -> None:
        super().__init__()
        self.config = config
        self.generator: nn.ModuleDict = nn.ModuleDict({domain: DomainNetwork(config) for domain in OTHER})

    @property
    def networks(self) -> Mapping[str, DomainNetwork]:
        """Give the generator of each domain."""
        return cast(Mapping[str, DomainNetwork], self.generator)

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]
        """A part of B's generator, as in the authors' file."""
        return self.networks["b"].enc_style

    def planes(self, layout: Layout) -> Tensor:
        """Give the photos to translate."""
        return source_photos(layout)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw a code."""
        codes = torch.stack([torch.randn(self.config.style_size, generator=rng) for rng in rngs])
        return codes.to(layout.labels.device)

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Read the codes of photos of B; they are numbers and no distributions, so nothing diverges."""
        style = self.networks["b"].style(images)
        return style, style.new_zeros(len(style))

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Translate from A to B."""
        content = self.networks["a"].content(source_photos(layout))
        return self.networks["b"].decode(content.repeat_interleave(len(style) // len(content), 0), style)


class MunitDiscriminator(nn.Module):
    """Patch discriminators without norms on ever smaller pictures of one domain."""

    def __init__(self, width: int, layers: int, scales: int) -> None:
        super().__init__()
        self.cnns = nn.ModuleList(self._scale(width, layers) for _ in range(scales))

    @staticmethod
    def _scale(width: int, layers: int) -> nn.Sequential:
        widths = [3, *(width << number for number in range(layers))]
        pairs = pairwise(widths)
        blocks = [ConvBlock(fan, out, 4, 2, activation=nn.LeakyReLU(0.2)) for fan, out in pairs]
        return nn.Sequential(*blocks, nn.Conv2d(widths[-1], 1, 1))

    def forward(self, x: Tensor) -> Judgement:
        """Judge pictures [M, 3, H, W]: the logits of every scale."""
        judged = []
        for network in self.cnns:
            judged.append([network(x)])
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return judged


_INITIAL = RulePerPlayer(KaimingNormal(), FixedDeviation(0.02))


@dataclass(frozen=True)
class MunitRecipe(Schedule):
    """The recipe of the released configuration for Yosemite."""

    batch: int = 1
    epochs: int = 812  # 1,000,000 steps, of 1231 an epoch
    decay_epochs: int = 0
    lr_generator: float = 1e-4
    lr_discriminator: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-4
    init_gain: InitialWeights = _INITIAL
    crop: bool = False  # photos are read at the size they are trained at
    halved_every: int = 100_000  # steps
    image: float = 10.0  # weights of what is drawn or read again
    style: float = 1.0
    content: float = 1.0
    cycle: float = 10.0
    discriminator_width: int = 64
    discriminator_layers: int = 4
    discriminator_scales: int = 3

    def rate_at(self, step: int, steps_per_epoch: int) -> float:
        """Fraction of the initial rate in this step, counted from 0."""
        return float(0.5 ** (step // self.halved_every))

    def objective(self, method: Munit, num_planes: int) -> MunitObjective:
        """Build the losses; the discriminators see images alone."""
        return MunitObjective(method, self)


@dataclass(frozen=True)
class _Crossing:
    """Photos of both domains drawn again, and each drawn in the other domain."""

    contents: dict[str, Tensor]
    styles: dict[str, Tensor]  # read from the photos
    codes: dict[str, Tensor]  # drawn by chance
    drawn: dict[str, Tensor]  # in this domain, from the photo of the other


class MunitObjective(Game):
    """Both directions at once: least squares for the drawings, and all that was taken apart must be found again."""

    order = ("D", "G")
    method: Munit
    discriminator: nn.ModuleDict

    def __init__(self, method: Munit, recipe: MunitRecipe) -> None:
        super().__init__(method)
        self.recipe = recipe
        sizes = (recipe.discriminator_width, recipe.discriminator_layers, recipe.discriminator_scales)
        self.discriminator = nn.ModuleDict({domain: MunitDiscriminator(*sizes) for domain in "ab"})

    def cross(self, images: Tensor, layout: Layout, noise: Tensor) -> _Crossing:
        """Draw every photo in the other domain; `noise` is the code of B, that of A is drawn here."""
        photos, networks = {"a": source_photos(layout), "b": images}, self.method.networks
        contents = {domain: networks[domain].content(photo) for domain, photo in photos.items()}
        styles = {domain: networks[domain].style(photo) for domain, photo in photos.items()}
        codes = {"a": torch.randn_like(noise), "b": noise}
        drawn = {
            domain: networks[domain].decode(contents[other], codes[domain])
            for domain, other in (("a", "b"), ("b", "a"))
        }
        return _Crossing(contents, styles, codes, drawn)

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Weighted terms for both generators; the letter is the domain of what is compared."""
        recipe, networks = self.recipe, self.method.networks
        photos, crossing = {"a": source_photos(layout), "b": images}, self.cross(images, layout, noise)
        self.fake = crossing.drawn["b"].detach()
        losses = {}
        for domain, other in OTHER.items():
            here, there = networks[domain], networks[other]
            content, style = crossing.contents[domain], crossing.styles[domain]
            again = there.content(crossing.drawn[other])  # of this domain's photo, from its drawing in the other
            compared = {
                "recon_x": (recipe.image, here.decode(content, style), photos[domain]),
                "recon_s": (recipe.style, here.style(crossing.drawn[domain]), crossing.codes[domain]),
                "recon_c": (recipe.content, again, content),
                "cycrecon_x": (recipe.cycle, here.decode(again, style), photos[domain]),
            }
            for name, (weight, found, wanted) in compared.items():
                losses[f"{name}_{domain}"] = weight * F.l1_loss(found.float(), wanted.float())
            losses[f"adv_{domain}"] = least_squares(self.discriminator[domain](crossing.drawn[domain]), real=True)
        return losses

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Terms for both discriminators, on drawings with codes of their own."""
        with torch.no_grad():
            drawn = self.cross(images, layout, noise).drawn
        losses = {}
        for domain, photos in (("a", source_photos(layout)), ("b", images)):
            judge = self.discriminator[domain]
            losses[f"dis_fake_{domain}"] = least_squares(judge(drawn[domain]), real=False)
            losses[f"dis_real_{domain}"] = least_squares(judge(photos), real=True)
        return losses


MUNIT = MethodSpec(
    name="munit",
    paper="Huang et al., Multimodal Unsupervised Image-to-Image Translation, ECCV 2018",
    scope="image",
    build=Munit,
    configs={"summer2winter-yosemite": MunitConfig()},
    tiny=MunitConfig(8, 64, 64, channels=16, blocks=2, style_downs=3, hidden=64),
    recipes={"summer2winter-yosemite": MunitRecipe()},
    tiny_recipe=MunitRecipe(
        batch=8,
        epochs=15,
        lr_generator=5e-4,
        lr_discriminator=5e-4,
        flip=False,
        epoch_images=800,
        discriminator_width=16,
        discriminator_layers=3,
        discriminator_scales=2,
    ),
    note="The authors released no weights for Yosemite; no file of theirs was tried. Parameters are those of both "
    "domains' networks. Where data have no source photos, pictures of the labels are translated.",
    files={"generator": ("gen_01000000.pt",)},
)
