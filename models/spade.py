"""SPADE and VSPADE (Park et al., CVPR 2019): labels modulate normalised features at every resolution.

SPADE starts from the label map itself and has no style. VSPADE starts from a vector z, N(0, 1) at test time (as the
GroupDNet and INADE papers evaluate it), from the image encoder in training; one z styles the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from models.base import MethodSpec
from models.parts.decoder import Decoder, ResBlock, Stage, first_grid, paper_stages, tiny_stages
from models.parts.image_styles import ImageEncoder, VectorMethod, first_features, first_layer
from models.parts.spatial import Planes, SpatialNorm
from models.training.recipe import TINY_RECIPE, Recipe


@dataclass(frozen=True)
class SpadeConfig:
    """Sizes of one SPADE network."""

    num_classes: int  # label planes, the don't-care class among them
    height: int = 256
    width: int = 256
    edges: bool = False  # an instance-edge plane follows the label planes
    stages: tuple[Stage, ...] = paper_stages(64, more=False)
    hidden: int = 128  # channels between the planes and gamma, beta; not scaled with the width
    kernel: int = 3
    norm: Literal["batch", "local_batch", "instance"] = "batch"
    concatenated: bool = False  # an ablation: the planes join the features instead of modulating them
    z_size: int | None = None  # None: the first grid is made from the label map
    encoder: ImageEncoder | None = None


class ShortcutNorm(nn.BatchNorm2d):
    """Batch norm with weights of its own, which the planes do not reach."""

    def forward(self, x: Tensor, planes: Planes) -> Tensor:  # type: ignore[override]
        """Normalise x [M, C, h, w]."""
        return super().forward(x)


class ConcatNorm(ShortcutNorm):
    """Batch norm with weights of its own, and the label planes appended as channels."""

    def forward(self, x: Tensor, planes: Planes) -> Tensor:  # type: ignore[override]
        """Normalise x [N * K, C, h, w] and append P planes."""
        small = planes.at(x.shape[2], x.shape[3])
        return torch.cat([super().forward(x, planes), small.repeat_interleave(len(x) // len(small), 0)], 1)


class SpadeGenerator(Decoder):
    """netG of the authors' files."""

    def __init__(self, config: SpadeConfig) -> None:
        planes = config.num_classes + config.edges
        if config.concatenated:
            block = partial(ResBlock, appended=planes, shortcut_norm=lambda channels, _: ShortcutNorm(channels))
            super().__init__(config.stages, lambda channels, _: ConcatNorm(channels), block)
        else:
            super().__init__(
                config.stages,
                lambda channels, _: SpatialNorm(
                    channels, planes, config.hidden, kernel=config.kernel, free=config.norm
                ),
            )
        self.grid = first_grid(config.height, config.width, config.stages)
        self.fc = first_layer(config.stages[0].inputs, self.grid, planes=planes, z_size=config.z_size)

    def forward(self, planes: Tensor, z: Tensor | None) -> Tensor:
        """Draw for label planes [N, P, H, W] and z [N * K, Z], or for the planes alone."""
        pyramid = Planes(planes)
        return self.decode(first_features(self.fc, self.grid, pyramid, z), pyramid)


class Spade(VectorMethod):
    """SPADE, or VSPADE where the config has a z."""

    def __init__(self, config: SpadeConfig) -> None:
        super().__init__(config, SpadeGenerator(config), config.z_size, config.encoder, edges=config.edges)


_CONFIGS: Mapping[str, SpadeConfig] = {
    "cityscapes": SpadeConfig(35, 256, 512, edges=True, stages=paper_stages(64, more=True)),
    "ade20k": SpadeConfig(151),
    "ade20k-outdoor": SpadeConfig(151),
    "coco-stuff": SpadeConfig(183, edges=True),
    "celebamask-hq": SpadeConfig(19),
    "deepfashion": SpadeConfig(8),
    "deepfashion2": SpadeConfig(8),
}
_TINY = SpadeConfig(8, 64, 64, stages=tiny_stages(16), hidden=32)
# Epochs: SPADE paper, section 4; the INADE paper trains its data sets 100 + 100.
_RECIPES: Mapping[str, Recipe] = {
    "cityscapes": Recipe(batch=16),
    "coco-stuff": Recipe(epochs=100, decay_epochs=0),
}

