"""SEAN (Zhu et al., CVPR 2020): every class of a photo has a style code, which modulates the features of its pixels.

Codes come from a reference photo of the same layout. Without one every class has its mean code, and all that is left to
chance is the noise that the norms add to every pixel, always, with learned weights. A code belongs to a class, so the
scope is the class; codes of two photos can be mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec
from models.parts.decoder import (
    Decoder,
    NormFactory,
    ResBlock,
    Stage,
    first_grid,
    paper_stages,
    per_layout,
    tiny_stages,
)
from models.parts.lookup import RowIndex, nearest_ids
from models.parts.spatial import Planes, SpatialNorm
from models.training.recipe import TINY_RECIPE, Recipe

_MEAN_MOMENTUM = 0.01  # how fast the mean codes follow training


@dataclass(frozen=True)
class SeanConfig:
    """Sizes of one SEAN."""

    num_classes: int
    height: int = 256
    width: int = 256
    stages: tuple[Stage, ...] = paper_stages(64, more=False)
    hidden: int = 128  # channels between the label planes and their gamma, beta
    code: int = 512  # length of a style code
    encoder: tuple[int, int, int, int] = (32, 64, 128, 256)  # widths, of which the last two have strides 2 and 1/2
    normalized_encoder: bool = True
    unused_blending: bool = True  # the last block's blending weights: in the files and their count, never executed


@dataclass(frozen=True)
class SeanStyle:
    """What decides an image: a code per class, and the numbers that the norms add, one after the other."""

    codes: Tensor  # [M, C, L]
    noise: Tensor  # [M, pixels of all norms]


@dataclass(frozen=True)
class _Condition:
    planes: Planes
    classes: RowIndex
    codes: Tensor  # [M, C, L]
    noise: tuple[Tensor, ...]  # per norm [M, 1, h, w]


class StyledNorm(nn.Module):
    """Add noise, normalise, and blend what the labels say with what the codes say (the paper's ACE layer).

    Without codes, in the last block, it is SPADE with noise.
    """

    def __init__(self, channels: int, config: SeanConfig, number: int, *, styled: bool) -> None:
        super().__init__()
        self.number, self.num_classes, self.styled = number, config.num_classes, styled
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.Spade = SpatialNorm(channels, config.num_classes, config.hidden)  # its own norm is never executed
        self.noise_var = nn.Parameter(torch.zeros(channels))
        if styled or config.unused_blending:
            self.blending_gamma = nn.Parameter(torch.zeros(1))
            self.blending_beta = nn.Parameter(torch.zeros(1))
        if styled:
            for number_of_class in range(config.num_classes):
                self.add_module(f"fc_mu{number_of_class}", nn.Linear(config.code, config.code))
            self.conv_gamma = nn.Conv2d(config.code, channels, 3, padding=1)
            self.conv_beta = nn.Conv2d(config.code, channels, 3, padding=1)

    def forward(self, x: Tensor, condition: _Condition) -> Tensor:
        """Modulate x [M, C, h, w]."""
        x = x + condition.noise[self.number] * self.noise_var[:, None, None]
        gamma, beta = self.Spade.modulation(condition.planes, x.shape[2], x.shape[3])
        normalized, gamma = per_layout(self.param_free_norm(x), gamma)
        beta = beta[:, None]
        if self.styled:
            painted = self._painted(condition, x.shape[2], x.shape[3])
            gamma = gamma + self.blending_gamma.sigmoid() * (self.conv_gamma(painted).view_as(normalized) - gamma)
            beta = beta + self.blending_beta.sigmoid() * (self.conv_beta(painted).view_as(normalized) - beta)
        return torch.addcmul(normalized + beta, normalized, gamma).flatten(0, 1)

    def _painted(self, condition: _Condition, height: int, width: int) -> Tensor:
        """Every pixel's projected code, [M, L, height, width]."""
        of_class = condition.codes.unbind(1)
        rows = [F.relu(self.get_submodule(f"fc_mu{number}")(code)) for number, code in enumerate(of_class)]
        return condition.classes.read(torch.stack(rows, 1), height, width)


class StyleEncoder(nn.Module):
    """Zencoder of the authors' files: a photo to the mean features of every class, an absent one has zeros."""

    def __init__(self, config: SeanConfig) -> None:
        super().__init__()
        a, b, c, d = config.encoder

        def norm(channels: int) -> nn.Module:
            return nn.InstanceNorm2d(channels) if config.normalized_encoder else nn.Identity()

        self.num_classes = config.num_classes
        self.model = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(3, a, 3), norm(a), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(a, b, 3, stride=2, padding=1), norm(b), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(b, c, 3, stride=2, padding=1), norm(c), nn.LeakyReLU(0.2)),
            *(nn.ConvTranspose2d(c, d, 3, stride=2, padding=1, output_padding=1), norm(d), nn.LeakyReLU(0.2)),
            *(nn.ReflectionPad2d(1), nn.Conv2d(d, config.code, 3), nn.Tanh()),
        )

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Read photos [N, 3, H, W] with their labels [N, H, W]: codes [N, C, L]."""
        features: Tensor = self.model(images).float()  # [N, L, H / 2, W / 2]
        owners = nearest_ids(labels, *features.shape[2:])
        owners = owners + self.num_classes * torch.arange(len(labels), device=labels.device)[:, None, None]
        rows = features.movedim(1, -1).flatten(0, 2)
        sums = rows.new_zeros(len(labels) * self.num_classes, rows.shape[1]).index_add(0, owners.flatten(), rows)
        pixels = rows.new_zeros(len(sums)).index_add(0, owners.flatten(), rows.new_ones(len(rows)))
        return (sums / pixels.clamp_min(1)[:, None]).view(len(labels), self.num_classes, -1)


class SeanGenerator(Decoder):
    """netG of the authors' files, the encoder inside it."""

    def __init__(self, config: SeanConfig) -> None:
        numbers = count()
        last = config.stages[-1]

        def norms(*, styled: bool) -> NormFactory:
            return lambda channels, _: StyledNorm(channels, config, next(numbers), styled=styled)

        super().__init__(
            config.stages,
            norms(styled=True),
            lambda stage, norm: ResBlock(stage, norm if stage != last else norms(styled=False), prefix="ace"),
        )
        self.num_classes = config.num_classes
        self.grid = first_grid(config.height, config.width, config.stages)
        self.fc = nn.Conv2d(config.num_classes, config.stages[0].inputs, 3, padding=1)
        self.Zencoder = StyleEncoder(config)

    def noise_grids(self) -> list[tuple[int, int]]:
        """Rows and columns of the noise of every norm, in the order of their numbers."""
        height, width = self.grid
        grids = []
        for stage in self.stages:
            scale = 2 if stage.upsample else 1
            height, width = scale * height, scale * width
            norms = 3 if stage.inputs != stage.outputs else 2
            grids += [(height, width)] * norms
        return grids

    def forward(self, labels: Tensor, style: SeanStyle) -> Tensor:
        """Draw for labels [N, H, W] and M = N * K styles."""
        planes = Planes(F.one_hot(labels, self.num_classes).movedim(-1, 1).to(style.codes.dtype))
        grids = self.noise_grids()
        pieces = torch.split(style.noise, [height * width for height, width in grids], 1)
        noise = tuple(piece.view(-1, 1, *grid) for piece, grid in zip(pieces, grids, strict=True))
        first = self.fc(planes.at(*self.grid)).repeat_interleave(len(style.codes) // len(labels), 0)
        return self.decode(first, _Condition(planes, RowIndex(labels), style.codes, noise))


class MeanCodes(nn.Module):
    """The mean code of every class over many photos, for drawing without a reference."""

    mean: Tensor
    is_known: Tensor

    def __init__(self, num_classes: int, length: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_classes, length))
        self.register_buffer("is_known", torch.zeros(num_classes, dtype=torch.bool))

    @torch.no_grad()
    def follow(self, codes: Tensor, present: Tensor) -> None:
        """Move towards codes [N, C, L] of the classes that are present [N, C]; the first ones are taken whole."""
        photos = present.sum(0)  # [C]
        new = (codes * present[..., None]).sum(0) / photos.clamp_min(1)[:, None]
        weight = torch.where(self.is_known, _MEAN_MOMENTUM, 1.0) * (photos > 0)
        self.mean = torch.lerp(self.mean, new, weight[:, None])
        self.is_known = self.is_known | (photos > 0)


