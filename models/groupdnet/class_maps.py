"""Styles that are one latent map per class: their encoders, and what methods with such styles have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method
from models.parts.encoders import divergence, remap, strided_layers
from models.parts.free_norms import FreeNorm
from models.parts.spectral import ConvClass, SpectralConv2d


@dataclass(frozen=True)
class ClassEncoder:
    """Sizes of an encoder; widths count all classes together, where it reads several."""

    widths: tuple[int, ...]
    crop: tuple[int, int]  # every class is cut out and stretched to this many rows and columns
    normalized: bool = True


class MapEncoder(nn.Module):
    """Strided convolutions from a picture to mean and log-variance of latent maps."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        sizes: ClassEncoder,
        *,
        groups: int = 1,
        conv: ConvClass = SpectralConv2d,
        norm: FreeNorm = "instance",
    ) -> None:
        super().__init__()
        self.layers = len(sizes.widths)
        strided_layers(self, inputs, sizes.widths, groups=groups, normalized=sizes.normalized, conv=conv, norm=norm)
        self.fc_mu = nn.Conv2d(sizes.widths[-1], outputs, 3, padding=1, groups=groups)
        self.fc_var = nn.Conv2d(sizes.widths[-1], outputs, 3, padding=1, groups=groups)

    def features(self, pictures: Tensor) -> Tensor:
        """Read pictures [N, inputs, H, W] as far as the two heads."""
        x = pictures
        for number in range(1, self.layers + 1):
            x = F.leaky_relu(self.get_submodule(f"layer{number}")(x), 0.2)
        return x

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Read pictures [N, inputs, H, W]: two tensors [N, outputs, h, w]."""
        x = self.features(pictures)
        return self.fc_mu(x), self.fc_var(x)


class SplitEncoder(MapEncoder):
    """Reads every class by itself: convolutions have as many groups as there are classes."""

    def __init__(
        self,
        num_classes: int,
        latent: int,
        sizes: ClassEncoder,
        *,
        conv: ConvClass = SpectralConv2d,
        norm: FreeNorm = "instance",
    ) -> None:
        super().__init__(3 * num_classes, latent * num_classes, sizes, groups=num_classes, conv=conv, norm=norm)
        self.num_classes, self.crop = num_classes, sizes.crop

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Read photos [N, 3, H, W] with their labels [N, H, W]: two tensors [N, latent * classes, h, w]."""
        return super().forward(split_by_class(images, labels, self.num_classes, self.crop))


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


class ClassMapMethod(Method[Tensor]):
    """A method whose style is a latent map per class, z [M, latent * classes, h, w], class-major."""

    scope = "class"
    encoder: nn.Module

    def __init__(
        self, config: object, generator: nn.Module, encoder: nn.Module, num_classes: int, map_size: Sequence[int]
    ) -> None:
        """`map_size` is channels, rows and columns of one class."""
        super().__init__()
        self.config = config
        self.generator = generator
        self.encoder = encoder
        self.latent = map_size[0]
        self.style_shape = (self.latent * num_classes, *map_size[1:])

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw z."""
        return torch.stack([torch.randn(self.style_shape, generator=rng) for rng in rngs]).to(layout.labels.device)

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Move z to the posterior of the photos."""
        mean, log_variance = self.encoder(images, layout.labels)
        return remap(noise, mean, log_variance), divergence(mean, log_variance)

    def mix_styles(self, base: Tensor, other: Tensor, layout: Layout, region: Tensor) -> Tensor:
        """Take the channels of every class with a pixel in the region; its other instances change with it."""
        taken = layout.classes_in(region).repeat_interleave(self.latent, 1)[:, :, None, None]
        return torch.where(taken, other, base)

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw images."""
        images: Tensor = self.generator(self.planes(layout), style)
        return images
