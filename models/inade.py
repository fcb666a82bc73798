"""INADE (Tan et al., CVPR 2021): noise of every instance modulates normalised features, class by class.

One noise tensor serves all norms of a pass ("unified sampling"); in training an encoder moves each instance's noise to
the statistics of its photo ("prior noise remapping"). The paper's scalar noise per instance is a vector in the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import Layout, Method, MethodSpec, semantic_planes
from models.parts.decoder import Decoder, Stage, first_grid, paper_stages, tiny_stages
from models.parts.encoders import divergence, remap
from models.parts.lookup import PairIndex, nearest_ids
from models.training.recipe import TINY_RECIPE, Recipe

_START_SIZE = 256  # length of the vector that fills the first grid


@dataclass(frozen=True)
class InadeEncoderConfig:
    """Sizes of the encoder: down with stride 2, a middle layer, and up again along the skips."""

    down: tuple[int, ...] = (64, 128, 256, 512)
    middle: int = 256
    up: tuple[int, ...] = (128, 64, 64)
    normalized: bool = True
    full_resolution: bool = True  # the heads see the photo's own grid; False: the one before the last doubling


@dataclass(frozen=True)
class InadeConfig:
    """Sizes of one INADE."""

    num_classes: int
    noise_size: int = 64  # C0 of the paper; the released DeepFashion files have 8
    height: int = 256
    width: int = 256
    stages: tuple[Stage, ...] = paper_stages(64, more=False)
    encoder: InadeEncoderConfig | None = InadeEncoderConfig()
    # "unified": all norms share an instance's noise. The paper's "w/o US" gives every norm noise of its own: as scale
    # and shift themselves ("per_norm"), or to project as before, all moved alike ("per_norm_projected").
    sampling: Literal["unified", "per_norm", "per_norm_projected"] = "unified"


@dataclass(frozen=True)
class InadeStyle:
    """What decides an image: noise per instance, and the vector behind the first grid."""

    noise: Tensor  # [M, I, 2, Z]; index 0 scales, 1 shifts; the parts of the norms in order, where each has its own
    start: Tensor  # [M, 256]


@dataclass(frozen=True)
class _Condition:
    pairs: PairIndex
    noise: Tensor  # [M, I, 2, Z]


class InstanceNoiseNorm(nn.Module):
    """Normalise without parameters; scale and shift are the instance's projected noise times and plus class rows.

    `part` is what it reads of the noise. Without a size, that is used as it is, one number per channel.
    """

    def __init__(self, channels: int, num_classes: int, noise_size: int | None, part: slice = slice(None)) -> None:
        super().__init__()
        self.part = part
        self.weight = nn.Parameter(torch.empty(num_classes, channels, 2))
        self.bias = nn.Parameter(torch.zeros(num_classes, channels, 2))
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.fc_noise = nn.Identity() if noise_size is None else nn.Linear(noise_size, channels)
        self.reset_tables(torch.Generator().manual_seed(0))

    def reset_tables(self, rng: torch.Generator) -> None:
        """Draw the class weights uniformly from [0, 1)."""
        with torch.no_grad():
            self.weight.copy_(torch.rand(self.weight.shape, generator=rng))
            self.bias.zero_()

    def forward(self, x: Tensor, condition: _Condition) -> Tensor:
        """Modulate x [M, C, h, w]; there is no 1 + in front of the scale."""
        pairs = condition.pairs
        projected = self.fc_noise(condition.noise[..., self.part]).movedim(2, -1)  # [M, I, C, 2]
        rows = torch.addcmul(self.bias[pairs.classes], self.weight[pairs.classes], projected[:, pairs.instances])
        gamma = pairs.read(rows[..., 0], x.shape[2], x.shape[3])
        beta = pairs.read(rows[..., 1], x.shape[2], x.shape[3])
        return torch.addcmul(beta, gamma, self.param_free_norm(x))


class InadeGenerator(Decoder):
    """netG of the authors' files; the edge plane that their networks are given is for the discriminator only."""

    def __init__(self, config: InadeConfig) -> None:
        ends = [0]  # of the norms' parts of the noise

        def norm(channels: int, _: int) -> nn.Module:
            size = None if config.sampling == "per_norm" else config.noise_size
            first = 0 if config.sampling == "unified" else ends[-1]
            ends.append(first + (size or channels))
            return InstanceNoiseNorm(channels, config.num_classes, size, slice(first, ends[-1]))

        super().__init__(config.stages, norm)
        self.noise_length = ends[-1]
        self.grid = first_grid(config.height, config.width, config.stages)
        self.fc = nn.Linear(_START_SIZE, config.stages[0].inputs * self.grid[0] * self.grid[1])

    def forward(self, labels: Tensor, instances: Tensor, style: InadeStyle) -> Tensor:
        """Draw for labels and instances [N, H, W] and M = N * K styles."""
        first = self.fc(style.start).unflatten(1, (-1, *self.grid))
        return self.decode(first, _Condition(PairIndex(labels, instances), style.noise))


