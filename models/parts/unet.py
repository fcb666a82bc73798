"""BicycleGAN's U-Net, which DSCGAN shares: labels enter as a colour picture, and z joins at every level.

All norms are instance norms without parameters or running statistics, so an image never depends on its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.base import Layout, Method
from models.parts.colours import Colour, colour_planes, stretched


@dataclass(frozen=True)
class UnetConfig:
    """Sizes of one U-Net and the colours it reads labels in."""

    palette: tuple[Colour, ...]
    height: int = 256  # of the network's pictures; layouts of another size are stretched to it, and images back
    width: int = 256
    z_size: int = 8
    channels: int = 64  # of the first level; they double up to eight times as many
    downs: int = 8  # levels, each halving the grid
    dropout: float = 0.5  # in training, on the levels of full depth but the innermost

    @property
    def num_classes(self) -> int:
        """Count the classes."""
        return len(self.palette)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels outside every level, and last those inside the innermost."""
        return (3, *(self.channels * min(2**level, 8) for level in range(self.downs)))


class UnetLevel(nn.Module):
    """One level: halve the grid, let the inner level work, double it again; what came in is passed on beside it."""

    def __init__(self, config: UnetConfig, number: int = 0) -> None:
        super().__init__()
        outside, inside = config.widths[number : number + 2]
        self.is_outermost, is_innermost = number == 0, number == config.downs - 1
        down = nn.Conv2d(outside + config.z_size, inside, 4, stride=2, padding=1)
        up = nn.ConvTranspose2d(inside if is_innermost else 2 * inside, outside, 4, stride=2, padding=1)
        if self.is_outermost:
            self.down = nn.Sequential(down)
            self.up = nn.Sequential(nn.ReLU(), up, nn.Tanh())
        elif is_innermost:
            self.down = nn.Sequential(nn.LeakyReLU(0.2), down)
            self.up = nn.Sequential(nn.ReLU(), up, nn.InstanceNorm2d(outside))
        else:
            self.down = nn.Sequential(nn.LeakyReLU(0.2), down, nn.InstanceNorm2d(inside))
            dropout = nn.Dropout(config.dropout) if inside == outside else nn.Identity()
            self.up = nn.Sequential(nn.ReLU(), up, nn.InstanceNorm2d(outside), dropout)
        self.submodule = None if is_innermost else UnetLevel(config, number + 1)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Take x [M, outside, h, w] and z [M, Z]; give [M, 2 * outside, h, w], or the image from the outermost."""
        tiled = z[:, :, None, None].expand(-1, -1, *x.shape[2:])
        inner = self.down(torch.cat([x, tiled], 1))  # the activation acts on z as well
        if self.submodule is not None:
            inner = self.submodule(inner, z)
        drawn: Tensor = self.up(inner)
        return drawn if self.is_outermost else torch.cat([drawn, x], 1)


class UnetGenerator(nn.Module):
    """netG of the authors' files: `unet_256` with z at all levels, or a network of other sizes built alike."""

    def __init__(self, config: UnetConfig) -> None:
        super().__init__()
        step = 2**config.downs
        if config.height % step or config.width % step:
            raise ValueError(
                f"A U-Net of {config.downs} levels draws multiples of {step} pixels, not {config.height}x{config.width}"
                "; change the size or the number of levels."
            )
        self.model = UnetLevel(config)

    def forward(self, pictures: Tensor, z: Tensor) -> Tensor:
        """Draw for pictures of labels [N, 3, H, W] and codes z [N * K, Z]: [N * K, 3, H, W] in [-1, 1]."""
        images: Tensor = self.model(pictures.repeat_interleave(len(z) // len(pictures), 0), z)
        return images


class UnetMethod(Method[Tensor]):
    """A method that draws with this U-Net; the style is the code z [M, Z] of a whole image."""

    scope = "image"
    config: UnetConfig

    def __init__(self, config: UnetConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = UnetGenerator(config)
        self.encoder: nn.Module | None = None

    def planes(self, layout: Layout) -> Tensor:
        """Paint the layout at the network's size."""
        return stretched(colour_planes(layout.labels, self.config.palette), self.config.height, self.config.width)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw z."""
        return torch.stack([torch.randn(self.config.z_size, generator=rng) for rng in rngs]).to(layout.labels.device)

    def draw(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw images at the network's size."""
        images: Tensor = self.generator(self.planes(layout), style)
        return images

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw images, and stretch them to the layout's size as the authors' test script does."""
        return stretched(self.draw(layout, style), *layout.labels.shape[1:])
