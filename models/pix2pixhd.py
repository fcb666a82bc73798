"""pix2pixHD (Wang et al., CVPR 2018) and pix2pixHD++ (SPADE paper, section 4): down, residual blocks, and up again.

There are two networks of the first name. The original repository's has a bias in every convolution. The one in SPADE's
repository has none in front of a norm, and spectral norm; its parameters are those the INADE paper prints for
"pix2pixHD", so it is the default here. With batch norm it is pix2pixHD++, of which the SPADE paper measures three
variants more. None of them has a style.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from models.base import Layout, Method, MethodSpec, semantic_planes
from models.parts.spatial import Planes, SpatialNorm
from models.parts.spectral import SpectralConv2d, SpectralConvTranspose2d
from models.training.initial_weights import FixedDeviation
from models.training.recipe import TINY_RECIPE, Recipe


@dataclass(frozen=True)
class Pix2PixHDConfig:
    """Sizes of one network."""

    num_classes: int  # label planes, the don't-care class among them
    height: int = 256  # a multiple of 2^downsamplings, as is the width
    width: int = 256
    edges: bool = False  # an instance-edge plane follows the label planes
    base: int = 64  # channels at full resolution
    downsamplings: int = 4
    blocks: int = 9
    hidden: int = 128  # channels between the planes and gamma, beta of the variant with SPADE
    norm: Literal["instance", "batch", "spade"] = "instance"  # only batch norm has weights of its own
    original: bool = False  # the network of pix2pixHD's repository, not SPADE's
    concatenated: bool = False  # every residual block reads the label planes beside its features

    @property
    def planes(self) -> int:
        """What the network reads."""
        return self.num_classes + self.edges


class _Chain(nn.Sequential):
    """Layers in a row, of which some also read the label planes."""

    def forward(self, x: Tensor, planes: Planes) -> Tensor:  # type: ignore[override]
        for layer in self:
            x = layer(x, planes) if isinstance(layer, _Chain | Residual | SpatialNorm) else layer(x)
        return x


def _norm(config: Pix2PixHDConfig, channels: int) -> nn.Module:
    if config.norm == "spade":
        return SpatialNorm(channels, config.planes, config.hidden)
    return nn.BatchNorm2d(channels) if config.norm == "batch" else nn.InstanceNorm2d(channels)


def _normalized(config: Pix2PixHDConfig, conv: nn.Module, channels: int) -> list[nn.Module]:
    """A convolution and its norm: two layers of the original, one nested layer in SPADE's repository."""
    pair = (conv, _norm(config, channels))
    return list(pair) if config.original else [_Chain(*pair)]


def _conv(config: Pix2PixHDConfig, inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> list[nn.Module]:
    padding = 1 if stride == 2 else 0  # with stride 1 a reflection comes before it
    conv = (
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding)
        if config.original
        else SpectralConv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
    )
    return _normalized(config, conv, outputs)


def _doubling(config: Pix2PixHDConfig, inputs: int, outputs: int) -> list[nn.Module]:
    conv = (
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        if config.original
        else SpectralConvTranspose2d(inputs, outputs, bias=False)
    )
    return _normalized(config, conv, outputs)


class Residual(nn.Module):
    """Two convolutions added to their input; nothing follows the sum."""

    def __init__(self, config: Pix2PixHDConfig, channels: int) -> None:
        super().__init__()
        self.concatenated = config.concatenated
        inputs = channels + (config.planes if config.concatenated else 0)
        self.conv_block = _Chain(
            nn.ReflectionPad2d(1),
            *_conv(config, inputs, channels, 3),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            *_conv(config, channels, channels, 3),
        )

    def forward(self, x: Tensor, planes: Planes) -> Tensor:
        """Refine x [N, C, h, w]."""
        inputs = torch.cat([x, planes.at(x.shape[2], x.shape[3])], 1) if self.concatenated else x
        refined: Tensor = self.conv_block(inputs, planes)
        return x + refined


class Pix2PixHDGenerator(nn.Module):
    """netG of the authors' files, of either repository."""

    def __init__(self, config: Pix2PixHDConfig) -> None:
        super().__init__()
        widths = [config.base * 2**number for number in range(config.downsamplings + 1)]
        layers = [nn.ReflectionPad2d(3), *_conv(config, config.planes, config.base, 7), nn.ReLU()]
        for narrow, wide in pairwise(widths):
            layers += [*_conv(config, narrow, wide, 3, stride=2), nn.ReLU()]
        layers += [Residual(config, widths[-1]) for _ in range(config.blocks)]
        for wide, narrow in pairwise(reversed(widths)):
            layers += [*_doubling(config, wide, narrow), nn.ReLU()]
        self.model = _Chain(*layers, nn.ReflectionPad2d(3), nn.Conv2d(config.base, 3, 7), nn.Tanh())

    def forward(self, planes: Tensor) -> Tensor:
        """Draw for label planes [N, P, H, W]."""
        images: Tensor = self.model(planes, Planes(planes))
        return images