class InstanceConv2d(nn.Conv2d):
    """A 3x3 convolution that reads only the neighbours of the centre's own instance, without re-normalising."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride=stride, padding=1)

    def forward(self, x: Tensor, instances: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve x [N, I, h, w] with the instances [N, H, W] resized to its grid."""
        height, width = x.shape[2:]
        step = self.stride[0]
        ids = nearest_ids(instances, height, width)[:, None]
        padded, padded_ids = F.pad(x, (1, 1, 1, 1)), F.pad(ids, (1, 1, 1, 1))
        centre = ids[:, :, ::step, ::step]
        taps = []
        for dy in range(3):
            for dx in range(3):
                here = (..., slice(dy, dy + height, step), slice(dx, dx + width, step))
                own = (padded_ids[here] == centre).to(x.dtype)
                taps.append(F.conv2d(padded[here] * own, self.weight[:, :, dy : dy + 1, dx : dx + 1]))
        total = torch.stack(taps).sum(0)
        return total if self.bias is None else total + self.bias[:, None, None]


class InadeEncoder(nn.Module):
    """netE: a photo to four maps, averaged over every instance: mean and log-variance of its scale and shift noise."""

    def __init__(self, config: InadeEncoderConfig, noise_size: int) -> None:
        super().__init__()
        self.config = config
        fan_in = 3
        for number, width in enumerate(config.down, start=1):
            self.add_module(f"layer{number}", InstanceConv2d(fan_in, width, stride=2))
            fan_in = width
        self.middle = InstanceConv2d(fan_in, config.middle)
        fan_in = config.middle
        for number, width in enumerate(config.up, start=1):
            self.add_module(f"up{number}", InstanceConv2d(fan_in + config.down[-1 - number], width))
            fan_in = width
        self.scale_conv_mu = InstanceConv2d(fan_in, noise_size)
        self.scale_conv_var = InstanceConv2d(fan_in, noise_size)
        self.bias_conv_mu = InstanceConv2d(fan_in, noise_size)
        self.bias_conv_var = InstanceConv2d(fan_in, noise_size)

    def _activate(self, x: Tensor) -> Tensor:
        return F.leaky_relu(F.instance_norm(x) if self.config.normalized else x, 0.2)

    def _features(self, images: Tensor, instances: Tensor) -> Tensor:
        x, skips = images, []
        for number in range(1, len(self.config.down) + 1):
            x = self._activate(self.get_submodule(f"layer{number}")(x, instances))
            skips.append(x)
        x = self._activate(self.middle(x, instances))
        for number in range(1, len(self.config.up) + 1):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = torch.cat([x, skips[-1 - number]], 1)
            x = self._activate(self.get_submodule(f"up{number}")(x, instances))
        if self.config.full_resolution:
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return x

    def forward(self, images: Tensor, instances: Tensor, num_instances: int) -> tuple[Tensor, Tensor]:
        """Read photos [N, 3, H, W]: mean and log-variance, [N, I, 2, Z] each; a missing instance has zeros."""
        x = self._features(images, instances)
        own = F.one_hot(nearest_ids(instances, *x.shape[2:]).flatten(1), num_instances).to(x.dtype)  # [N, h w, I]
        pixels = own.sum(1).clamp_min(1)[..., None]

        def average(head: nn.Module) -> Tensor:
            pooled: Tensor = own.movedim(1, 2) @ head(x, instances).flatten(2).movedim(1, 2) / pixels
            return pooled  # [N, I, Z]

        mean = torch.stack([average(self.scale_conv_mu), average(self.bias_conv_mu)], 2)
        log_variance = torch.stack([average(self.scale_conv_var), average(self.bias_conv_var)], 2)
        return mean, log_variance


