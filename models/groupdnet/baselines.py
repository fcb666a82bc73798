"""MulNet, GroupNet, GroupEnc and GroupDec: what GroupDNet is compared with (its paper, section 3.4 and Table 1).

Nothing of them was released. They are re-constructed from the text, with widths that give the sizes which the paper
prints (generator and encoder together, cut to one decimal); other widths may do so, too. In all of them a class has
its own channels of a latent map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import MethodSpec
from models.groupdnet.class_maps import ClassEncoder, ClassMapMethod, MapEncoder, SplitEncoder, split_by_class
from models.parts.decoder import BlockChain, Decoder, Stage, first_grid, paper_stages, tiny_stages
from models.parts.spatial import Planes, SpatialNorm
from models.training.recipe import TINY_RECIPE, Recipe


@dataclass(frozen=True)
class BaselineConfig:
    """Sizes of one of the four networks; MulNet's stages and encoder are those of one class."""

    stages: tuple[Stage, ...]
    encoder: ClassEncoder
    fusion: tuple[int, ...] = ()  # widths of the convolutions that join the classes, before the one that gives colours
    hidden: int = 128  # channels between the planes and gamma, beta
    num_classes: int = 8
    height: int = 256
    width: int = 256
    latent: int = 8  # latent channels per class


class Fusion(nn.Sequential):
    """Ordinary convolutions from the features of all classes to the image."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((channels, *widths, 3)):
            layers += [nn.LeakyReLU(0.2), nn.Conv2d(fan_in, fan_out, 3, padding=1)]
        super().__init__(*layers, nn.Tanh())


class OneClassDecoder(BlockChain):
    """SPADE's decoder for one class: it sees where the class is, and nothing else of the labels."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config.stages, lambda channels, _: SpatialNorm(channels, 1, config.hidden))
        self.fc = nn.Conv2d(config.latent, config.stages[0].inputs, 3, padding=1)

    def forward(self, plane: Tensor, z: Tensor) -> Tensor:
        """Draw features for the plane [N, 1, H, W] and latent maps z [N * K, latent, h, w] of the class."""
        return self.grow(self.fc(z), Planes(plane))


class MulNetGenerator(nn.Module):
    """A decoder per class, and the fusion of what they draw."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        self.classes = nn.ModuleList(OneClassDecoder(config) for _ in range(config.num_classes))
        self.fusion = Fusion(config.num_classes * config.stages[-1].outputs, config.fusion)

    def forward(self, planes: Tensor, z: Tensor) -> Tensor:
        """Draw for planes [N, C, H, W] and latent maps z [N * K, latent * classes, h, w]."""
        parts = zip(self.classes, planes.split(1, 1), z.chunk(len(self.classes), 1), strict=True)  # type: ignore[no-untyped-call]
        images: Tensor = self.fusion(torch.cat([decoder(plane, own) for decoder, plane, own in parts], 1))
        return images


class MulNetEncoder(nn.Module):
    """An encoder per class."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        self.crop = config.encoder.crop
        self.classes = nn.ModuleList(MapEncoder(3, config.latent, config.encoder) for _ in range(config.num_classes))

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Read photos [N, 3, H, W] with their labels [N, H, W]: two tensors [N, latent * classes, h, w]."""
        count = len(self.classes)
        cuts = split_by_class(images, labels, count, self.crop).chunk(count, 1)
        read = [own(cut) for own, cut in zip(self.classes, cuts, strict=True)]
        means, log_variances = zip(*read, strict=True)
        return torch.cat(means, 1), torch.cat(log_variances, 1)


class GroupedGenerator(BlockChain):
    """GroupDNet's decoder whose groups do not shrink, and a fusion; of GroupNet and GroupDec."""

    def __init__(self, config: BaselineConfig) -> None:
        classes = config.num_classes
        super().__init__(
            [replace(stage, groups=classes) for stage in config.stages],
            lambda channels, groups: SpatialNorm(channels, classes, config.hidden, shared_groups=groups, groups=groups),
        )
        self.fc = nn.Conv2d(config.latent * classes, config.stages[0].inputs, 3, padding=1, groups=classes)
        self.fusion = Fusion(config.stages[-1].outputs, config.fusion)

    def forward(self, planes: Tensor, z: Tensor) -> Tensor:
        """Draw for planes [N, C, H, W] and latent maps z [N * K, latent * classes, h, w]."""
        images: Tensor = self.fusion(self.grow(self.fc(z), Planes(planes)))
        return images


