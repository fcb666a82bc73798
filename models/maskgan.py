"""MaskGAN (Lee et al., CVPR 2020), drawing only: a face from its mask, in the style of a reference photo.

An editor of faces: an encoder reads the photo, guided by the photo's own mask, as the scales and shifts of the residual
blocks. Here the reference mask is the mask that is drawn. There is no prior for styles, so without a photo the style
is read from a uniformly grey picture. Its training needs masks interpolated by a network that was never released.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec


@dataclass(frozen=True)
class MaskGanConfig:
    """Sizes of one MaskGAN."""

    num_classes: int
    height: int = 512  # a multiple of 2^downsamplings and of 32, as is the width
    width: int = 512
    base: int = 64  # channels at full resolution
    downsamplings: int = 4
    blocks: int = 4
    encoder: tuple[int, int, int] = (16, 32, 64)  # channels of both encoders at full, half and quarter resolution

    @property
    def inner(self) -> int:
        """Channels of the residual blocks."""
        return self.base << self.downsamplings

    @property
    def style_size(self) -> int:
        """Length of a style: a shift and a scale for every channel behind the two convolutions of every block."""
        return self.blocks * 2 * 2 * self.inner


class AdaptiveNorm(nn.Module):
    """Instance norm with the style's shifts and scales; the running statistics are in the files and never read."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Normalise x [M, C, h, w] with style [M, 2 C], the shifts first; there is no 1 + in front of the scale."""
        shift, scale = style[:, :, None, None].chunk(2, 1)
        return torch.addcmul(shift, F.instance_norm(x), scale)


