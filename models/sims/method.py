"""SIMS (Qi et al., CVPR 2018): segments of training photos are found, put together, and completed by a network.

For every segment of the layout the bank is searched for the one of the same class with the best overlap. The finds are
painted from the back to the front; along edges they are blanked, and the network draws what is open. It sees the layout
as it was painted, which is not quite the one that was asked for.

The authors move every find by a transformation network, whose six numbers they round on Cityscapes, where it changes
little; it is left out. What lies in front their ordering network says (`sims-ordered`), which learns from disparity;
without it the classes have one order, counted over the bank.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec
from models.parts.colours import Colour, spread_colours
from models.parts.train_ids import CITYSCAPES, COLOURS, VOID, renumbered
from models.sims.bank import Bank, Photo
from models.sims.canvas import Canvas, InFront, compose
from models.sims.networks import DECODER, ENCODER, OrderingNetwork, SynthesisNetwork
from models.sims.segments import Labels, Scene, Segment
from models.sims.training_pictures import damaged
from models.training.game import Game
from models.training.levels import AveragedVgg19, PooledPixels
from models.training.schedule import Schedule


@dataclass(frozen=True)
class SimsConfig:
    """Sizes of one SIMS, and the parts that its classes play."""

    num_classes: int  # of the layouts
    scene: Scene  # the highest of the network's numbers is void
    height: int = 256
    width: int = 512
    numbers: tuple[int, ...] = ()  # plane of every class of the layouts; none: its own
    encoder: tuple[tuple[int, int], ...] = ENCODER
    decoder: tuple[int, ...] = DECODER
    palette: tuple[Colour, ...] | None = None  # of the network's numbers; with one, the ordering network is asked

    @property
    def planes(self) -> int:
        """Label planes, void the last."""
        return self.scene.void + 1


class Order:
    """The ordering network's answers for the segments of one layout."""

    def __init__(self, network: OrderingNetwork, labels: Labels, palette: Sequence[Colour], void: int) -> None:
        self.network, self.labels, self.void = network, labels, void
        self.palette = np.array(palette, np.float32) / 255

    def hides(self, first: Segment, second: Segment) -> bool:
        """Whether the first of two segments is in front."""
        pair = np.where(first.mask | second.mask, self.labels, self.void)
        pictures = np.concatenate([self.palette[pair], self.palette[self.labels]], 2)  # [H, W, 6]
        device = self.network.g_selection_classify.weight.device
        logits = self.network(torch.from_numpy(pictures).movedim(-1, 0)[None].to(device))[0]
        return bool(logits[first.label + 1] > logits[second.label + 1])