SPADE = MethodSpec(
    name="spade",
    paper="Park et al., Semantic Image Synthesis with Spatially-Adaptive Normalization, CVPR 2019",
    scope="none",
    build=Spade,
    configs=_CONFIGS,
    tiny=_TINY,
    recipes=_RECIPES,
    tiny_recipe=TINY_RECIPE,
    files={"generator": ("latest_net_G.pth",)},
)

VSPADE = MethodSpec(
    name="vspade",
    paper="Park et al., CVPR 2019, with the image encoder of its section 3",
    scope="image",
    build=Spade,
    configs={name: replace(config, z_size=256, encoder=ImageEncoder()) for name, config in _CONFIGS.items()},
    tiny=replace(_TINY, z_size=64, encoder=ImageEncoder(64, (16, 32, 64, 128), normalized=False)),
    recipes=_RECIPES,
    tiny_recipe=replace(TINY_RECIPE, kl=0.1),
    files={"generator": ("latest_net_G.pth",), "encoder": ("latest_net_E.pth",)},
)

_ABLATED = ("coco-stuff", "ade20k", "cityscapes")  # SPADE paper, tables 3 to 5


def _variant(name: str, change: Callable[[SpadeConfig], SpadeConfig]) -> MethodSpec[SpadeConfig]:
    configs = {dataset: change(_CONFIGS[dataset]) for dataset in _ABLATED}
    return replace(SPADE, name=name, configs=configs, tiny=change(_TINY))


def _retrained(name: str, change: Callable[[Recipe], Recipe]) -> MethodSpec[SpadeConfig]:
    """The network of SPADE under another recipe."""
    recipes = {dataset: change(_RECIPES.get(dataset, Recipe())) for dataset in _ABLATED}
    return replace(_variant(name, lambda config: config), recipes=recipes, tiny_recipe=change(TINY_RECIPE))


def _resized(config: SpadeConfig, quarters: int) -> SpadeConfig:
    """Give the decoder so many quarters of its width; the norms keep their hidden channels."""
    stages = [
        replace(stage, inputs=stage.inputs * quarters // 4, outputs=stage.outputs * quarters // 4)
        for stage in config.stages
    ]
    return replace(config, stages=tuple(stages))


SPADE_COMPACT = _variant("spade-compact", lambda config: _resized(config, 3))
SPADE_LARGE = _variant("spade-large", lambda config: _resized(config, 5))
SPADE_CONCAT = replace(
    _variant("spade-concat", lambda config: replace(config, concatenated=True)),
    note="Re-constructed: nothing was released. Both 3x3 convolutions of a block read the labels, as #param asks.",
    files={"generator": ()},
)
SPADE_RANDOM_INPUT = replace(_variant("spade-random-input", lambda config: replace(config, z_size=256)), scope="image")
SPADE_KERNEL1 = _variant("spade-kernel1", lambda config: replace(config, kernel=1))
SPADE_KERNEL5 = _variant("spade-kernel5", lambda config: replace(config, kernel=5))
SPADE_NORM_BATCH = replace(
    _variant("spade-norm-batch", lambda config: replace(config, norm="local_batch")),
    note="Trained with batch norm over 4 images, the share of one GPU.",
)
SPADE_NORM_INSTANCE = _variant("spade-norm-instance", lambda config: replace(config, norm="instance"))
SPADE_NO_PERCEPTUAL = _retrained(
    "spade-no-perceptual",
    lambda recipe: replace(recipe, perceptual=0.0, pixel=0.0),  # the built-in data have L1 in its place
)
SPADE_NO_FEATURE_MATCHING = _retrained(
    "spade-no-feature-matching",
    lambda recipe: replace(recipe, feature_matching=0.0),
)
SPADE_DEEPER_DISCRIMINATOR = _retrained(
    "spade-deeper-discriminator",
    lambda recipe: replace(recipe, discriminator_layers=recipe.discriminator_layers + 1),
)
