"""How SC-GAN is trained: SPADE's game, or OASIS's, in which the image of the vector generator has a loss too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.nn import functional as F

from models.base import Layout, Method
from models.training.oasis import OasisObjective, OasisRecipe
from models.training.oasis_discriminator import unknown_first
from models.training.recipe import Objective, Recipe
from models.training.vgg19 import PerceptualLoss

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
            losses |= _vector_losses(self.recipe, self.vector_image, images, self.perceptual)
            self.vector_image = self.vector_image.detach()
        return losses


@dataclass(frozen=True)
class ScganOasisRecipe(OasisRecipe):
    """SC-GAN's own losses and schedule with OASIS's discriminator, its mixtures and its running mean (section 4.3)."""

    batch: int = 16
    epochs: int = 100
    decay_epochs: int = 100
    perceptual: float = 10.0
    vector_loss: VectorLoss = "l1"
    vector_weight: float = 2.0
    unknown: int | None = 0  # the class that teaches the discriminator nothing

    def objective(self, method: Any, num_planes: int) -> ScganOasisObjective:  # noqa: ANN401 - as in OasisRecipe
        """Build the losses; what the generator sees beside classes is not segmented."""
        return ScganOasisObjective(method, self, method.config.num_classes + (self.unknown is None))


class ScganOasisObjective(OasisObjective):
    """OASIS's game, in which the vector generator's image has a loss too."""

    recipe: ScganOasisRecipe

    def __init__(
        self, method: Method[Any], recipe: ScganOasisRecipe, num_channels: int, perceptual: PerceptualLoss | None = None
    ) -> None:
        super().__init__(method, recipe, num_channels, perceptual)
        self.vector_image: Tensor | None = None  # of the last draw, as `fake`

    def channels(self, layout: Layout) -> Tensor:
        """Number the classes, the unknown one first: [N, H, W]."""
        return unknown_first(layout.labels, self.recipe.unknown)

    def draw(self, layout: Layout, noise: Tensor | None) -> Tensor:
        """Draw the training image and, beside it, the vector generator's."""
        image: Tensor
        image, self.vector_image = self.method.draw(layout, noise)
        return image

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor | None) -> dict[str, Tensor]:
        """Weighted terms for the generator."""
        losses = super().generator_losses(images, layout, noise)
        assert self.vector_image is not None
        losses |= _vector_losses(self.recipe, self.vector_image, images, self.perceptual)
        self.vector_image = self.vector_image.detach()
        return losses


def _vector_losses(
    recipe: ScganRecipe | ScganOasisRecipe, image: Tensor, photos: Tensor, perceptual: PerceptualLoss | None
) -> dict[str, Tensor]:
    """What the semantic vectors shall know (L_s, equation 10)."""
    if recipe.vector_loss == "l1":
        distance = F.l1_loss(image.float(), photos)
    elif recipe.vector_loss == "l2":
        distance = F.mse_loss(image.float(), photos)
    elif perceptual is not None:
        distance = perceptual(image, photos)
    else:
        raise ValueError("SC-GAN's vector loss 'vgg' needs the perceptual network; train with it, or choose l1.")
    return {f"W_Recon_{recipe.vector_loss}": recipe.vector_weight * distance}