class AdaptiveConv(nn.Module):
    """A convolution of mirrored borders and its norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = AdaptiveNorm(channels)
        self.conv = nn.Conv2d(channels, channels, 3)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Refine x [M, C, h, w]."""
        normalized: Tensor = self.norm(self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect")), style)
        return normalized


class Residual(nn.Module):
    """Two convolutions added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(AdaptiveConv(channels), AdaptiveConv(channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Refine x [M, C, h, w] with style [M, 4 C]."""
        first, second = style.chunk(2, 1)
        refined: Tensor = self.conv_block[1](F.relu(self.conv_block[0](x, first)), second)
        return x + refined


class PaddedConv(nn.Module):
    """A convolution of the encoders: 7x7 that keeps the grid or 4x4 that halves it, with mirrored borders."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, activated: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=1 if kernel == 7 else 2)
        self.padding = kernel // 2 if kernel == 7 else 1
        self.is_activated = activated

    def forward(self, x: Tensor) -> Tensor:
        """Take x [N, inputs, h, w]."""
        convolved: Tensor = self.conv(F.pad(x, (self.padding,) * 4, mode="reflect"))
        return F.relu(convolved) if self.is_activated else convolved


class LabelEncoder(nn.Module):
    """Read a mask as guidance for the style encoder, at 1/4 and 1/32 of its grid."""

    def __init__(self, num_classes: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        a, b, c = widths
        self.model = nn.Sequential(
            PaddedConv(num_classes, a, 7), PaddedConv(a, b, 4), PaddedConv(b, c, 4, activated=False)
        )
        self.model_last = nn.Sequential(
            nn.ReLU(), PaddedConv(c, c, 4), PaddedConv(c, c, 4), PaddedConv(c, c, 4, activated=False)
        )

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Read label planes [N, P, H, W]: [N, C, H / 4, W / 4] and [N, C, H / 32, W / 32]."""
        fine = self.model(planes)
        return fine, self.model_last(fine)


class Guided(nn.Module):
    """Scale and shift features by what the guidance says (SFT in the authors' files)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("scale", "shift"):
            for number in (1, 2):
                self.add_module(f"SFT_{name}_conv{number}", nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, guidance: Tensor) -> Tensor:
        """Take both [N, C, h, w]."""
        scale, shift = (self._read(name, guidance) for name in ("scale", "shift"))
        return x * scale + shift

    def _read(self, name: str, guidance: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.get_submodule(f"SFT_{name}_conv1")(guidance), 0.1)
        value: Tensor = self.get_submodule(f"SFT_{name}_conv2")(hidden)
        return value


class StyleEncoder(nn.Module):
    """Read a photo, guided by its mask, as one style."""

    def __init__(self, widths: tuple[int, int, int], style_size: int) -> None:
        super().__init__()
        a, b, c = widths
        self.model = nn.Sequential(PaddedConv(3, a, 7), PaddedConv(a, b, 4), PaddedConv(b, c, 4))
        self.sft1 = Guided(c)
        self.model_middle = nn.Sequential(*(PaddedConv(c, c, 4) for _ in range(3)))
        self.sft2 = Guided(c)
        self.model_last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, style_size, 1))

    def forward(self, photos: Tensor, guidance: tuple[Tensor, Tensor]) -> Tensor:
        """Read photos [N, 3, H, W]: styles [N, S]."""
        fine, coarse = guidance
        x = self.sft2(self.model_middle(self.sft1(self.model(photos), fine)), coarse)
        style: Tensor = self.model_last(x)
        return style.flatten(1)


class MaskGanGenerator(nn.Module):
    """netG of the authors' file, the encoders inside it."""

    def __init__(self, config: MaskGanConfig) -> None:
        super().__init__()
        widths = [config.base << number for number in range(config.downsamplings + 1)]
        down = [nn.ReflectionPad2d(3), nn.Conv2d(config.num_classes, config.base, 7), *_activated(config.base)]
        for narrow, wide in pairwise(widths):
            down += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1), *_activated(wide)]
        up: list[nn.Module] = []
        for wide, narrow in pairwise(reversed(widths)):
            up += [nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1, output_padding=1), *_activated(narrow)]
        up += [nn.ReflectionPad2d(3), nn.Conv2d(config.base, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*down, *(Residual(config.inner) for _ in range(config.blocks)), *up)
        self.first, self.blocks = len(down), config.blocks  # place and number of the residual blocks
        self.enc_style = StyleEncoder(config.encoder, config.style_size)
        self.enc_label = LabelEncoder(config.num_classes, config.encoder)

    def read_style(self, planes: Tensor, photos: Tensor) -> Tensor:
        """Read the style [N, S] of photos [N, 3, H, W] with masks [N, P, H, W]."""
        style: Tensor = self.enc_style(photos, self.enc_label(planes))
        return style

    def forward(self, planes: Tensor, styles: Tensor) -> Tensor:
        """Draw for label planes [N, P, H, W] and styles [N * K, S]: [N * K, 3, H, W] in [-1, 1]."""
        x: Tensor = self.model[: self.first](planes).repeat_interleave(len(styles) // len(planes), 0)
        for number, style in enumerate(styles.chunk(self.blocks, 1), start=self.first):
            x = self.model[number](x, style)
        images: Tensor = self.model[self.first + self.blocks :](x)
        return images


def _activated(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(channels), nn.ReLU()


class MaskGan(Method[Tensor]):
    """MaskGAN; the style of an image is the vector [M, S] that the encoder reads."""

    scope = "image"

    def __init__(self, config: MaskGanConfig) -> None:
        super().__init__()
        self.config = config
        self.generator: MaskGanGenerator = MaskGanGenerator(config)

    @property
    def encoder(self) -> StyleEncoder:  # type: ignore[override]
        """A part of the generator, as in the authors' file."""
        return self.generator.enc_style

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Read the style of a grey picture; nothing is drawn by chance."""
        planes = self.planes(layout)
        return self.generator.read_style(planes, planes.new_zeros(len(planes), 3, *planes.shape[2:]))

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Read the style of the photos; there is no prior to diverge from."""
        style = self.generator.read_style(self.planes(layout), images)
        return style, style.new_zeros(len(style))

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw images."""
        images: Tensor = self.generator(self.planes(layout), style)
        return images


MASKGAN = MethodSpec(
    name="maskgan",
    paper="Lee et al., MaskGAN: Towards Diverse and Interactive Facial Image Manipulation, CVPR 2020",
    scope="image",
    build=MaskGan,
    configs={"celebamask-hq": MaskGanConfig(19)},
    tiny=MaskGanConfig(8, 64, 64, base=16, downsamplings=3, blocks=2, encoder=(8, 16, 32)),
    note="Edits a photo, which it uses as extra input; without one the style is that of a grey picture. Its training "
    "is not part of the suite.",
    files={"generator": ("latest_net_G.pth",)},
)
