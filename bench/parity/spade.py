"""Goldens of SPADE's code base: SPADE, VSPADE, and the discriminator that all its descendants share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.golden import Comparison, Golden, compare
from bench.parity.steps import spade_family_steps
from models._blocks.decoder import Stage, paper_stages
from models._discriminators import MultiscaleDiscriminator
from models._recipe import Recipe
from models.base import Layout, semantic_planes
from models.spade import ImageEncoder, Spade, SpadeConfig, SpadeEncoder, SpadeGenerator


def layout_of(golden: Golden) -> Layout:
    """The golden's labels and instances as a layout; without instances there is one everywhere."""
    config = golden.config
    labels = golden.batch("label", 3)
    instances = golden.batch("instance", 3) if "instance" in golden.arrays else torch.zeros_like(labels)
    return Layout(labels, instances, config["label_nc"] + bool(config["contain_dontcare_label"]))


def size_of(config: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width from the crop size, which is the width, and the aspect ratio."""
    return round(config["crop_size"] / config["aspect_ratio"]), config["crop_size"]


def stages_of(config: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The decoder's blocks; "most" adds an eighth."""
    kind, width = config["num_upsampling_layers"], config["ngf"]
    stages = paper_stages(width, more=kind != "normal")
    return (*stages, Stage("up_4", width, width // 2)) if kind == "most" else stages


def spade_config(config: Mapping[str, Any]) -> SpadeConfig:
    """Our config for the authors' options."""
    height, width = size_of(config)
    kernel = re.search(r"(\d)x\d", config["norm_G"])
    ngf, depth = config["ngf"], 6 if config["crop_size"] >= 256 else 5
    widths = (ngf, 2 * ngf, 4 * ngf, 8 * ngf, 8 * ngf, 8 * ngf)[:depth]
    return SpadeConfig(
        config["label_nc"] + bool(config["contain_dontcare_label"]),
        height,
        width,
        edges=not config["no_instance"],
        stages=stages_of(config),
        kernel=int(kernel[1]) if kernel else 3,
        z_size=config["z_dim"] if config["use_vae"] else None,
        encoder=ImageEncoder(256, widths) if config["use_vae"] else None,
    )


def counted_macs(golden: Golden, counter: FlopCounterMode) -> list[Comparison]:
    """Compare multiply-adds with the golden's, where it has them."""
    expected = golden.meta.get("generator_macs")
    return [] if expected is None else [Comparison("multiply-adds", abs(counter.get_total_flops() / 2 - expected), 0.0)]


def image_comparisons(golden: Golden, image: Tensor, *, correction: int = 0) -> list[Comparison]:
    """Compare a tanh image stored at every fourth pixel."""
    out = compare("out", image[:, :, ::4, ::4], golden.arrays["out"], relative=False)
    return [out, *golden.statistics("out", image, correction=correction)]


def generator(golden: Golden) -> list[Comparison]:
    """netG of SPADE and VSPADE."""
    config = spade_config(golden.config)
    network = SpadeGenerator(config).eval()
    results = golden.fill(network)
    planes = semantic_planes(layout_of(golden), edges=config.edges)
    with FlopCounterMode(display=False) as counter:
        image = network(planes, golden.batch("z", 2) if config.z_size is not None else None)
    return results + counted_macs(golden, counter) + image_comparisons(golden, image)


def encoder(golden: Golden) -> list[Comparison]:
    """netE of VSPADE."""
    config = spade_config({**golden.config, "use_vae": True})
    assert config.encoder is not None
    assert config.z_size is not None
    network = SpadeEncoder(config.encoder, config.z_size).eval()
    results = golden.fill(network)
    for name, value in zip(("mu", "logvar"), network(golden.batch("image", 4)), strict=True):
        results += [compare(name, value, golden.arrays[name]), *golden.statistics(name, value)]
    return results


def discriminator(golden: Golden) -> list[Comparison]:
    """netD of the whole family: per scale four features, sub-sampled, and the complete logits."""
    config = golden.config
    planes = semantic_planes(layout_of(golden), edges=not config["no_instance"])
    network = MultiscaleDiscriminator(
        planes.shape[1] + 3,
        width=config.get("ndf_discriminator", config.get("ndf", 64)),
        layers=config.get("n_layers_D", 4),
        scales=config.get("num_D", 2),
    ).eval()
    results = golden.fill(network)
    for scale, stages in enumerate(network(torch.cat([planes, photos(golden)], 1))):
        for number, feature in enumerate(stages[:-1]):
            name, step = f"feat_{scale}_{number}", max(1, feature.shape[1] // 8)
            statistics = [float(feature.mean()), float(feature.std(correction=0))]
            if name in golden.arrays:
                results.append(compare(name, feature[:, ::step, ::8, ::8], golden.arrays[name]))
            if f"featstat_{scale}_{number}" in golden.arrays:
                results.append(compare(f"featstat_{scale}_{number}", statistics, golden.arrays[f"featstat_{scale}_{number}"]))
        results.append(compare(f"pred_{scale}", stages[-1], golden.arrays[f"pred_{scale}"]))
    return results


def photos(golden: Golden) -> Tensor:
    """The golden's photos [N, 3, H, W] in [-1, 1], stored as such or as 8-bit [N, H, W, 3]."""
    if golden.arrays["image"].dtype.kind == "u":
        return golden.batch("image", 4).movedim(-1, 1).float().div(255).sub(0.5).div(0.5)
    return golden.batch("image", 4)


def training_step(golden: Golden) -> list[Comparison]:
    """Losses and gradients of SPADE's and VSPADE's loop."""
    method = Spade(spade_config(golden.config))

    def noise(iteration: int, player: str) -> Tensor | None:
        name = f"eps_{iteration}_{player}"
        return golden.tensor(name) if name in golden.arrays else None

    return spade_family_steps(golden, method, layout_of(golden), noise, Recipe())
