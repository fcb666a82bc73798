"""CRN (Chen and Koltun, ICCV 2017): a cascade of modules, each of which doubles the grid and reads the labels anew.

There is no adversary. The network draws nine images at once, and the loss asks that for every class the best of them
matches the photo. Nothing is random: the style is which of the nine is taken. The papers do not say which one they
measure; here it is the first, so that there is one image per layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec
from models.parts.decoder import per_layout
from models.parts.normed_conv import NormedConv, doubled
from models.parts.train_ids import CITYSCAPES, renumbered
from models.training.game import Game
from models.training.levels import AveragedVgg19, Levels, PooledPixels
from models.training.schedule import Schedule

# At 4, 8, 16, 32, 64, 128 and 256 rows; the authors' larger networks go on with 128 at 512 rows and 32 at 1024.
_WIDTHS = (1024, 1024, 1024, 1024, 1024, 512, 512)


@dataclass(frozen=True)
class CrnConfig:
    """Sizes of one CRN."""

    num_classes: int  # of the layouts
    height: int = 256
    width: int = 256
    widths: tuple[int, ...] = _WIDTHS  # channels of the modules, of which each but the first doubles the grid
    images: int = 9  # drawn at once
    numbers: tuple[int, ...] = ()  # plane of every class of the layouts; none: its own

    @property
    def planes(self) -> int:
        """Label planes that the network reads."""
        return max(self.numbers) + 1 if self.numbers else self.num_classes

    @property
    def grids(self) -> list[tuple[int, int]]:
        """Rows and columns of the modules."""
        scales = [2**number for number in reversed(range(len(self.widths)))]
        return [(self.height // scale, self.width // scale) for scale in scales]


class CrnGenerator(nn.Module):
    """The authors' network, with its TensorFlow names."""

    def __init__(self, config: CrnConfig) -> None:
        super().__init__()
        step = 2 ** (len(config.widths) - 1)
        if config.height % step or config.width % step:
            raise ValueError(
                f"A CRN of {len(config.widths)} modules draws multiples of {step} pixels, not "
                f"{config.height}x{config.width}; change the size or the number of modules."
            )
        self.images, self.grids = config.images, config.grids
        features = 0
        for (rows, _), width in zip(self.grids, config.widths, strict=True):
            self.add_module(f"g_{rows}_conv1", NormedConv(features + config.planes, width))
            self.add_module(f"g_{rows}_conv2", NormedConv(width, width))
            features = width
        self.last = f"g_{config.height}_conv100"
        self.add_module(self.last, nn.Conv2d(features, 3 * config.images, 1))

    def forward(self, planes: Tensor) -> Tensor:
        """Draw for label planes [N, P, H, W]: images [N, I, 3, H, W], which may leave [-1, 1]."""
        x = planes.new_zeros(len(planes), 0, *self.grids[0])
        for number, (rows, columns) in enumerate(self.grids):
            shares = F.interpolate(planes, (rows, columns), mode="area")
            x = torch.cat([doubled(x) if number else x, shares], 1)
            x = self.get_submodule(f"g_{rows}_conv2")(self.get_submodule(f"g_{rows}_conv1")(x))
        drawn: Tensor = self.get_submodule(self.last)(x)  # all reds, then all greens, then all blues
        return drawn.reshape(len(drawn), 3, self.images, *drawn.shape[2:]).transpose(1, 2)


