"""SC-GAN's network: semantic vectors of the planes at every grid, and the image that they compose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.decoder import BlockChain, Stage, first_grid, paper_stages
from models.parts.image_styles import ImageEncoder, first_features, first_layer
from models.parts.spatial import Planes, SpatialNorm
from models.parts.spectral import SpectralConv2d
from models.scgan.conditional import (
    Composition,
    CompositionBlock,
    ConcatConv2d,
    ConditionalConv2d,
    ConditionalNorm,
    FreeStandingNorm,
    Shares,
)
from models.scgan.vectors import (
    NONLINEARITIES,
    Blur,
    Nonlinearity,
    VectorGenerator,
    label_pyramid,
    paper_widths,
    semantic_vectors,
)


def scgan_stages(width: int, first: int, *, more: bool) -> tuple[Stage, ...]:
    """SPADE's blocks, of which the first may read other features than it draws."""
    head, *others = paper_stages(width, more=more)
    return (replace(head, inputs=16 * first), *others)


@dataclass(frozen=True)
class ScganConfig:
    """Sizes of one SC-GAN."""

    num_classes: int  # label planes, the don't-care class among them
    height: int = 256
    width: int = 256
    edges: bool = False  # an instance-edge plane follows the label planes
    label_shift: int = 0  # class c of the data set is the network's plane c + label_shift, around the end
    stages: tuple[Stage, ...] = scgan_stages(32, 32, more=False)
    vector_widths: tuple[int, ...] = paper_widths(32, more=False)  # of the vector generator, the coarsest grid first
    vector_spectral: bool = True
    draws_vectors: bool = True  # the vector generator draws an image of its own, for its loss
    blur: Blur | None = None
    candidates: int = 3  # of every convolution, n in the paper
    norm_candidates: int = 4
    temperature: float = 0.05
    nonlinearity: Nonlinearity = "softmax"
    conv: Literal["conditional", "concat"] = "conditional"
    norm: Literal["conditional", "batch"] = "conditional"
    hidden: int = 128  # channels between the planes and gamma, beta of a shortcut
    kernel: int = 3  # of the convolutions there
    z_size: int | None = None  # None: the first grid is made from the label map
    encoder: ImageEncoder | None = None


class ScganGenerator(BlockChain):
    """netG of the authors' files."""

    def __init__(self, config: ScganConfig) -> None:
        planes = config.num_classes + config.edges
        conv = ConditionalConv2d if config.conv == "conditional" else ConcatConv2d
        norm = partial(ConditionalNorm, count=config.norm_candidates)
        super().__init__(
            config.stages,
            lambda channels, _: SpatialNorm(channels, planes, config.hidden, kernel=config.kernel),
            lambda stage, shortcut_norm: CompositionBlock(
                stage,
                partial(conv, count=config.candidates),
                norm if config.norm == "conditional" else FreeStandingNorm,
                lambda channels: shortcut_norm(channels, 1),
            ),
        )
        self.config = config
        self.grid = first_grid(config.height, config.width, config.stages)
        self.fc = first_layer(config.stages[0].inputs, self.grid, planes=planes, z_size=config.z_size)
        self.pyramid_spaital_routing = VectorGenerator(  # their spelling
            planes,
            config.vector_widths,
            conv=SpectralConv2d if config.vector_spectral else nn.Conv2d,
            draws=config.draws_vectors,
        )
        self.conv_img = nn.Conv2d(config.stages[-1].outputs, 3, 3, padding=1)

    def vector_features(self, planes: Tensor) -> list[Tensor]:
        """Give the features whose averages are the semantic vectors, per grid, the coarsest first."""
        levels = len(self.config.vector_widths)
        features: list[Tensor] = self.pyramid_spaital_routing(
            label_pyramid(planes, levels, self.config.blur, self.config.num_classes)
        )
        return features

    def shares(self, features: Tensor) -> Shares:
        """How much of every candidate each position of a grid [N, C, h, w] takes (paper, equation 2)."""
        config = self.config
        convolutions, norms = (
            NONLINEARITIES[config.nonlinearity](config.temperature * semantic_vectors(features, size))
            for size in (config.candidates, config.norm_candidates)
        )
        return Shares(convolutions, norms)

    def render(self, planes: Tensor, features: list[Tensor], z: Tensor | None, start: Tensor | None = None) -> Tensor:
        """Draw [N * K, 3, H, W] in [-1, 1] with the vectors of N layouts.

        The first grid is made of z, of `start` [N, P, H, W], or of the planes.
        """
        pyramid = Planes(planes)
        shares = {(level.shape[2], level.shape[3]): self.shares(level) for level in features}
        first = first_features(self.fc, self.grid, pyramid if start is None else Planes(start), z)
        x = self.grow(first, Composition(shares, pyramid))
        return F.hardtanh(self.conv_img(F.leaky_relu(x, 0.2)))

    def forward(self, planes: Tensor, z: Tensor | None, start: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Draw for label planes [N, P, H, W] and z [N * K, Z], or for the planes alone.

        The second value is the image of the vector generator, [N, 3, H, W].
        """
        features, draw = self.vector_features(planes), self.pyramid_spaital_routing.toRGB
        return self.render(planes, features, z, start), None if draw is None else draw(features[-1])
