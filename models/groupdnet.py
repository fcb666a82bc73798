"""GroupDNet (Zhu et al., CVPR 2020; its repository is called SMIS): one latent map per class, kept apart by groups.

Latent channels are class-major, 8 per class. Convolution groups shrink along the decoder, so that classes first live
alone and then learn to fit each other. Labels enter only through the norms; the first grid is made from z alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models._blocks.decoder import Decoder, NormFactory, ResBlock, Stage, first_grid, paper_stages, tiny_stages
from models._blocks.encoders import divergence, remap, strided_layers
from models._blocks.spatial import Planes, SpatialNorm
from models._recipe import TINY_RECIPE, Recipe
from models.base import Layout, Method, MethodSpec, semantic_planes


@dataclass(frozen=True)
class ClassEncoder:
    """Sizes of the encoder; widths count all classes together."""

    widths: tuple[int, ...]
    crop: tuple[int, int]  # every class is cut out and stretched to this many rows and columns
    normalized: bool = True


@dataclass(frozen=True)
class GroupDNetConfig:
    """Sizes of one GroupDNet; the three released networks differ in how their norms are grouped."""

    num_classes: int
    stages: tuple[Stage, ...]
    encoder: ClassEncoder
    norm: Literal["block", "class", "mixed"]  # DeepFashion, Cityscapes, ADE20K
    height: int = 256
    width: int = 256
    edges: bool = False
    hidden: int = 128  # of the "block" norms
    latent: int = 8  # latent channels per class
    unused_stage: Stage | None = None  # in the ADE20K file and in its parameter count, never executed


def _norms(config: GroupDNetConfig) -> NormFactory:
    classes = config.num_classes
    planes = classes * (1 + config.edges)

    def build(channels: int, groups: int) -> nn.Module:
        if config.norm == "block":
            return SpatialNorm(channels, planes, config.hidden, shared_groups=groups, groups=groups)
        if config.norm == "class":
            return SpatialNorm(channels, planes, classes * groups, shared_groups=classes, groups=classes)
        hidden = 2 * classes if classes % groups == 0 else classes * groups
        return SpatialNorm(channels, planes, hidden, shared_groups=classes, groups=groups)

    return build


class GroupDNetGenerator(Decoder):
    """netG of the authors' files."""

    def __init__(self, config: GroupDNetConfig) -> None:
        super().__init__(config.stages, _norms(config))
        classes = config.num_classes
        self.fc = nn.Conv2d(config.latent * classes, config.stages[0].inputs, 3, padding=1, groups=classes)
        if config.unused_stage is not None:
            self.add_module(config.unused_stage.name, ResBlock(config.unused_stage, _norms(config)))
        self.edges = config.edges

    def forward(self, planes: Tensor, z: Tensor) -> Tensor:
        """Draw for planes [N, P, H, W] and latent maps z [N * K, latent * classes, h, w]."""
        if self.edges:
            planes = _pair_with_edges(planes)
        return self.decode(self.fc(z), Planes(planes))


def _pair_with_edges(planes: Tensor) -> Tensor:
    """Put the edge plane, the last one, behind every class plane, so that each group sees both: [N, 2 C, H, W]."""
    classes, edge = planes[:, :-1], planes[:, -1:]
    return torch.stack([classes, edge.expand_as(classes)], 2).flatten(1, 2)


def split_by_class(images: Tensor, labels: Tensor, num_classes: int, size: tuple[int, int]) -> Tensor:
    """Cut every class out of the photos [N, 3, H, W] and stretch it (nearest) to `size`: [N, 3 C, h, w], class-major.

    The cut is the bounding box of the non-zero part of photo times mask, as in the released code (the paper only
    masks). An absent class is all zero.
    """
    mask = F.one_hot(labels, num_classes).movedim(-1, 1).to(images.dtype)  # [N, C, H, W]
    light = images.sum(1, keepdim=True) * mask
    rows, has_row = _stretched_index(light.sum(3) != 0, size[0])  # [N, C, h]
    columns, has_column = _stretched_index(light.sum(2) != 0, size[1])  # [N, C, w]
    batch = torch.arange(len(images), device=images.device)[:, None, None, None]
    classes = torch.arange(num_classes, device=images.device)[None, :, None, None]
    r, c = rows[..., None], columns[:, :, None]
    inside = mask[batch, classes, r, c] * (has_row & has_column)[..., None, None]  # [N, C, h, w]
    cut = images.movedim(1, -1)[batch, r, c].movedim(-1, 2)  # [N, C, 3, h, w]
    return (cut * inside[:, :, None]).flatten(1, 2)


