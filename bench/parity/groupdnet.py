"""Goldens of GroupDNet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.golden import Comparison, Golden, compare
from bench.parity.spade import counted_macs, image_comparisons, layout_of, photos, size_of
from bench.parity.steps import Replay, loss_comparisons
from models._blocks.decoder import paper_stages
from models._recipe import Recipe
from models.base import Layout, semantic_planes
from models.groupdnet import (
    GROUPDNET,
    ClassEncoder,
    GroupDNet,
    GroupDNetConfig,
    GroupDNetEncoder,
    GroupDNetGenerator,
    split_by_class,
)

_DATASETS = {8: "deepfashion", 19: "celebamask-hq", 35: "cityscapes", 151: "ade20k"}  # by label channels


def groupdnet_config(golden: Golden) -> GroupDNetConfig:
    """Our config of the data set with this number of labels, at the golden's widths."""
    config = golden.config
    released: GroupDNetConfig = GROUPDNET.configs[_DATASETS[config["semantic_nc"]]]
    height, width = size_of(config)
    stages = released.stages
    if config["semantic_nc"] != 151:  # ADE20K's widths are not multiples of ngf
        narrow = paper_stages(config["ngf"], more=True)
        stages = tuple(replace(a, groups=b.groups) for a, b in zip(narrow, stages, strict=True))
    w = config["encoder_ndf"]
    return replace(
        released,
        stages=stages,
        encoder=ClassEncoder((w, 2 * w, 4 * w, 8 * w, 8 * w, 8 * w), (height, width)),
        height=height,
        width=width,
        edges=not config["no_instance"],
        latent=config["latent_per_class"],
    )


def _layout(golden: Golden) -> Layout:
    """GroupDNet's label channels include the unknown class, so nothing is added to them."""
    layout = layout_of(golden)
    return replace(layout, num_classes=golden.config["semantic_nc"])


def generator(golden: Golden) -> list[Comparison]:
    """netG with a given z."""
    config = groupdnet_config(golden)
    network = GroupDNetGenerator(config).eval()
    results = golden.fill(network)
    planes = semantic_planes(_layout(golden), edges=config.edges)
    with FlopCounterMode(display=False) as counter:
        image = network(planes, golden.batch("z", 4))
    return results + counted_macs(golden, counter) + image_comparisons(golden, image)


def encoder(golden: Golden) -> list[Comparison]:
    """netE, and the stack of class cuts in front of it."""
    config = groupdnet_config(golden)
    network = GroupDNetEncoder(config).eval()
    results = golden.fill(network)
    images, labels = photos(golden), golden.batch("label", 3)
    stack = split_by_class(images, labels, config.num_classes, config.encoder.crop)
    mean, log_variance = network(images, labels)
    results += [
        compare("split_sub", stack[:, :, 5::32, 3::32], golden.arrays["split_sub"]),
        compare("split_mean", stack.mean((2, 3)), golden.arrays["split_mean"]),
        compare("out", mean, golden.arrays["out"]),
        compare("out_logvar", log_variance, golden.arrays["out_logvar"]),
    ]
    return results + golden.statistics("out", mean, correction=1)


def training_step(golden: Golden) -> list[Comparison]:
    """Two generator passes with a discriminator step between; only the first generator pass is followed by Adam."""
    method = GroupDNet(groupdnet_config(golden))
    replay = Replay(golden, method, Recipe(), photos(golden), _layout(golden))
    results = []
    for letter, network in replay.networks().items():
        results += golden.fill(network, letter)
    perceptual = replay.objective.perceptual
    assert perceptual is not None
    vgg = golden.meta["vgg"]
    replace(golden, meta={"salt": vgg["salt"], "gain": vgg["gain"]}).fill(perceptual)
    replay.objective.train()
    eps = golden.tensor("eps")
    expected: Mapping[str, Mapping[str, float]] = golden.meta["losses"]
    first = replay.generator(eps[0], update=True)
    assert replay.objective.fake is not None
    results.append(compare("out", replay.objective.fake[:, :, ::8, ::8], golden.arrays["out"], relative=False))
    results += golden.statistics("out", replay.objective.fake, correction=1)
    second = replay.discriminator(eps[1], update=True)
    third = replay.generator(eps[2], update=False)
    results.append(
        compare("out2", replay.objective.fake[:, :, ::8, ::8], golden.arrays["out2"], tolerance=5e-3, relative=False)
    )
    norms = {f"grad_norm_net{letter}": value for letter, value in golden.meta["grad_norms_first_steps"].items()}
    return (
        results
        + loss_comparisons("g1", first, expected["g1"], 1e-5, 0.0)
        + loss_comparisons("d1", second, expected["d1"], 1e-5, 0.0)
        + loss_comparisons("g2", third, expected["g2"], 1e-3, 0.0)
        + loss_comparisons("first steps", first | second, norms, 0.0, 1e-3)
    )
