"""Goldens of INADE."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.golden import Comparison, Golden, compare
from bench.parity.spade import counted_macs, image_comparisons, layout_of, photos, size_of, stages_of
from bench.parity.steps import spade_family_steps
from models.inade import INADE, Inade, InadeConfig, InadeEncoder, InadeEncoderConfig, InadeGenerator, InadeStyle


def inade_config(golden: Golden) -> InadeConfig:
    """Our config for the authors' options; the encoder's widths follow ngf."""
    config = golden.config
    height, width = size_of(config)
    w = config["ngf"]
    encoder = InadeEncoderConfig((w, 2 * w, 4 * w, 8 * w), 4 * w, (2 * w, w, w))
    return InadeConfig(
        config["label_nc"] + bool(config["contain_dontcare_label"]),
        config["noise_nc"],
        height,
        width,
        stages_of(config),
        encoder if config["use_vae"] else None,
    )


def generator(golden: Golden) -> list[Comparison]:
    """netG with given noise."""
    network = InadeGenerator(inade_config(golden)).eval()
    results = golden.fill(network)
    layout = layout_of(golden)
    style = InadeStyle(golden.batch("noise", 4), golden.batch("noise_ins", 2))
    with FlopCounterMode(display=False) as counter:
        image = network(layout.labels, layout.instances, style)
    return results + counted_macs(golden, counter) + image_comparisons(golden, image)


def encoder(golden: Golden) -> list[Comparison]:
    """netE: four pooled maps."""
    config = inade_config(golden)
    assert config.encoder is not None
    network = InadeEncoder(config.encoder, config.noise_size).eval()
    results = golden.fill(network)
    mean, log_variance = network(photos(golden), golden.batch("instance", 3), golden.meta["n_inst"])
    outputs = {
        "scale_mu": mean[:, :, 0],
        "scale_logvar": log_variance[:, :, 0],
        "bias_mu": mean[:, :, 1],
        "bias_logvar": log_variance[:, :, 1],
    }
    for name, value in outputs.items():
        results += [compare(name, value, golden.arrays[name]), *golden.statistics(name, value)]
    return results


def training_step(golden: Golden) -> list[Comparison]:
    """Losses and gradients of INADE's loop."""

    def noise(iteration: int, player: str) -> InadeStyle:
        name = f"{iteration}_{player}"
        return InadeStyle(golden.tensor(f"noise_{name}"), golden.tensor(f"noise_ins_{name}"))

    method = Inade(inade_config(golden))
    return spade_family_steps(golden, method, layout_of(golden), noise, INADE.recipes["deepfashion"])
