"""SC-GAN's generator written down plainly, layer by layer, from its state dict: another way to the same numbers."""

from typing import NamedTuple

import torch
from torch.nn import functional as F

SHARES = {
    "softmax": lambda v: 1 / (v[:, None] - v[:, :, None]).exp().sum(2),
    "sigmoid": lambda v: 1 / (1 + (-v).exp()),
    "tanh": lambda v: (v.exp() - (-v).exp()) / (v.exp() + (-v).exp()),
    "hardtanh": lambda v: v.clamp(-1, 1),
    "relu": lambda v: v.clamp_min(0),
    "none": lambda v: v,
}


class Drawn(NamedTuple):
    image: torch.Tensor
    vector_image: torch.Tensor | None
    features: list[torch.Tensor]  # whose averages are the vectors, the coarsest first


class PlainScgan:
    """Nothing is shared or divided in advance: every call computes every spectral norm and every map of every image."""

    def __init__(self, state, config):
        self.state, self.config = state, config

    def has(self, key):
        return key in self.state

    def conv(self, name, x):
        weight = self.state.get(f"{name}.weight")
        if weight is None:
            weight = self.state[f"{name}.weight_orig"]
            u, v = self.state[f"{name}.weight_u"], self.state[f"{name}.weight_v"]
            weight = weight / (u @ weight.flatten(1) @ v)
        return F.conv2d(x, weight, self.state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def free_norm(self, name, x):
        mean, variance = (self.state[f"{name}.running_{kind}"][:, None, None] for kind in ("mean", "var"))
        return (x - mean) / (variance + 1e-5).sqrt()

    def spade_norm(self, name, x, planes):
        hidden = F.relu(self.conv(f"{name}.mlp_shared.0", F.interpolate(planes, size=x.shape[2:], mode="nearest")))
        gamma, beta = self.conv(f"{name}.mlp_gamma", hidden), self.conv(f"{name}.mlp_beta", hidden)
        return self.free_norm(f"{name}.param_free_norm", x) * (1 + gamma) + beta

    def norm(self, name, x, shares):
        if self.config.norm == "batch":
            weight, bias = (self.state[f"{name}.{kind}"][:, None, None] for kind in ("weight", "bias"))
            return self.free_norm(name, x) * weight + bias
        rows = self.state[f"{name}.affine_params_groups"]
        blended = sum(shares[:, i : i + 1] * row[:, None, None] for i, row in enumerate(rows))
        gamma, beta = blended[:, : x.shape[1]], blended[:, x.shape[1] :]
        return self.free_norm(f"{name}.param_free_norm", x) * (1 + gamma) + beta

    def shared_conv(self, name, x, shares):
        if self.config.conv == "concat":
            x, shares = torch.cat([x, shares], 1), torch.ones_like(shares)
        parts = [self.conv(f"{name}.conv_bases.{i}", x) for i in range(self.config.candidates)]
        return sum(shares[:, i : i + 1] * part for i, part in enumerate(parts))

    def block(self, name, x, shares, planes):
        of_convs, of_norms = shares
        main = F.leaky_relu(self.norm(f"{name}.norm_0", x, of_norms), 0.2)
        main = self.shared_conv(f"{name}.conv_0", main, of_convs)
        main = F.leaky_relu(self.norm(f"{name}.norm_1", main, of_norms), 0.2)
        main = self.shared_conv(f"{name}.conv_1", main, of_convs)
        if self.has(f"{name}.conv_s.weight_orig"):
            x = self.conv(f"{name}.conv_s", self.spade_norm(f"{name}.norm_s", x, planes))
        return x + main

    def vector_features(self, planes):
        part, features = "pyramid_spaital_routing.labelDec", []
        for level, labels in enumerate(pyramid(planes, self.config), start=1):
            x, first = labels, 0
            if features:
                x = torch.cat([F.interpolate(features[-1], scale_factor=2, mode="nearest"), labels], 1)
                x, first = F.leaky_relu(x, 0.2), 1
            x = F.leaky_relu(self.conv(f"{part}{level}.{first}", x), 0.2)
            features.append(self.conv(f"{part}{level}.{first + 2}", x))
        return features

    def shares(self, features):
        share = SHARES[self.config.nonlinearity]
        sizes = self.config.candidates, self.config.norm_candidates
        return [share(self.config.temperature * averages(features, size)) for size in sizes]

    def __call__(self, planes, z=None):
        """Draw one image per plane stack, or per z, whose planes are then repeated."""
        stages = self.config.stages
        planes = planes if z is None else planes.repeat_interleave(len(z) // len(planes), 0)
        features = self.vector_features(planes)
        if z is None:
            x = self.conv("fc", F.interpolate(planes, size=features[0].shape[2:], mode="nearest"))
        else:
            x = F.linear(z, self.state["fc.weight"], self.state["fc.bias"]).view(len(z), -1, *features[0].shape[2:])
        level = 0
        for stage in stages:
            if stage.upsample:
                x, level = F.interpolate(x, scale_factor=2, mode="nearest"), level + 1
            x = self.block(stage.name, x, self.shares(features[level]), planes)
        image = self.conv("conv_img", F.leaky_relu(x, 0.2)).clamp(-1, 1)
        name, vector_image = "pyramid_spaital_routing.toRGB", None
        if self.has(f"{name}.0.weight"):
            hidden = F.leaky_relu(self.conv(f"{name}.0", features[-1]), 0.2)
            vector_image = self.conv(f"{name}.2", hidden).clamp(-1, 1)
        return Drawn(image, vector_image, features)


def averages(features, size):
    """Part j holds the channels from floor(j C / n) to ceil((j + 1) C / n) - 1."""
    channels = features.shape[1]
    bounds = [(j * channels // size, -(-(j + 1) * channels // size)) for j in range(size)]
    return torch.stack([features[:, first:end].mean(1) for first, end in bounds], 1)


def blurred(planes, blur):
    offsets = [(i - blur.size // 2) ** 2 / (2 * blur.deviation**2) for i in range(blur.size)]
    kernel = torch.tensor([[2.718281828459045 ** -(a + b) for a in offsets] for b in offsets])
    mask = planes
    for _ in range(blur.rounds):
        spread = F.conv2d(planes.flatten(0, 1)[:, None], kernel[None, None], padding=blur.size // 2)
        planes = spread.view(planes.shape) * mask
    return planes


def pyramid(planes, config):
    """The labels of every grid, the coarsest first."""
    blur, levels = config.blur, len(config.vector_widths)
    if blur is not None and blur.levels is None:
        classes, edges = planes[:, : config.num_classes], planes[:, config.num_classes :]
        planes = torch.cat([blurred(classes, blur), edges], 1)
    maps = [planes]
    for below in range(1, levels):
        size = [side // 2 for side in maps[-1].shape[2:]]
        if blur is None or blur.levels is None:
            maps.append(F.interpolate(maps[-1], size=size, mode="bilinear", align_corners=False))
        else:
            maps.append(F.interpolate(maps[-1], size=size, mode="nearest"))
            if below + 1 < blur.levels + 1:
                maps[-1] = blurred(maps[-1], blur)
    if blur is not None and blur.levels is not None:
        maps[0] = blurred(maps[0], blur)
    return maps[::-1]
