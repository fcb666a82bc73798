"""CC-FPSE (Liu et al., NeurIPS 2019): every pixel is convolved with weights of its own, predicted from the labels.

A feature pyramid reads the label planes; from its maps every block predicts 3x3 weights per channel and pixel, and
gates for the channels (paper, section 3.1). As in VSPADE one z, N(0, 1) at test time, styles the whole image; the
authors' test script reads it from the photo that is to be drawn, which gives the photo's style away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import MethodSpec
from models.parts.decoder import Decoder, NormFactory, Stage, first_grid, paper_stages, per_layout, tiny_stages
from models.parts.image_styles import ImageEncoder, VectorMethod, first_features, first_layer
from models.parts.spatial import Planes, SpatialNorm
from models.parts.spectral import SpectralConv2d
from models.training.recipe import TINY_RECIPE, Recipe


@dataclass(frozen=True)
class CcfpseConfig:
    """Sizes of one CC-FPSE."""

    num_classes: int  # label planes, the don't-care class among them
    height: int = 256
    width: int = 256
    edges: bool = False  # an instance-edge plane follows the label planes
    stages: tuple[Stage, ...] = paper_stages(64, more=False)
    pyramid: int = 64  # channels of the network that reads the labels
    hidden: int = 128  # channels between its maps and the weights predicted from them
    z_size: int | None = 256  # None: the first grid is made from the label map; no such network was released
    encoder: ImageEncoder = field(default_factory=ImageEncoder)
    unused_norms: bool = True  # three in every block: in the files and their count, never executed


class Condition(Planes):
    """What the blocks read at every grid: the label planes and, behind them, the pyramid's map of that grid."""

    def __init__(self, planes: Tensor, maps: Sequence[Tensor]) -> None:
        super().__init__(planes)
        self._maps = {tuple(x.shape[2:]): x for x in maps}
        self._joined: dict[tuple[int, int], Tensor] = {}

    def at(self, height: int, width: int) -> Tensor:
        """Return planes and map as [N, P + pyramid, height, width]."""
        size = (height, width)
        if size not in self._joined:
            self._joined[size] = torch.cat([super().at(height, width), self._maps[size]], 1)
        return self._joined[size]


class TapPredictor(nn.Conv2d):
    """Predicts a 3x3 convolution's weights for every channel and pixel, rows of 9 numbers, one tap at a time."""

    def __init__(self, hidden: int, channels: int) -> None:
        super().__init__(hidden, 9 * channels, 3, padding=1)

    def forward(self, hidden: Tensor, tap: int) -> Tensor:  # type: ignore[override]
        """Predict one of the nine from hidden [N, H, h, w]: [N, C, h, w]."""
        assert self.bias is not None
        return F.conv2d(hidden, self.weight[tap::9], self.bias[tap::9], padding=1)


def convolve_by_pixel(x: Tensor, hidden: Tensor, predictor: TapPredictor) -> Tensor:
    """Convolve every channel of x [N * K, C, h, w] with weights of every pixel's own, borders padded with zeros.

    The weights follow from hidden [N, H, h, w]. They are made and used tap by tap: neither the 9 C maps of weights nor
    the 9 C maps of neighbours that an unfolded product has are ever held, and the sum is the same.
    """
    height, width = x.shape[2:]
    padded = F.pad(x, (1, 1, 1, 1))
    total: Tensor | None = None
    for tap in range(9):
        row, column = divmod(tap, 3)
        neighbours = padded[:, :, row : row + height, column : column + width]
        neighbours, weights = per_layout(neighbours, predictor(hidden, tap))
        total = neighbours * weights if total is None else total.addcmul_(neighbours, weights)
    assert total is not None
    return total.flatten(0, 1)


def _predictor(inputs: int, hidden: int, last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, hidden, 3, padding=1), nn.ReLU(), last)