class Sims(Method[Tensor]):
    """SIMS; the style [M] int64 is the seed of a training picture's damage, and decides nothing that is drawn."""

    scope = "none"
    encoder = None

    def __init__(self, config: SimsConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = SynthesisNetwork(config.planes, config.height, config.width, config.encoder, config.decoder)
        self.order = OrderingNetwork(config.planes) if config.palette else None
        self.bank: Bank | None = None

    def open_bank(self, tensors: Mapping[str, Tensor]) -> None:
        """Search in this bank from now on."""
        bank, config = Bank.of_tensors(tensors), self.config
        height, width = bank.photos.shape[1:3]
        if (height, width) != (config.height, config.width):
            raise ValueError(f"Its photos are {height}x{width}, the network's {config.height}x{config.width}.")
        self.bank = bank

    def planes(self, layout: Layout) -> Tensor:
        """One plane per class as the network numbers them."""
        return self._planes(renumbered(layout.labels, self.config.numbers))

    def _planes(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels, self.config.planes).movedim(-1, 1).float()

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw seeds."""
        seeds = [torch.randint(2**62, (), generator=rng) for rng in rngs]
        return torch.stack(seeds).to(layout.labels.device)

    def canvas(self, labels: Labels) -> Canvas:
        """Put together what the bank has for a label map of the network's numbers, always in the same way."""
        config = self.config
        hides: InFront = _as_painted
        if self.order is not None and config.palette is not None:
            hides = Order(self.order, labels, config.palette, config.scene.void).hides
        return compose(labels, self.bank, config.scene, hides, torch.Generator().manual_seed(0))

    def complete(self, canvases: Sequence[Canvas], device: torch.device) -> tuple[Tensor, Tensor]:
        """Draw images [N, 3, H, W], uncut, and the logits of their labels [N, P, H, W]."""
        labels = torch.from_numpy(np.stack([canvas.labels for canvas in canvases]).astype(np.int64)).to(device)
        photos = torch.from_numpy(np.stack([canvas.photo for canvas in canvases])).movedim(-1, 1).to(device)
        is_known = (photos.sum(1, keepdim=True) > 0).float()
        images, logits = self.generator(torch.cat([self._planes(labels), photos, is_known], 1))
        return images, logits

    def labels(self, layout: Layout) -> list[Labels]:
        """The layouts in the network's numbers."""
        return list(renumbered(layout.labels, self.config.numbers).cpu().numpy().astype(np.uint8))

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Draw one image per layout, cut to [-1, 1]."""
        canvases = [self.canvas(labels) for labels in self.labels(layout)]
        images, _ = self.complete(canvases, layout.labels.device)
        return images.clamp(-1, 1).repeat_interleave(len(style) // len(layout), 0)


def gather(config: SimsConfig, items: Iterable[tuple[Labels, Photo]]) -> Bank:
    """Make a bank of label maps [H, W], numbered as in the layouts, and their photos."""
    numbers = np.array(config.numbers or range(config.num_classes), np.uint8)
    return Bank.of(((numbers[labels], photo) for labels, photo in items), config.scene)


def _as_painted(first: Segment, second: Segment) -> bool:
    """Let what is painted later lie over what is there."""
    return False


@dataclass(frozen=True)
class SimsRecipe(Schedule):
    """The released code's recipe for 256x512; its weights of the levels are those of CRN for 512 rows."""

    batch: int = 1
    epochs: int = 800
    decay_epochs: int = 0
    lr_generator: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    init_gain: float | None = 1.0  # slim draws uniformly, with the same deviation
    flip: bool = False
    perceptual: float = 1.0
    perceptual_layers: tuple[float, ...] = (1.0, 1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5)
    semantic: float = 10.0  # of the cross entropy with the layout that was asked for
    warm_up: bool = True  # from a thousandth of the rate, ten percent more in every epoch; a tenth after epoch 112

    def learning_rate_factor(self, epoch: int) -> float:
        """Fraction of the initial rate in this epoch, counted from 1."""
        if not self.warm_up:
            return super().learning_rate_factor(epoch)
        return min(1e-3 * 1.1 ** (epoch - 1), 1.0) if epoch <= 112 else 0.1

    def perceptual_network(self) -> AveragedVgg19:
        """VGG19 as CRN uses it."""
        return AveragedVgg19(self.perceptual_layers)

    def objective(self, method: Sims, num_planes: int) -> SimsObjective:
        """Build the loss; there is no discriminator."""
        return SimsObjective(method, self)


class SimsObjective(Game):
    """Complete the photo from its own damaged segments, and tell its layout.

    Without VGG19 the images are compared by their averaged pixels.
    """

    order = ("G",)
    method: Sims
    perceptual: AveragedVgg19 | None

    def __init__(self, method: Sims, recipe: SimsRecipe) -> None:
        super().__init__(method)
        self.recipe = recipe
        self.discriminator = nn.Identity()

    def generator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """Distance to the photo over all levels, and cross entropy of the labels."""
        method = self.method
        photos = ((images + 1) / 2).movedim(1, -1).cpu().numpy()  # [N, H, W, 3]
        canvases = [
            damaged(labels, photo, method.bank, method.config.scene, torch.Generator().manual_seed(seed))
            for labels, photo, seed in zip(method.labels(layout), photos, noise.tolist(), strict=True)
        ]
        drawn, logits = method.complete(canvases, images.device)
        self.fake = drawn.detach()
        levels = self.perceptual or PooledPixels()
        with torch.no_grad():
            wanted = levels(images)
        terms = zip(levels.weights, levels(drawn), wanted, strict=True)
        return {
            "image": torch.stack([weight * F.l1_loss(a.float(), b.float()) for weight, a, b in terms]).sum(),
            "labels": self.recipe.semantic
            * F.cross_entropy(logits.float(), renumbered(layout.labels, method.config.numbers)),
        }

    def discriminator_losses(self, images: Tensor, layout: Layout, noise: Tensor) -> dict[str, Tensor]:
        """No terms: there is no discriminator."""
        return {}


# 0 road, 1 sidewalk, 3 wall, 4 fence, 8 vegetation, 9 terrain, 10 sky; 13 to 18 are vehicles.
_STREET = Scene(
    VOID,
    ground=(0, 1, 9),
    context=(0, 1, 3, 4, 8, 9, 10),
    shaded=(0, 1),
    shading=(13, 14, 15, 16, 17, 18),
    fringed=(8,),
)
_CITYSCAPES = SimsConfig(35, _STREET, numbers=CITYSCAPES)
_TINY = SimsConfig(
    8,
    Scene(void=8, ground=(0,), context=(0,)),
    64,
    64,
    encoder=((16, 2), (32, 2), (64, 2), (96, 2)),
    decoder=(96, 64, 48, 32, 32),
)

SIMS: MethodSpec[Any] = MethodSpec(
    name="sims",
    paper="Qi et al., Semi-parametric Image Synthesis, CVPR 2018",
    scope="none",
    build=Sims,
    configs={"cityscapes": _CITYSCAPES},
    tiny=_TINY,
    recipes={"cityscapes": SimsRecipe()},
    tiny_recipe=SimsRecipe(
        batch=8,
        epochs=15,
        decay_epochs=15,
        perceptual=0.0,  # averaged pixels stand in for VGG19
        warm_up=False,
        epoch_images=800,
    ),
    note="Without the networks that transform and order segments, and with the order of classes guessed from label "
    "maps: the authors' needs disparity. Its search is no part of the counted operations. Trained here with "
    "torchvision's VGG19, by its authors with MatConvNet's.",
    files={"generator": ("synthesis.ckpt.safetensors",)},
    has_bank=True,
)

SIMS_ORDERED = replace(
    SIMS,
    name="sims-ordered",
    configs={"cityscapes": replace(_CITYSCAPES, palette=COLOURS)},
    tiny=replace(_TINY, palette=spread_colours(9)),
    recipes={},
    tiny_recipe=None,
    note="With the authors' ordering network, which is not trained here: that needs disparity. Without the one that "
    "transforms segments. Its search is no part of the counted operations.",
    files={"generator": ("synthesis.ckpt.safetensors",), "order": ("order.ckpt.safetensors",)},
)
