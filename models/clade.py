"""CLADE and CLADE-ICPE (Tan et al., TPAMI 2021): every class looks up the scale and shift of normalised features.

What SPADE computes with convolutions over label planes is one row of a table here. ICPE ("intra-class positional
encoding") lets the row vary with the position inside an object. Neither has a style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec, semantic_planes
from models.parts.decoder import Decoder, ResBlock, Stage, first_grid, paper_stages, per_layout, tiny_stages
from models.parts.lookup import RowIndex
from models.parts.spatial import Planes
from models.training.recipe import TINY_RECIPE, Recipe

UNPLACED = 0  # the label that has no positions; the authors skip what is 0 in their files


@dataclass(frozen=True)
class CladeConfig:
    """Sizes of one CLADE."""

    num_classes: int  # label planes, the don't-care class among them
    height: int = 256
    width: int = 256
    edges: bool = False  # an instance-edge plane follows the label planes, and every norm appends a copy of it
    stages: tuple[Stage, ...] = paper_stages(64, more=False)
    positions: bool = False  # ICPE


@dataclass(frozen=True)
class _Condition:
    classes: RowIndex
    edges: Planes | None  # [N, 1, H, W]
    offsets: Planes | None  # [N, 2, H, W], vertical and horizontal


class ClassTable(nn.Module):
    """A row of scales and a row of shifts per class; with positions, each grows along the offsets."""

    def __init__(self, num_classes: int, channels: int, *, positions: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, channels))
        self.bias = nn.Parameter(torch.zeros(num_classes, channels))
        self.has_positions = positions
        if positions:
            self.dist_conv_w = nn.Conv2d(2, 1, 1)
            self.dist_conv_b = nn.Conv2d(2, 1, 1)
        self.reset_tables(torch.Generator().manual_seed(0))

    def reset_tables(self, rng: torch.Generator) -> None:
        """Draw the scales uniformly from [0, 1); shifts start at zero."""
        with torch.no_grad():
            self.weight.copy_(torch.rand(self.weight.shape, generator=rng))
            self.bias.zero_()

    def forward(self, classes: Tensor, offsets: Tensor | None) -> tuple[Tensor, Tensor]:
        """Look up the scale and shift of every pixel of classes [N, h, w]: [N, C, h, w] each."""
        scale = F.embedding(classes, self.weight).movedim(-1, 1)
        shift = F.embedding(classes, self.bias).movedim(-1, 1)
        if offsets is None or not self.has_positions:
            return scale, shift
        return scale * (1 + self.dist_conv_w(offsets)), shift * (1 + self.dist_conv_b(offsets))


class ClassNorm(nn.Module):
    """Normalise without parameters, scale and shift by class, and append the weighted edges where there are any."""

    def __init__(self, channels: int, config: CladeConfig) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.class_specified_affine = ClassTable(config.num_classes, channels, positions=config.positions)
        if config.edges:
            self.inst_conv = nn.Conv2d(1, 1, 1)

    def forward(self, x: Tensor, condition: _Condition) -> Tensor:
        """Modulate x [N * K, C, h, w]; there is no 1 + in front of the scale."""
        height, width = x.shape[2:]
        offsets = condition.offsets.at(height, width) if condition.offsets is not None else None
        scale, shift = self.class_specified_affine(condition.classes.at(height, width), offsets)
        normalized, scale = per_layout(self.param_free_norm(x), scale)
        out = torch.addcmul(shift[:, None], normalized, scale).flatten(0, 1)
        if condition.edges is None:
            return out
        edges = self.inst_conv(condition.edges.at(height, width))
        return torch.cat([out, edges.repeat_interleave(len(out) // len(edges), 0)], 1)


class CladeGenerator(Decoder):
    """netG of the authors' files."""

    def __init__(self, config: CladeConfig) -> None:
        super().__init__(
            config.stages,
            lambda channels, _: ClassNorm(channels, config),
            partial(ResBlock, appended=int(config.edges)),
        )
        self.edges = config.edges
        self.grid = first_grid(config.height, config.width, config.stages)
        self.fc = nn.Conv2d(config.num_classes + config.edges, config.stages[0].inputs, 3, padding=1)

    def forward(self, layout: Layout, offsets: Tensor | None) -> Tensor:
        """Draw for N layouts; ICPE also takes the offsets [N, 2, H, W]."""
        condition = _Condition(
            RowIndex(layout.labels),
            Planes(layout.edges()) if self.edges else None,
            Planes(offsets) if offsets is not None else None,
        )
        planes = semantic_planes(layout, edges=self.edges)
        return self.decode(self.fc(Planes(planes).at(*self.grid)), condition)


