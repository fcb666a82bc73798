"""SC-GAN for unpaired translation (its paper, section 4.4), re-constructed: a photo in the looks of another one.

The semantic vectors and SPADE's norms read the reference, a photo of B, in place of labels; the photo of A to translate
is the first grid. Drawings shall look like B to the discriminator and show what A shows to the perceptual network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models.base import Layout, Method, MethodSpec
from models.parts.decoder import tiny_stages
from models.parts.translation import source_photos
from models.scgan.network import ScganConfig, ScganGenerator
from models.scgan.training import ScganObjective, ScganRecipe
from models.training.recipe import TINY_RECIPE


class ScganUnpaired(Method[Tensor]):
    """SC-GAN between domains; the style is the reference itself, [M, 3, H, W]."""

    scope = "image"
    generator: ScganGenerator
    needs_photo = True

    def __init__(self, config: ScganConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = ScganGenerator(config)

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]
        """A part of the generator: what makes vectors of the reference."""
        encoder: nn.Module = self.generator.pyramid_spaital_routing
        return encoder

    def planes(self, layout: Layout) -> Tensor:
        """Show the discriminator nothing beside the image."""
        return source_photos(layout)[:, :0]

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Take a grey picture, as references are photos and not drawn by chance."""
        return torch.zeros_like(source_photos(layout))

    def encode_style(self, images: Tensor, layout: Layout, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Take the photos; there is no prior to diverge from."""
        return images, images.new_zeros(len(images))

    def _start(self, layout: Layout, style: Tensor) -> Tensor:
        sources = source_photos(layout)
        return sources.repeat_interleave(len(style) // len(sources), 0)

    def draw(self, layout: Layout, style: Tensor) -> tuple[Tensor, Tensor | None]:
        """Draw images and, for its loss, that of the vector generator."""
        images: tuple[Tensor, Tensor | None] = self.generator(style, None, self._start(layout, style))
        return images

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Translate from A to B."""
        return self.generator.render(style, self.generator.vector_features(style), None, self._start(layout, style))


@dataclass(frozen=True)
class ScganUnpairedRecipe(ScganRecipe):
    """The losses of the released code; its schedule is not known and is that of ADE20K."""

    feature_matching: float = 10.0
    discriminator: Literal["spade", "pix2pixhd", "fpse"] = "spade"

    def objective(self, method: Any, num_planes: int) -> ScganUnpairedObjective:  # noqa: ANN401 - as in Recipe
        """Build the losses; the discriminator sees images alone."""
        return ScganUnpairedObjective(method, self, num_planes)


class ScganUnpairedObjective(ScganObjective):
    """SC-GAN's game with two photos: the discriminator and the vectors know B, the perceptual network A."""

    def draw(self, images: Tensor, layout: Layout, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Translate the sources in the looks of the photos."""
        image: Tensor
        image, self.vector_image = self.method.draw(layout, images)
        return image, None

    def resembled(self, images: Tensor, layout: Layout) -> Tensor:
        """Choose the photos to translate."""
        return source_photos(layout)


SCGAN_UNPAIRED = MethodSpec(
    name="scgan-unpaired",
    paper="Wang et al., Image Synthesis via Semantic Composition, ICCV 2021",
    scope="image",
    build=ScganUnpaired,
    configs={"summer2winter-yosemite": ScganConfig(3)},  # planes: red, green, blue
    tiny=ScganConfig(3, 64, 64, stages=tiny_stages(16), vector_widths=(64, 32, 16, 16, 16), hidden=32, temperature=1.0),
    recipes={"summer2winter-yosemite": ScganUnpairedRecipe()},
    tiny_recipe=ScganUnpairedRecipe(**{**vars(TINY_RECIPE), "discriminator": "spade"}),
    note="Re-constructed: the released code is incomplete and has neither sizes nor weights for it; sizes and schedule "
    "are those of ADE20K. Every drawing takes its looks from the target photo of its item. Where data have no source "
    "photos, pictures of the labels are translated.",
)
