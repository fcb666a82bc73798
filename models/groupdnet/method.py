"""GroupDNet (Zhu et al., CVPR 2020; its repository is called SMIS): one latent map per class, kept apart by groups.

Latent channels are class-major, 8 per class. Convolution groups shrink along the decoder, so that classes first live
alone and then learn to fit each other. Labels enter only through the norms; the first grid is made from z alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, MethodSpec, semantic_planes
from models.groupdnet.class_maps import ClassEncoder, ClassMapMethod, SplitEncoder, split_by_class
from models.parts.decoder import Decoder, NormFactory, ResBlock, Stage, first_grid, paper_stages, tiny_stages
from models.parts.free_norms import FreeNorm, free_norm
from models.parts.spatial import Planes, SpatialNorm
from models.parts.spectral import ConvClass, SpectralConv2d
from models.training.recipe import TINY_RECIPE, Recipe


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
    # What the ablations of the paper's Table 3 change:
    latent_map: bool = True  # False: the encoder pools each class to one position, from which the first grid is made
    split: bool = True  # False: the encoder shows every class the whole photo
    norm_kind: Literal["batch", "local_batch", "group"] = "batch"  # "group" is the encoder's, too
    spectral: bool = True


def _conv(config: GroupDNetConfig) -> ConvClass:
    return SpectralConv2d if config.spectral else nn.Conv2d


def _norms(config: GroupDNetConfig) -> NormFactory:
    classes, free = config.num_classes, config.norm_kind
    planes = classes * (1 + config.edges)

    def build(channels: int, groups: int) -> nn.Module:
        if config.norm == "block":
            return SpatialNorm(channels, planes, config.hidden, free=free, shared_groups=groups, groups=groups)
        if config.norm == "class":
            return SpatialNorm(channels, planes, classes * groups, free=free, shared_groups=classes, groups=classes)
        hidden = 2 * classes if classes % groups == 0 else classes * groups
        return SpatialNorm(channels, planes, hidden, free=free, shared_groups=classes, groups=groups)

    return build


class GroupDNetGenerator(Decoder):
    """netG of the authors' files."""

    def __init__(self, config: GroupDNetConfig) -> None:
        block = partial(ResBlock, conv=_conv(config))
        super().__init__(config.stages, _norms(config), block)
        self.grid = first_grid(config.height, config.width, config.stages)
        latent, channels = config.latent * config.num_classes, config.stages[0].inputs
        self.fc = (
            nn.Conv2d(latent, channels, 3, padding=1, groups=config.num_classes)
            if config.latent_map
            else nn.Conv2d(latent, channels * self.grid[0] * self.grid[1], 1, groups=config.num_classes)
        )
        if config.unused_stage is not None:
            self.add_module(config.unused_stage.name, block(config.unused_stage, _norms(config)))
        if config.norm_kind == "group":
            self._group_by_the_previous_convolutions()
        self.edges, self.latent_map = config.edges, config.latent_map

    def _group_by_the_previous_convolutions(self) -> None:
        """Give the norms at a block's entry the groups of the block before: the convolution they follow is there."""
        for before, stage in pairwise(self.stages):
            for norm in ("norm_0", "norm_s") if stage.inputs != stage.outputs else ("norm_0",):
                entry = self.get_submodule(f"{stage.name}.{norm}")
                entry.param_free_norm = free_norm("group", stage.inputs, before.groups)

    def forward(self, planes: Tensor, z: Tensor) -> Tensor:
        """Draw for planes [N, P, H, W] and latent maps z [N * K, latent * classes, h, w]."""
        if self.edges:
            planes = _pair_with_edges(planes)
        first = self.fc(z)
        if not self.latent_map:
            first = first.flatten(1).unflatten(1, (-1, *self.grid))  # class-major, as are the channels of a map
        return self.decode(first, Planes(planes))


def _pair_with_edges(planes: Tensor) -> Tensor:
    """Put the edge plane, the last one, behind every class plane, so that each group sees both: [N, 2 C, H, W]."""
    classes, edge = planes[:, :-1], planes[:, -1:]
    return torch.stack([classes, edge.expand_as(classes)], 2).flatten(1, 2)