class SpadeMapGenerator(Decoder):
    """SPADE's decoder on a latent map, in which classes mix from the first convolution on; of GroupEnc."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config.stages, lambda channels, _: SpatialNorm(channels, config.num_classes, config.hidden))
        self.fc = nn.Conv2d(config.latent * config.num_classes, config.stages[0].inputs, 3, padding=1)

    def forward(self, planes: Tensor, z: Tensor) -> Tensor:
        """Draw for planes [N, C, H, W] and latent maps z [N * K, latent * classes, h, w]."""
        return self.decode(self.fc(z), Planes(planes))


class WholeEncoder(MapEncoder):
    """Ordinary convolutions over the whole photo, so that a class has its channels by position alone; of GroupDec."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(3, config.latent * config.num_classes, config.encoder)
        self.size = config.encoder.crop

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Read photos [N, 3, H, W], whatever their labels: two tensors [N, latent * classes, h, w]."""
        return super().forward(F.interpolate(images, size=self.size, mode="nearest"))


def _joined(config: BaselineConfig, generator: nn.Module, encoder: nn.Module) -> ClassMapMethod:
    grid = first_grid(config.height, config.width, config.stages)
    return ClassMapMethod(config, generator, encoder, config.num_classes, (config.latent, *grid))


def mulnet(config: BaselineConfig) -> ClassMapMethod:
    """Build networks of every class for itself."""
    return _joined(config, MulNetGenerator(config), MulNetEncoder(config))


def groupnet(config: BaselineConfig) -> ClassMapMethod:
    """Build grouped networks: MulNet in one, but that spectral norm finds one singular value for all classes."""
    return _joined(config, GroupedGenerator(config), _split_encoder(config))


def groupenc(config: BaselineConfig) -> ClassMapMethod:
    """Build VSPADE with a grouped encoder."""
    return _joined(config, SpadeMapGenerator(config), _split_encoder(config))


def groupdec(config: BaselineConfig) -> ClassMapMethod:
    """Build VSPADE with a grouped decoder."""
    return _joined(config, GroupedGenerator(config), WholeEncoder(config))


def _split_encoder(config: BaselineConfig) -> SplitEncoder:
    return SplitEncoder(config.num_classes, config.latent, config.encoder)


def _encoder(base: int) -> ClassEncoder:
    return ClassEncoder((base, 2 * base, 4 * base, 8 * base, 8 * base, 8 * base), (256, 256))


def _tiny(width: int, encoder: Sequence[int], fusion: tuple[int, ...], hidden: int) -> BaselineConfig:
    sizes = ClassEncoder(tuple(encoder), (32, 32), normalized=False)
    return BaselineConfig(tiny_stages(width), sizes, fusion, hidden, height=64, width=64, latent=4)


def _spec(
    name: str,
    build: Callable[[BaselineConfig], ClassMapMethod],
    config: BaselineConfig,
    tiny: BaselineConfig,
) -> MethodSpec[BaselineConfig]:
    return MethodSpec(
        name=name,
        paper="Zhu et al., CVPR 2020, where it is a baseline of GroupDNet",
        scope="class",
        build=build,
        configs={"deepfashion": config},
        tiny=tiny,
        recipes=_RECIPES,
        tiny_recipe=replace(TINY_RECIPE, kl=0.05),
        note="Re-constructed: nothing was released. Its widths are chosen to give the paper's # Param.",
        files={"generator": ()},
    )


_RECIPES: Mapping[str, Recipe] = {"deepfashion": Recipe(epochs=60, decay_epochs=40)}  # GroupDNet's

MULNET = _spec(
    "mulnet",
    mulnet,
    BaselineConfig(paper_stages(25, more=True), _encoder(32), fusion=(192, 192), hidden=16),
    _tiny(2, (8, 16, 16), (16, 16), 4),
)
GROUPNET = _spec(
    "groupnet",
    groupnet,
    BaselineConfig(paper_stages(192, more=True), _encoder(256), fusion=(32,)),
    _tiny(16, (64, 128, 128), (16,), 32),
)
GROUPENC = _spec(
    "groupenc",
    groupenc,
    BaselineConfig(paper_stages(64, more=True), _encoder(256)),
    _tiny(16, (64, 128, 128), (), 32),
)
GROUPDEC = _spec(
    "groupdec",
    groupdec,
    BaselineConfig(paper_stages(192, more=True), _encoder(128), fusion=(128,)),
    _tiny(16, (16, 32, 32), (16,), 32),
)