class Pix2PixHD(Method[None]):
    """pix2pixHD or one of the forms of pix2pixHD++."""

    scope = "none"
    encoder = None

    def __init__(self, config: Pix2PixHDConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Pix2PixHDGenerator(config)

    def planes(self, layout: Layout) -> Tensor:
        """Label planes, with the edge plane where the network was trained with it."""
        return semantic_planes(layout, edges=self.config.edges)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> None:
        """Draw nothing."""

    def synthesize(self, layout: Layout, style: None) -> Tensor:
        """Draw one image per layout."""
        images: Tensor = self.generator(self.planes(layout))
        return images


_CONFIGS: Mapping[str, Pix2PixHDConfig] = {
    "cityscapes": Pix2PixHDConfig(35, 256, 512, edges=True),
    "ade20k": Pix2PixHDConfig(151),
    "ade20k-outdoor": Pix2PixHDConfig(151),
    "coco-stuff": Pix2PixHDConfig(183, edges=True),
    "celebamask-hq": Pix2PixHDConfig(19),
    "deepfashion": Pix2PixHDConfig(8),
    "deepfashion2": Pix2PixHDConfig(8),
}
_TINY = Pix2PixHDConfig(8, 64, 64, base=16, downsamplings=3, blocks=4, hidden=32)
_RECIPE = Recipe(
    batch=1,
    lr_generator=2e-4,
    lr_discriminator=2e-4,
    betas=(0.5, 0.999),
    adversarial="least_squares",
    discriminator="pix2pixhd",
    redraw_fake=False,
    init_gain=FixedDeviation(0.02),
)
_TINY_RECIPE = replace(TINY_RECIPE, betas=_RECIPE.betas, adversarial="least_squares", discriminator="pix2pixhd")

PIX2PIXHD = MethodSpec(
    name="pix2pixhd",
    paper="Wang et al., High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs, CVPR 2018",
    scope="none",
    build=Pix2PixHD,
    configs=_CONFIGS,
    tiny=_TINY,
    recipes=dict.fromkeys(_CONFIGS, _RECIPE),
    tiny_recipe=_TINY_RECIPE,
    note="The generator of that name in SPADE's repository, whose size the INADE paper prints.",
    files={"generator": ("latest_net_G.pth",)},
)

PIX2PIXHD_ORIGINAL = replace(
    PIX2PIXHD,
    name="pix2pixhd-original",
    configs={name: replace(config, original=True) for name, config in _CONFIGS.items()},
    tiny=replace(_TINY, original=True),
    note="The global generator of pix2pixHD's own repository.",
)


def _plus_plus(
    suffix: str, change: Callable[[Pix2PixHDConfig], Pix2PixHDConfig], note: str = ""
) -> MethodSpec[Pix2PixHDConfig]:
    """pix2pixHD++ or a variant of it, trained as SPADE is for a fair comparison (SPADE paper, section 4)."""
    return MethodSpec(
        name="pix2pixhd++" + suffix,
        paper="Park et al., Semantic Image Synthesis with Spatially-Adaptive Normalization, CVPR 2019, Table 3",
        scope="none",
        build=Pix2PixHD,
        configs={name: change(replace(config, norm="batch")) for name, config in _CONFIGS.items()},
        tiny=change(replace(_TINY, norm="batch")),
        recipes={"cityscapes": Recipe(batch=16), "coco-stuff": Recipe(epochs=100, decay_epochs=0)},
        tiny_recipe=TINY_RECIPE,
        note=note,
        files={"generator": ("latest_net_G.pth",)},
    )


_RECONSTRUCTED = (
    "Reconstructed: no code was released for this variant; the one form that fits the printed size is taken."
)

PIX2PIXHD_PP = _plus_plus("", lambda config: config)
PIX2PIXHD_PP_CONCAT = _plus_plus("-concat", lambda config: replace(config, concatenated=True), _RECONSTRUCTED)
PIX2PIXHD_PP_SPADE = _plus_plus("-spade", lambda config: replace(config, norm="spade"), _RECONSTRUCTED)
PIX2PIXHD_PP_COMPACT = _plus_plus("-compact", lambda config: replace(config, base=config.base * 3 // 4))
