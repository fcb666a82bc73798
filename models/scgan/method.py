"""SC-GAN (Wang et al., ICCV 2021): weights of convolutions and norms are blended anew at every position.

One part of the generator turns the labels into semantic vectors at every grid, by learning to draw the photo; the other
part draws the image with operators that the vectors compose out of a few shared ones. Only the network of CelebAMask-HQ
has a style, a vector z for the whole image; the released networks of the other data sets draw one image per layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from torch import Tensor

from models.base import Layout, MethodSpec, semantic_planes
from models.parts.decoder import tiny_stages
from models.parts.image_styles import ImageEncoder, VectorMethod
from models.scgan.network import ScganConfig, ScganGenerator, scgan_stages
from models.scgan.training import ScganOasisRecipe, ScganRecipe
from models.scgan.vectors import (
    Blur,
    paper_widths,
)
from models.training.recipe import TINY_RECIPE


class Scgan(VectorMethod):
    """SC-GAN."""

    generator: ScganGenerator
    config: ScganConfig

    def __init__(self, config: ScganConfig) -> None:
        super().__init__(config, ScganGenerator(config), config.z_size, config.encoder, edges=config.edges)

    def planes(self, layout: Layout) -> Tensor:
        """Label planes in the network's order, with the edge plane where it was trained with it."""
        labels = (layout.labels + self.config.label_shift) % layout.num_classes
        return semantic_planes(replace(layout, labels=labels), edges=self.config.edges)

    def draw(self, layout: Layout, style: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Draw images and, for its loss, that of the vector generator."""
        images: tuple[Tensor, Tensor | None] = self.generator(self.planes(layout), style)
        return images

    def synthesize(self, layout: Layout, style: Tensor | None) -> Tensor:
        """Draw images; without a z one per layout."""
        planes = self.planes(layout)
        return self.generator.render(planes, self.generator.vector_features(planes), style)


_CITYSCAPES = ScganConfig(  # not released: the numbers of ADE20K, with SPADE's planes and grids
    35,
    256,
    512,
    edges=True,
    stages=scgan_stages(32, 32, more=True),
    vector_widths=paper_widths(32, more=True),
)
_CONFIGS: Mapping[str, ScganConfig] = {
    "celebamask-hq": ScganConfig(
        19,
        512,
        512,
        label_shift=-1,  # their background is the last class
        stages=scgan_stages(48, 32, more=False),
        vector_spectral=False,
        blur=Blur(levels=3),
        norm_candidates=3,
        z_size=256,
        encoder=ImageEncoder(256, (48, 96, 192, 384, 384, 384)),
    ),
    "cityscapes": _CITYSCAPES,
    "ade20k": ScganConfig(151),
    "coco-stuff": ScganConfig(
        183,
        stages=scgan_stages(32, 24, more=False),
        vector_widths=paper_widths(24, more=False),
        candidates=2,
        norm_candidates=3,
        temperature=0.5,
    ),
}
# With the papers' temperatures the shares are nearly uniform unless the vectors are large.
_TINY = ScganConfig(8, 64, 64, stages=tiny_stages(16), vector_widths=(64, 32, 16, 16, 16), hidden=32, temperature=1.0)
# Epochs: paper, section 4; the released configuration of COCO-Stuff has 100 + 100.
_RECIPES: Mapping[str, ScganRecipe] = {
    "celebamask-hq": ScganRecipe(
        8, 50, 50, crop=False, discriminator="spade", feature_matching=10.0, images_per_gpu=1, vector_weight=1.0
    ),
    "cityscapes": ScganRecipe(),
    "ade20k": ScganRecipe(),
    "coco-stuff": ScganRecipe(epochs=100, decay_epochs=0),
}
_TINY_RECIPE = ScganRecipe(**{**vars(TINY_RECIPE), "discriminator": "fpse", "feature_matching": 7.5})

_GUESSED = "For Cityscapes neither sizes nor weights were released: the network has the sizes of ADE20K's."

SCGAN = MethodSpec(
    name="scgan",
    paper="Wang et al., Image Synthesis via Semantic Composition, ICCV 2021",
    scope="none",
    build=Scgan,
    configs=_CONFIGS,
    tiny=_TINY,
    recipes=_RECIPES,
    tiny_recipe=_TINY_RECIPE,
    note=f"{_GUESSED} On CelebAMask-HQ the authors' test reads the style from the photo; here it is drawn.",
    files={
        "generator": ("best_net_G.pth", "latest_net_G.pth"),
        "encoder": ("best_net_E.pth", "latest_net_E.pth"),
    },
    scopes={"celebamask-hq": "image"},
)


def _variant(
    name: str,
    config: Mapping[str, Any] = MappingProxyType({}),
    recipe: Mapping[str, Any] = MappingProxyType({}),
    *,
    tiny_recipe: Mapping[str, Any] | None = None,
    note: str = "",
) -> MethodSpec[ScganConfig]:
    """A row of the paper's ablations, which are all on Cityscapes; `tiny_recipe` where it is changed otherwise."""
    return replace(
        SCGAN,
        name=name,
        configs={"cityscapes": replace(_CITYSCAPES, **config)},
        tiny=replace(_TINY, **config),
        recipes={"cityscapes": replace(_RECIPES["cityscapes"], **recipe)},
        tiny_recipe=replace(_TINY_RECIPE, **(recipe if tiny_recipe is None else tiny_recipe)),
        note=f"{note} {_GUESSED}".lstrip(),
        files={"generator": ()},
        scopes={},
    )


# Table 3. The text has 66.2 M parameters for SCC and 67.3 M for Conv + BN, of networks that are not described further.
_REBUILT = "Re-constructed: nothing was released."
_CONCAT = f"{_REBUILT} Three convolutions read features and vectors side by side and are added up without blending."
SCGAN_CONV_BN = _variant("scgan-conv-bn", {"conv": "concat", "norm": "batch"}, note=_CONCAT)
SCGAN_CONV_SCN = _variant("scgan-conv-scn", {"conv": "concat"}, note=_CONCAT)
SCGAN_SCC_BN = _variant("scgan-scc-bn", {"norm": "batch"})
# Table 4. What nothing would train is left out.
SCGAN_NO_VECTOR_LOSS = _variant("scgan-no-vector-loss", {"draws_vectors": False})
SCGAN_VECTOR_LOSS_L2 = _variant("scgan-vector-loss-l2", recipe={"vector_loss": "l2"})
SCGAN_VECTOR_LOSS_VGG = _variant(
    "scgan-vector-loss-vgg",
    recipe={"vector_loss": "vgg"},
    tiny_recipe={},  # the built-in data have L1 in its place
)
# Table 5.
SCGAN_N8, SCGAN_N4, SCGAN_N2, SCGAN_N1 = (_variant(f"scgan-n{count}", {"candidates": count}) for count in (8, 4, 2, 1))
# Table 6.
SCGAN_SIGMOID = _variant("scgan-sigmoid", {"nonlinearity": "sigmoid"})
SCGAN_TANH = _variant("scgan-tanh", {"nonlinearity": "tanh"}, note=_REBUILT)
SCGAN_RELU = _variant("scgan-relu", {"nonlinearity": "relu"}, note=_REBUILT)
SCGAN_NO_NONLINEARITY = _variant("scgan-no-nonlinearity", {"nonlinearity": "none"})
_TINY_OASIS_RECIPE = ScganOasisRecipe(
    8, 15, 15, 1e-3, 1e-3, init_gain=1.0, flip=False, epoch_images=800, perceptual=0.0, average=0.99, unknown=None
)
# Section 4.3. What the text does not say of it is as in Table 1.
SCGAN_OASIS = replace(
    SCGAN,
    name="scgan-oasis",
    configs={name: _CONFIGS[name] for name in ("cityscapes", "ade20k")},
    recipes={"cityscapes": ScganOasisRecipe(average=0.999, label_mix=5.0), "ade20k": ScganOasisRecipe()},
    tiny_recipe=replace(_TINY_OASIS_RECIPE, discriminator_width=16, discriminator_depth=4),
    note=f"{_REBUILT} OASIS's discriminator, losses and running mean, with SC-GAN's schedule and its other losses. "
    f"{_GUESSED}",
    files={"generator": ()},
    scopes={},
)