class Inade(Method[InadeStyle]):
    """INADE; without an encoder it is trained straight from the prior (the paper's "w/o PNR")."""

    scope = "instance"
    generator: InadeGenerator

    def __init__(self, config: InadeConfig) -> None:
        super().__init__()
        if config.encoder and config.sampling == "per_norm":
            raise ValueError("INADE's encoder has no noise to move where every norm draws its own scale and shift.")
        self.config = config
        self.generator = InadeGenerator(config)
        self.encoder = InadeEncoder(config.encoder, config.noise_size) if config.encoder else None

    def planes(self, layout: Layout) -> Tensor:
        """Label planes and the instance edges, on every data set."""
        return semantic_planes(layout, edges=True)

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> InadeStyle:
        """Draw the start vector, then noise for the layout's own instances, whatever its neighbours hold."""
        noise = torch.zeros(len(layout), layout.num_instances, 2, self.generator.noise_length)
        starts = []
        for row, instances, rng in zip(noise, layout.instances, rngs, strict=True):
            starts.append(torch.randn(_START_SIZE, generator=rng))
            own = row[: int(instances.max()) + 1]
            own.copy_(torch.randn(own.shape, generator=rng))
        device = layout.labels.device
        return InadeStyle(noise.to(device), torch.stack(starts).to(device))

    def encode_style(self, images: Tensor, layout: Layout, noise: InadeStyle) -> tuple[InadeStyle, Tensor]:
        """Move every instance's noise to its posterior; the divergence is the mean of scale's and shift's."""
        if self.encoder is None:
            return super().encode_style(images, layout, noise)
        mean, log_variance = self.encoder(images, layout.instances, noise.noise.shape[1])
        copies = noise.noise.shape[-1] // self.config.noise_size  # one, or one per norm
        moved = remap(noise.noise, mean.repeat(1, 1, 1, copies), log_variance.repeat(1, 1, 1, copies))
        return replace(noise, noise=moved), divergence(mean, log_variance) / 2

    def mix_styles(self, base: InadeStyle, other: InadeStyle, layout: Layout, region: Tensor) -> InadeStyle:
        """Take the noise of the instances with a pixel in the region; the start vector stays."""
        taken = layout.instances_in(region)[:, :, None, None]
        return replace(base, noise=torch.where(taken, other.noise, base.noise))

    def synthesize(self, layout: Layout, style: InadeStyle) -> Tensor:
        """Draw images."""
        images: Tensor = self.generator(layout.labels, layout.instances, style)
        return images


_CONFIGS: Mapping[str, InadeConfig] = {
    "cityscapes": InadeConfig(35, height=256, width=512, stages=paper_stages(64, more=True)),
    "ade20k": InadeConfig(151),
    "celebamask-hq": InadeConfig(19),
    "deepfashion": InadeConfig(8),
    "deepfashion2": InadeConfig(8),
    "coco-stuff": InadeConfig(183),
}
# Only the last matched stage and the two deepest perceptual layers count (released code).
_RECIPE = Recipe(first_matched=3, perceptual_layers=(0.0, 0.0, 0.0, 1 / 4, 1.0))

_TINY = InadeConfig(
    8,
    noise_size=8,
    height=64,
    width=64,
    stages=tiny_stages(16),
    encoder=InadeEncoderConfig((16, 32), 16, (16,), normalized=False, full_resolution=False),
)
_TINY_RECIPE = replace(TINY_RECIPE, kl=0.4)

INADE = MethodSpec(
    name="inade",
    paper="Tan et al., Diverse Semantic Image Synthesis via Probability Distribution Modeling, CVPR 2021",
    scope="instance",
    build=Inade,
    configs=_CONFIGS,
    tiny=_TINY,
    recipes=dict.fromkeys(_CONFIGS, _RECIPE),
    tiny_recipe=_TINY_RECIPE,
    files={"generator": ("best_net_G.pth",), "encoder": ("best_net_E.pth", "best_net_IE.pth")},
)


def _variant(name: str, change: Callable[[InadeConfig], InadeConfig]) -> MethodSpec[InadeConfig]:
    configs = {dataset: change(config) for dataset, config in _CONFIGS.items()}
    return replace(INADE, name=name, configs=configs, tiny=change(_TINY))


# Table 4 of the paper.
INADE_64 = _variant("inade-64", lambda config: config)
INADE_8 = replace(
    _variant("inade-8", lambda config: replace(config, noise_size=config.noise_size // 8)),
    note="The authors' files of DeepFashion have this length of noise.",
)
INADE_128 = _variant("inade-128", lambda config: replace(config, noise_size=config.noise_size * 2))
# Table 1 of the paper.
INADE_NO_PNR = replace(
    _variant("inade-no-pnr", lambda config: replace(config, encoder=None)),
    files={"generator": ("best_net_G.pth",)},
)
INADE_NO_US = replace(
    _variant("inade-no-us", lambda config: replace(config, encoder=None, sampling="per_norm")),
    note="Re-constructed: nothing was released. Scales and shifts of every norm are drawn from N(0, 1); no encoder.",
    files={"generator": ()},
)