def object_offsets(labels: Tensor) -> Tensor:
    """Measure where every pixel is in its object: [N, 2, H, W], rows and columns from the centroid, in [-1, 1].

    An object is an 8-connected component of one class; the largest offset of each, in both directions alone, is 1.
    """
    maps = [_image_offsets(image) for image in labels.cpu().numpy()]
    return torch.from_numpy(np.stack(maps)).to(labels.device)


def _image_offsets(labels: np.ndarray) -> np.ndarray:
    objects, count = np.zeros(labels.shape, dtype=np.int64), 0  # 0 = no object
    for number in np.unique(labels):
        if number != UNPLACED:
            found, many = ndimage.label(labels == number, structure=np.ones((3, 3)))
            objects += np.where(found > 0, found + count, 0)
            count += many
    index, pixels = np.arange(count + 1), np.maximum(np.bincount(objects.ravel(), minlength=count + 1), 1)
    offsets = np.zeros((2, *labels.shape))
    for plane, position in zip(offsets, np.indices(labels.shape), strict=True):
        centroid = np.bincount(objects.ravel(), position.ravel(), count + 1) / pixels
        plane[:] = position - centroid[objects]
        largest = ndimage.maximum(np.abs(plane) + 1e-5, objects, index)
        plane /= np.asarray(largest)[objects]
    return (offsets * (objects > 0)).astype(np.float32)


class Clade(Method[None]):
    """CLADE, or CLADE-ICPE where the config has positions.

    The authors' positions are computed once from label files of full size, and a mirrored training item gets its map
    upside down; here they follow from the layout that is drawn.
    """

    scope = "none"
    encoder = None

    def __init__(self, config: CladeConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = CladeGenerator(config)

    def planes(self, layout: Layout) -> Tensor:
        """Label planes, with the edge plane where the network was trained with it."""
        return semantic_planes(layout, edges=self.config.edges)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> None:
        """Draw nothing."""

    def synthesize(self, layout: Layout, style: None) -> Tensor:
        """Draw one image per layout."""
        config = self.config
        offsets = object_offsets(layout.labels) if config.positions else None
        images: Tensor = self.generator(layout, offsets)
        return images


_CONFIGS: Mapping[str, CladeConfig] = {
    "cityscapes": CladeConfig(35, 256, 512, edges=True, stages=paper_stages(64, more=True)),
    "ade20k": CladeConfig(151),
    "ade20k-outdoor": CladeConfig(151),
    "coco-stuff": CladeConfig(183, edges=True),
    "celebamask-hq": CladeConfig(19),
    "deepfashion": CladeConfig(8),
    "deepfashion2": CladeConfig(8),
}
_TINY = CladeConfig(8, 64, 64, stages=tiny_stages(16))
# SPADE's, which CLADE follows in everything.
_RECIPES: Mapping[str, Recipe] = {
    "cityscapes": Recipe(batch=16),
    "coco-stuff": Recipe(epochs=100, decay_epochs=0),
}

CLADE = MethodSpec(
    name="clade",
    paper="Tan et al., Efficient Semantic Image Synthesis via Class-Adaptive Normalization, TPAMI 2021",
    scope="none",
    build=Clade,
    configs=_CONFIGS,
    tiny=_TINY,
    recipes=_RECIPES,
    tiny_recipe=TINY_RECIPE,
    files={"generator": ("best_net_G.pth",)},
)

CLADE_ICPE = MethodSpec(
    name="clade-icpe",
    paper="Tan et al., TPAMI 2021, with its intra-class positional encoding",
    scope="none",
    build=Clade,
    configs={name: replace(config, positions=True) for name, config in _CONFIGS.items()},
    tiny=replace(_TINY, positions=True),
    recipes=_RECIPES,
    tiny_recipe=TINY_RECIPE,
    note="Positions follow from the layout at the size it is drawn; the authors' come from label files of full size.",
    files={"generator": ("best_net_G.pth",)},
)