class Sean(Method[SeanStyle]):
    """SEAN."""

    scope = "class"

    def __init__(self, config: SeanConfig) -> None:
        super().__init__()
        self.config = config
        self.generator: SeanGenerator = SeanGenerator(config)
        self.mean_codes = MeanCodes(config.num_classes, config.code)

    @property
    def encoder(self) -> StyleEncoder:  # type: ignore[override]
        """A part of the generator, as in the authors' files."""
        return self.generator.Zencoder

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> SeanStyle:
        """Take the mean codes and draw the noise of the norms."""
        size = sum(height * width for height, width in self.generator.noise_grids())
        noise = torch.stack([torch.randn(size, generator=rng) for rng in rngs])
        return SeanStyle(self.mean_codes.mean.expand(len(layout), -1, -1), noise.to(layout.labels.device))

    def encode_style(self, images: Tensor, layout: Layout, noise: SeanStyle) -> tuple[SeanStyle, Tensor]:
        """Take the codes of the photos; there is no prior to diverge from."""
        codes: Tensor = self.generator.Zencoder(images, layout.labels)
        if self.training:
            self.mean_codes.follow(codes, layout.classes_in(torch.ones_like(layout.labels)))
        return replace(noise, codes=codes), codes.new_zeros(len(codes))

    def mix_styles(self, base: SeanStyle, other: SeanStyle, layout: Layout, region: Tensor) -> SeanStyle:
        """Take the codes of every class with a pixel in the region; the noise stays."""
        taken = layout.classes_in(region)[..., None]
        return replace(base, codes=torch.where(taken, other.codes, base.codes))

    def synthesize(self, layout: Layout, style: SeanStyle) -> Tensor:
        """Draw images."""
        images: Tensor = self.generator(layout.labels, style)
        return images