class Crn(Method[Tensor]):
    """CRN; the style is the number of an image, [M] int64."""

    scope = "none"
    encoder = None

    def __init__(self, config: CrnConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = CrnGenerator(config)

    def planes(self, layout: Layout) -> Tensor:
        """One plane per class as the network numbers them."""
        labels = renumbered(layout.labels, self.config.numbers)
        return F.one_hot(labels, self.config.planes).movedim(-1, 1).float()

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Take the first image, always."""
        return torch.zeros(len(layout), dtype=torch.int64, device=layout.labels.device)

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw all images and give those that are asked for, cut to [-1, 1]."""
        drawn: Tensor = self.generator(self.planes(layout))
        owners = torch.arange(len(layout), device=style.device).repeat_interleave(len(style) // len(layout))
        return drawn[owners, style].clamp(-1, 1)


@dataclass(frozen=True)
class CrnRecipe(Schedule):
    """The released code's recipe for 256 rows; its weights of the levels are the inverse of their typical size."""

    batch: int = 1
    epochs: int = 200
    decay_epochs: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    init_gain: float | None = 1.0  # slim draws uniformly, with the same deviation
    flip: bool = False
    perceptual: float = 1.0
    perceptual_layers: tuple[float, ...] = (1.0, 1 / 1.6, 1 / 2.3, 1 / 1.8, 1 / 2.8, 10 / 0.8)
    best: float = 0.999  # weight of the best image of every class; all images share the rest

    def perceptual_network(self) -> AveragedVgg19:
        """VGG19 as CRN uses it."""
        return AveragedVgg19(self.perceptual_layers)

    def objective(self, method: Crn, num_planes: int) -> CrnObjective:
        """Build the loss; there is no discriminator."""
        return CrnObjective(method, self)


class CrnObjective(Game):
    """The diversity loss (paper, section 3.3): per class, only the image that is nearest to the photo has to move.

    Without VGG19 the images are compared by their averaged pixels.
    """

    order = ("G",)
    method: Crn
    perceptual: AveragedVgg19 | None

    def __init__(self, method: Crn, recipe: CrnRecipe) -> None:
        super().__init__(method)
        self.recipe = recipe
        self.discriminator = nn.Identity()

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Errors of the best image of every class, and of all images."""
        planes = self.method.planes(layout)
        drawn: Tensor = self.method.generator(planes)
        self.fake = drawn[:, 0].detach()
        errors = class_errors(drawn, images, planes, self.perceptual or PooledPixels())  # [N, I, P]
        best, share = errors.amin(1).sum(1).mean(), self.recipe.best
        return {"best": share * best, "all": (1 - share) * errors.mean(1).sum(1).mean()}

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """No terms: there is no discriminator."""
        return {}


def class_errors(drawn: Tensor, photos: Tensor, planes: Tensor, levels: Levels) -> Tensor:
    """How far drawn images [N, I, 3, H, W] are from the photos in every class: [N, I, P], summed over the levels.

    Every level averages over all its pixels, not over those of the class, so a small class has a small error.
    """
    with torch.no_grad():
        wanted = levels(photos)
    errors = drawn.new_zeros(*drawn.shape[:2], planes.shape[1])
    for weight, found, real in zip(levels.weights, levels(drawn.flatten(0, 1)), wanted, strict=True):
        of_layout, of_photo = per_layout(found.float(), real.float())
        distance = (of_layout - of_photo).abs().mean(2)  # [N, I, h, w]
        shares = F.interpolate(planes, distance.shape[2:], mode="area")
        errors = errors + weight * torch.einsum("nihw,nphw->nip", distance, shares) / distance[0, 0].numel()
    return errors


_CONFIGS: Mapping[str, CrnConfig] = {
    "cityscapes": CrnConfig(35, 256, 512, numbers=CITYSCAPES),
    "ade20k": CrnConfig(151),
    "ade20k-outdoor": CrnConfig(151),
    "coco-stuff": CrnConfig(183),
}

CRN = MethodSpec(
    name="crn",
    paper="Chen and Koltun, Photographic Image Synthesis with Cascaded Refinement Networks, ICCV 2017",
    scope="none",
    build=Crn,
    configs=_CONFIGS,
    tiny=CrnConfig(8, 64, 64, widths=(128, 128, 96, 64, 32)),
    recipes=dict.fromkeys(_CONFIGS, CrnRecipe()),
    tiny_recipe=CrnRecipe(
        batch=8,
        epochs=15,
        decay_epochs=15,
        lr_generator=1e-3,
        perceptual=0.0,  # averaged pixels stand in for VGG19
        epoch_images=800,
    ),
    note="The first of nine images. Of these data sets its authors have Cityscapes alone; on the others the printed "
    "numbers are of networks that the authors of SPADE trained with the original code. Trained here with "
    "torchvision's VGG19, by its authors with MatConvNet's.",
    files={"generator": ()},
)