class GroupDNetEncoder(SplitEncoder):
    """netE: a photo to mean and log-variance of the latent maps, every class for itself."""

    def __init__(self, config: GroupDNetConfig) -> None:
        norm: FreeNorm = "group" if config.norm_kind == "group" else "instance"
        super().__init__(config.num_classes, config.latent, config.encoder, conv=_conv(config), norm=norm)
        self.split, self.latent_map = config.split, config.latent_map

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Read photos [N, 3, H, W] with their labels [N, H, W]: two tensors [N, latent * classes, h, w]."""
        if self.split:
            pictures = split_by_class(images, labels, self.num_classes, self.crop)
        else:
            pictures = F.interpolate(images, size=self.crop, mode="nearest").repeat(1, self.num_classes, 1, 1)
        x = self.features(pictures)
        if not self.latent_map:
            x = x.mean((2, 3), keepdim=True)
        return self.fc_mu(x), self.fc_var(x)


class GroupDNet(ClassMapMethod):
    """GroupDNet; the style is the latent map z [M, latent * classes, h, w], of one position "w/o map"."""

    def __init__(self, config: GroupDNetConfig) -> None:
        grid = first_grid(config.height, config.width, config.stages) if config.latent_map else (1, 1)
        super().__init__(
            config, GroupDNetGenerator(config), GroupDNetEncoder(config), config.num_classes, (config.latent, *grid)
        )

    def planes(self, layout: Layout) -> Tensor:
        """Label planes, with the edge plane on Cityscapes; the generator pairs it with every class itself."""
        return semantic_planes(layout, edges=self.config.edges)


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

_FASHION_RECIPE = Recipe(epochs=60, decay_epochs=40)
_TINY_RECIPE = replace(TINY_RECIPE, kl=0.05)
_Spec = MethodSpec[GroupDNetConfig]

GROUPDNET = MethodSpec(
    name="groupdnet",
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
        "deepfashion": _FASHION_RECIPE,
        "ade20k": Recipe(batch=16),
    },
    tiny_recipe=_TINY_RECIPE,
    files={"generator": ("latest_net_G.pth",), "encoder": ("latest_net_E.pth",)},
)


def _ablation(name: str, change: Callable[[GroupDNetConfig], GroupDNetConfig], note: str) -> _Spec:
    """Change the network of DeepFashion, which the paper's Table 3 is about."""
    return replace(
        GROUPDNET,
        name=name,
        configs={"deepfashion": change(_DEEPFASHION)},
        tiny=change(GROUPDNET.tiny),
        recipes={"deepfashion": _FASHION_RECIPE},
        note=note,
        files={"generator": ()},
    )


GROUPDNET_NO_MAP = _ablation(
    "groupdnet-no-map",
    lambda config: replace(config, latent_map=False),
    "Re-constructed: nothing was released. A linear layer per class makes the first grid, as the paper's # Para asks.",
)
GROUPDNET_NO_SPLIT = _ablation(
    "groupdnet-no-split",
    lambda config: replace(config, split=False),
    "Re-constructed: nothing was released. Every class's part of the encoder reads the whole photo.",
)
GROUPDNET_GROUPNORM = _ablation(
    "groupdnet-groupnorm",
    lambda config: replace(config, norm_kind="group"),
    "Re-constructed: nothing was released. The group norms have no weights of their own, as the paper's # Para asks.",
)
GROUPDNET_NO_SYNCBN = _ablation(
    "groupdnet-no-syncbn",
    lambda config: replace(config, norm_kind="local_batch"),
    "Trained with batch norm over 4 images, the share of one GPU.",
)
_NO_SPECNORM = _ablation(
    "groupdnet-no-specnorm",
    lambda config: replace(config, spectral=False),
    "Re-constructed: nothing was released. Has as many parameters as GroupDNet; the paper prints 0.1 M less.",
)
GROUPDNET_NO_SPECNORM = replace(
    _NO_SPECNORM,
    recipes={"deepfashion": replace(_FASHION_RECIPE, discriminator="pix2pixhd")},
    tiny_recipe=replace(_TINY_RECIPE, discriminator="pix2pixhd"),
)