_CONFIGS: Mapping[str, SeanConfig] = {
    "cityscapes": SeanConfig(35, 256, 512, stages=paper_stages(64, more=True)),
    "ade20k": SeanConfig(151),
    "celebamask-hq": SeanConfig(19),
    "deepfashion": SeanConfig(8),
    "deepfashion2": SeanConfig(8),
}
# All strides of the discriminator are 2 but the last (released code).
_RECIPE = Recipe(epochs=50, decay_epochs=50, kl=0.0, discriminator_layers=3, discriminator_last_stride=2)

SEAN = MethodSpec(
    name="sean",
    paper="Zhu et al., SEAN: Image Synthesis with Semantic Region-Adaptive Normalization, CVPR 2020",
    scope="class",
    build=Sean,
    configs=_CONFIGS,
    tiny=SeanConfig(
        8,
        64,
        64,
        stages=tiny_stages(16),
        hidden=32,
        code=32,
        encoder=(8, 16, 32, 32),
        normalized_encoder=False,
        unused_blending=False,
    ),
    recipes=dict.fromkeys(_CONFIGS, _RECIPE),
    tiny_recipe=replace(TINY_RECIPE, kl=0.0),
    note="Made for a reference photo; without one every class has its mean code, so that samples differ by noise only.",
    files={"generator": ("latest_net_G.pth",), "mean_codes": ("mean_style_codes.safetensors",)},
)
