"""How SC-GAN is trained: SPADE's game, in which the image of the vector generator has a loss too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.nn import functional as F

from models._losses import PerceptualLoss
from models._recipe import Objective, Recipe
from models.base import Layout, Method

VectorLoss = Literal["l1", "l2", "vgg"]


@dataclass(frozen=True)
class ScganRecipe(Recipe):
    """The released code's recipe; the defaults are those for scenes."""

    batch: int = 16
    betas: tuple[float, float] = (0.0, 0.999)
    feature_matching: float = 7.5  # 10 / 4 for each feature; what is matched is divided by the three maps of logits
    images_per_gpu: int = 2
    discriminator: Literal["spade", "pix2pixhd", "fpse"] = "fpse"
    vector_loss: VectorLoss = "l1"  # between the photo and the vector generator's image
    vector_weight: float = 2.0  # lambda_s of the paper

    def objective(self, method: Any, num_planes: int) -> ScganObjective:  # noqa: ANN401 - as in Recipe
        """Build the losses for a method whose discriminator sees `num_planes` planes of the layout."""
        return ScganObjective(method, self, num_planes)


class ScganObjective(Objective):
    """SPADE's game, in which the vector generator's image has a loss too."""

    method: Any  # has `draw`, which gives both images
    recipe: ScganRecipe

    def __init__(
        self, method: Method[Any], recipe: ScganRecipe, num_planes: int, perceptual: PerceptualLoss | None = None
    ) -> None:
        super().__init__(method, recipe, num_planes, perceptual)
        self.vector_image: Tensor | None = None  # of the last draw, as `fake`

    def draw(self, images: Tensor, layout: Layout, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Draw the training image and, beside it, the vector generator's."""
        style, divergence = noise, None
        if self.method.encoder is not None:
            style, divergence = self.method.encode_style(images, layout, noise)
        image, self.vector_image = self.method.draw(layout, style)
        return image, divergence

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor | None) -> dict[str, Tensor]:
        """Weighted terms for generator and encoder; names are those of the authors' logs."""
        losses = super().generator_losses(images, layout, noise)
        if self.vector_image is not None:
            distance = self._distance(self.vector_image, images)
            self.vector_image = self.vector_image.detach()
            losses[f"W_Recon_{self.recipe.vector_loss}"] = self.recipe.vector_weight * distance
        return losses

    def _distance(self, image: Tensor, photos: Tensor) -> Tensor:
        if self.recipe.vector_loss == "l1":
            return F.l1_loss(image.float(), photos)
        if self.recipe.vector_loss == "l2":
            return F.mse_loss(image.float(), photos)
        if self.perceptual is None:
            raise ValueError("SC-GAN's vector loss 'vgg' needs the perceptual network; train with it, or choose l1.")
        distance: Tensor = self.perceptual(image, photos)
        return distance