def _stretched_index(occupied: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Which source positions a nearest stretch of the occupied span to `size` reads [..., size]; whether it exists."""
    length = occupied.shape[-1]
    first = occupied.to(torch.uint8).argmax(-1)
    last = length - 1 - occupied.flip(-1).to(torch.uint8).argmax(-1)
    span = (last - first + 1).float()
    steps = torch.arange(size, device=occupied.device, dtype=torch.float32)
    offset = (steps * (span / size)[..., None]).long()
    return torch.minimum(first[..., None] + offset, last[..., None]), occupied.any(-1)


class GroupDNetEncoder(nn.Module):
    """netE: a photo to mean and log-variance of the latent maps, every class for itself."""

    def __init__(self, config: GroupDNetConfig) -> None:
        super().__init__()
        sizes, classes = config.encoder, config.num_classes
        self.num_classes, self.crop, self.layers = classes, sizes.crop, len(sizes.widths)
        strided_layers(self, 3 * classes, sizes.widths, groups=classes, normalized=sizes.normalized)
        self.fc_mu = nn.Conv2d(sizes.widths[-1], config.latent * classes, 3, padding=1, groups=classes)
        self.fc_var = nn.Conv2d(sizes.widths[-1], config.latent * classes, 3, padding=1, groups=classes)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Read photos [N, 3, H, W] with their labels [N, H, W]: two tensors [N, latent * classes, h, w]."""
        x = split_by_class(images, labels, self.num_classes, self.crop)
        for number in range(1, self.layers + 1):
            x = F.leaky_relu(self.get_submodule(f"layer{number}")(x), 0.2)
        return self.fc_mu(x), self.fc_var(x)


class GroupDNet(Method[Tensor]):
    """GroupDNet; the style is the latent map z [M, latent * classes, h, w]."""

    scope = "class"

    def __init__(self, config: GroupDNetConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = GroupDNetGenerator(config)
        self.encoder: GroupDNetEncoder = GroupDNetEncoder(config)

    def planes(self, layout: Layout) -> Tensor:
        """Label planes, with the edge plane on Cityscapes; the generator pairs it with every class itself."""
        return semantic_planes(layout, edges=self.config.edges)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw z."""
        config = self.config
        shape = (config.latent * config.num_classes, *first_grid(config.height, config.width, config.stages))
        return torch.stack([torch.randn(shape, generator=rng) for rng in rngs]).to(layout.labels.device)

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Move z to the posterior of the photos."""
        mean, log_variance = self.encoder(images, layout.labels)
        return remap(noise, mean, log_variance), divergence(mean, log_variance)

    def mix_styles(self, base: Tensor, other: Tensor, layout: Layout, region: Tensor) -> Tensor:
        """Take the channels of every class with a pixel in the region; its other instances change with it."""
        taken = layout.classes_in(region).repeat_interleave(self.config.latent, 1)[:, :, None, None]
        return torch.where(taken, other, base)

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw images."""
        images: Tensor = self.generator(self.planes(layout), style)
        return images


def _grouped(stages: Sequence[Stage], groups: Sequence[int]) -> tuple[Stage, ...]:
    return tuple(replace(stage, groups=group) for stage, group in zip(stages, groups, strict=True))


def _widths(base: int) -> tuple[int, ...]:
    return base, 2 * base, 4 * base, 8 * base, 8 * base, 8 * base


_ADE20K_STAGES = (
    Stage("head_0", 2416, 2416, upsample=False, groups=151),
    Stage("G_middle_0", 2416, 2048, groups=16),
    Stage("G_middle_1", 2048, 1024, groups=16),
    Stage("up_0", 1024, 1024, groups=8),
    Stage("up_1", 1024, 512, groups=4),
    Stage("up_2", 512, 256, groups=2),
    Stage("up_3", 256, 128, groups=1),
)
_DEEPFASHION = GroupDNetConfig(
    8,
    _grouped(paper_stages(160, more=True), (8, 8, 4, 4, 2, 2, 1)),
    ClassEncoder(_widths(256), (256, 256)),
    "block",
)
_CONFIGS: Mapping[str, GroupDNetConfig] = {
    "deepfashion": _DEEPFASHION,
    "deepfashion2": _DEEPFASHION,
    "cityscapes": GroupDNetConfig(
        35,
        _grouped(paper_stages(280, more=True), (35, 35, 20, 14, 10, 4, 1)),
        ClassEncoder(_widths(350), (256, 512)),
        "class",
        height=256,
        width=512,
        edges=True,
    ),
    "ade20k": GroupDNetConfig(
        151,
        _ADE20K_STAGES,
        ClassEncoder(_widths(604), (256, 256)),
        "mixed",
        unused_stage=Stage("up_4", 128, 64),
    ),
    # No official code: the one schedule that gives both numbers the INADE paper prints (145.29 M, 225.53 G).
    "celebamask-hq": GroupDNetConfig(
        19,
        _grouped(paper_stages(304, more=True), (19, 19, 8, 8, 4, 4, 2)),
        ClassEncoder(_widths(608), (256, 256)),
        "class",
    ),
}

GROUPDNET = MethodSpec(
    name="groupdnet",
    title="GroupDNet",
    paper="Zhu et al., Semantically Multi-modal Image Synthesis, CVPR 2020",
    scope="class",
    build=GroupDNet,
    configs=_CONFIGS,
    tiny=GroupDNetConfig(
        8,
        _grouped(tiny_stages(16), (8, 8, 4, 2, 1)),
        ClassEncoder((64, 128, 128), (32, 32), normalized=False),
        "block",
        height=64,
        width=64,
        hidden=32,
        latent=4,
    ),
    recipes={
        "deepfashion": Recipe(epochs=60, decay_epochs=40),
        "ade20k": Recipe(batch=16),
    },
    tiny_recipe=replace(TINY_RECIPE, kl=0.05),
    files={"generator": ("latest_net_G.pth",), "encoder": ("latest_net_E.pth",)},
)
