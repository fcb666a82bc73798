"""Styles that are one vector per image, or none: SPADE's encoder, and what methods with such styles have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, semantic_planes
from models.parts.encoders import divergence, remap, strided_layers
from models.parts.spatial import Planes


@dataclass(frozen=True)
class ImageEncoder:
    """Sizes of a SpadeEncoder."""

    size: int = 256  # photos are resized to a square of this side first
    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512)
    normalized: bool = True


class SpadeEncoder(nn.Module):
    """netE of the authors' files: a photo to mean and log-variance of z."""

    def __init__(self, config: ImageEncoder, z_size: int) -> None:
        super().__init__()
        self.size = config.size
        self.layers = len(config.widths)
        strided_layers(self, 3, config.widths, normalized=config.normalized)
        features = config.widths[-1] * (config.size // 2**self.layers) ** 2
        self.fc_mu = nn.Linear(features, z_size)
        self.fc_var = nn.Linear(features, z_size)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Read photos [N, 3, H, W]: two tensors [N, Z]."""
        x = images
        if x.shape[2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", align_corners=False)
        for number in range(1, self.layers + 1):
            x = F.leaky_relu(self.get_submodule(f"layer{number}")(x), 0.2)
        x = x.flatten(1)
        return self.fc_mu(x), self.fc_var(x)


def first_layer(channels: int, grid: tuple[int, int], *, planes: int, z_size: int | None) -> nn.Module:
    """Build what makes the first grid of a decoder: of z or, where there is none, of the label planes."""
    if z_size is None:
        return nn.Conv2d(planes, channels, 3, padding=1)
    return nn.Linear(z_size, channels * grid[0] * grid[1])


def first_features(layer: nn.Module, grid: tuple[int, int], planes: Planes, z: Tensor | None) -> Tensor:
    """Make the first grid [M, C, h, w] with that layer, of z or of the label planes."""
    first: Tensor = layer(planes.at(*grid)) if z is None else layer(z).unflatten(1, (-1, *grid))
    return first


class VectorMethod(Method[Tensor | None]):
    """A method whose style is a vector z [M, Z] for the whole image; without a z it draws one image per layout."""

    def __init__(
        self, config: object, generator: nn.Module, z_size: int | None, encoder: ImageEncoder | None, *, edges: bool
    ) -> None:
        """`edges`: an instance-edge plane follows the label planes."""
        super().__init__()
        self.config, self.z_size, self.edges = config, z_size, edges
        self.scope = "none" if z_size is None else "image"
        self.generator = generator
        self.encoder = SpadeEncoder(encoder, z_size) if encoder and z_size is not None else None

    def planes(self, layout: Layout) -> Tensor:
        """Label planes, with the edge plane where the network was trained with it."""
        return semantic_planes(layout, edges=self.edges)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor | None:
        """Draw z [N, Z], where there is one."""
        if self.z_size is None:
            return None
        return torch.stack([torch.randn(self.z_size, generator=rng) for rng in rngs]).to(layout.labels.device)

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """Move z to the posterior of the photos."""
        if self.encoder is None or noise is None:
            return super().encode_style(images, layout, noise)
        mean, log_variance = self.encoder(images)
        return remap(noise, mean, log_variance), divergence(mean, log_variance)

    def synthesize(self, layout: Layout, style: Tensor | None) -> Tensor:
        """Draw images; without a z one per layout."""
        images: Tensor = self.generator(self.planes(layout), style)
        return images