class ConditionalBlock(nn.Module):
    """Two depthwise convolutions with predicted weights, each mixed by a 1x1 convolution and gated.

    Unlike SPADE's block it normalises before, and activates after them.
    """

    def __init__(self, stage: Stage, norm: NormFactory, config: CcfpseConfig) -> None:
        super().__init__()
        inputs, outputs = stage.inputs, stage.outputs
        if outputs > inputs:
            raise ValueError(f"CC-FPSE's blocks never widen, but {stage.name} has {inputs} inputs, {outputs} outputs.")
        read, hidden = config.num_classes + config.edges + config.pyramid, config.hidden
        self.gen_weights1 = _predictor(read, hidden, TapPredictor(hidden, inputs))
        self.gen_weights2 = _predictor(read, hidden, TapPredictor(hidden, outputs))
        self.gen_se_weights1 = _predictor(read, hidden, nn.Conv2d(hidden, outputs, 3, padding=1))
        self.gen_se_weights2 = _predictor(read, hidden, nn.Conv2d(hidden, outputs, 3, padding=1))
        self.norm_1, self.conv_1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 1)
        self.norm_2, self.conv_3 = nn.BatchNorm2d(outputs), nn.Conv2d(outputs, outputs, 1)
        if config.unused_norms:
            self.norm_0 = nn.BatchNorm2d(outputs)
            self.conv_0 = nn.ModuleDict({"norm_layer": nn.BatchNorm2d(inputs)})
            self.conv_2 = nn.ModuleDict({"norm_layer": nn.BatchNorm2d(outputs)})
        self.has_learned_shortcut = inputs != outputs
        if self.has_learned_shortcut:
            self.conv_s = SpectralConv2d(inputs, outputs, 1, bias=False)
            self.norm_s = norm(inputs, 1)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Draw [M, outputs, h, w] from [M, inputs, h, w]; the shortcut has no activation."""
        read = condition.at(x.shape[2], x.shape[3])
        main = self.conv_1(_convolved(self.norm_1(x), read, self.gen_weights1))
        main = F.leaky_relu(_gated(main, read, self.gen_se_weights1), 0.2)
        main = self.conv_3(_convolved(self.norm_2(main), read, self.gen_weights2))
        main = F.leaky_relu(_gated(main, read, self.gen_se_weights2), 0.2)
        shortcut: Tensor = self.conv_s(self.norm_s(x, condition)) if self.has_learned_shortcut else x
        return main + shortcut


def _convolved(x: Tensor, read: Tensor, predictor: nn.Sequential) -> Tensor:
    first, activation, last = predictor
    assert isinstance(last, TapPredictor)
    return convolve_by_pixel(x, activation(first(read)), last)


def _gated(x: Tensor, read: Tensor, predictor: nn.Sequential) -> Tensor:
    x, gates = per_layout(x, torch.sigmoid(predictor(read)))
    return (x * gates).flatten(0, 1)


def _unit(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    conv = SpectralConv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.Sequential(conv, nn.BatchNorm2d(outputs)), nn.LeakyReLU(0.2))


class CcfpseGenerator(Decoder):
    """netG of the authors' files."""

    def __init__(self, config: CcfpseConfig) -> None:
        planes = config.num_classes + config.edges
        super().__init__(
            config.stages,
            lambda channels, _: SpatialNorm(channels, planes + config.pyramid, config.hidden),
            lambda stage, norm: ConditionalBlock(stage, norm, config),
        )
        self.grid = first_grid(config.height, config.width, config.stages)
        self.fc = first_layer(config.stages[0].inputs, self.grid, planes=planes, z_size=config.z_size)
        self.levels = 1 + sum(stage.upsample for stage in config.stages)  # grids from the image's to the first
        width = config.pyramid
        self.labelenc1 = _unit(planes, width, 3)
        for level in range(2, self.levels + 1):
            self.add_module(f"labelenc{level}", _unit(width, width, 3, stride=2))
        for level in range(1, self.levels):
            self.add_module(f"labellat{level}", _unit(width, width, 1))
            self.add_module(f"labeldec{level}", _unit(width, width, 3))

    def read_labels(self, planes: Tensor) -> list[Tensor]:
        """Read planes [N, P, H, W] down to the first grid and up again: a map per grid, the smallest first."""
        encoded = [planes]
        for level in range(1, self.levels + 1):
            encoded.append(self.get_submodule(f"labelenc{level}")(encoded[-1]))
        maps = [encoded.pop()]
        for level in range(1, self.levels):
            lateral = self.get_submodule(f"labellat{level}")(encoded.pop())
            larger = F.interpolate(maps[-1], scale_factor=2.0, mode="nearest")
            maps.append(self.get_submodule(f"labeldec{level}")(larger + lateral))
        return maps

    def forward(self, planes: Tensor, z: Tensor | None) -> Tensor:
        """Draw for label planes [N, P, H, W] and z [N * K, Z]; what depends on the labels alone serves all K."""
        first = first_features(self.fc, self.grid, Planes(planes), z)
        return self.decode(first, Condition(planes, self.read_labels(planes)))


class Ccfpse(VectorMethod):
    """CC-FPSE."""

    def __init__(self, config: CcfpseConfig) -> None:
        super().__init__(config, CcfpseGenerator(config), config.z_size, config.encoder, edges=config.edges)


_CONFIGS: Mapping[str, CcfpseConfig] = {
    "cityscapes": CcfpseConfig(35, 256, 512, edges=True, stages=paper_stages(64, more=True)),
    "ade20k": CcfpseConfig(151),
    "coco-stuff": CcfpseConfig(183, edges=True),
}
# Released training script: 32 images on 16 GPUs. Its weight of the features, 20, is shared out to the four of them;
# ours multiplies their sum over the three maps of logits.
_RECIPE = Recipe(discriminator="fpse", feature_matching=20 * 3 / 4, images_per_gpu=2)

CCFPSE = MethodSpec(
    name="ccfpse",
    paper="Liu et al., Learning to Predict Layout-to-image Conditional Convolutions, NeurIPS 2019",
    scope="image",
    build=Ccfpse,
    configs=_CONFIGS,
    tiny=CcfpseConfig(
        8,
        64,
        64,
        stages=tiny_stages(16),
        pyramid=16,
        hidden=32,
        z_size=64,
        encoder=ImageEncoder(64, (16, 32, 64, 128), normalized=False),
        unused_norms=False,
    ),
    recipes={**dict.fromkeys(_CONFIGS, _RECIPE), "coco-stuff": replace(_RECIPE, decay_epochs=0)},
    tiny_recipe=replace(TINY_RECIPE, discriminator="fpse", kl=0.1),
    note="The authors' test script reads styles from the photos that are to be drawn.",
    files={
        "generator": ("200_net_G.pth", "100_net_G.pth", "latest_net_G.pth"),
        "encoder": ("200_net_E.pth", "100_net_E.pth", "latest_net_E.pth"),
    },
)
