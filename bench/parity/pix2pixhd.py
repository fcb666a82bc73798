"""Goldens of pix2pixHD, from its own repository and from SPADE's, where it also makes pix2pixHD++."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import (
    _feature_comparisons,
    classes_of,
    discriminator_width,
    drawn,
    edges_of,
    label_planes,
    layout_of,
)
from bench.parity.steps import Replay, expected_losses, loss_comparisons
from models.base import Layout, semantic_planes
from models.pix2pixhd import PIX2PIXHD, Pix2PixHD, Pix2PixHDConfig, Pix2PixHDGenerator
from models.training.multiscale_discriminator import PlainDiscriminator
from models.training.recipe import Recipe

# The norms a golden may name -> ours, and whether it is the network of pix2pixHD's own repository.
_NORMS: Mapping[str, tuple[str, bool]] = {
    "instance": ("instance", True),
    "spectralinstance": ("instance", False),
    "spectralbatch": ("batch", False),
    "spectralsync_batch": ("batch", False),
}
# The authors' names of the losses -> ours, and the factor between them, as theirs are not halved yet.
_LOSSES: Mapping[str, tuple[str, float]] = {
    "G_GAN": ("GAN", 1.0),
    "G_GAN_Feat": ("GAN_Feat", 1.0),
    "G_VGG": ("VGG", 1.0),
    "grad_norm_netG": ("grad_norm_netG", 1.0),
    "D_fake": ("D_Fake", 2.0),
    "D_real": ("D_real", 2.0),
    "grad_norm_netD": ("grad_norm_netD", 1.0),
}


def pix2pixhd_config(golden: Golden) -> Pix2PixHDConfig:
    """Our config for the authors' options, which have other names in the two repositories."""
    config = golden.config
    word = config.word("norm_G", config.word("norm", "instance"))
    if word not in _NORMS:
        raise GoldenError(f"config 'norm_G' is '{word}', expected {' or '.join(_NORMS)}")
    norm, original = _NORMS[word]
    downsamplings = config.whole("n_downsample_global", config.whole("resnet_n_downsample", 4), at_most=8)
    return Pix2PixHDConfig(
        classes_of(config),
        edges=edges_of(golden),
        base=config.whole("ngf", 64),
        downsamplings=downsamplings,
        blocks=config.whole("n_blocks_global", config.whole("resnet_n_blocks", 9), at_most=64),
        norm="batch" if norm == "batch" else "instance",
        original=original,
    )


def _layout(golden: Golden, config: Pix2PixHDConfig) -> Layout:
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    if any(side % 2**config.downsamplings for side in layout.labels.shape[1:]):
        raise GoldenError(f"array 'label' has sides that 2^{config.downsamplings} does not divide")
    return layout


def generator(golden: Golden) -> list[Comparison]:
    """netG of either repository."""
    config = pix2pixhd_config(golden)
    layout = _layout(golden, config)
    network, results = golden.filled(lambda: Pix2PixHDGenerator(config))
    return results + drawn(golden, network, semantic_planes(layout, edges=config.edges))


def discriminator(golden: Golden) -> list[Comparison]:
    """netD of pix2pixHD's repository: per scale all features, sub-sampled, and the complete logits."""
    edges, options = edges_of(golden), _counted_as_in_spade(golden).config
    layout = layout_of(golden, label_planes(golden), instances=edges)
    inputs = torch.cat([semantic_planes(layout, edges=edges), golden.photos()], 1)
    layers, scales = options.whole("n_layers_D"), options.whole("num_D", 2, at_most=8)
    width = discriminator_width(golden)
    network, results = golden.filled(
        lambda: PlainDiscriminator(inputs.shape[1], width=width, layers=layers, scales=scales)
    )
    for scale, stages in enumerate(network(inputs)):
        for number, feature in enumerate(stages[:-1]):
            results += _feature_comparisons(golden, f"{scale}_{number}", feature)
        results += [compare(f"pred_{scale}", stages[-1], golden.array(f"pred_{scale}"))]
        results += golden.statistics(f"pred_{scale}", stages[-1])
    return results


def _counted_as_in_spade(golden: Golden) -> Golden:
    """`n_layers_D` leaves out the first convolution, in SPADE's repository it does not."""
    layers = golden.config.whole("n_layers_D", 3, at_most=15) + 1
    return replace(golden, meta={**golden.meta, "config": {**golden.mapping("config"), "n_layers_D": layers}})


def training_step(golden: Golden) -> list[Comparison]:
    """Losses and gradients of two iterations; deviations measured between implementations: 4e-7 and 1e-6."""
    config, options = pix2pixhd_config(golden), golden.config
    recipe = replace(
        PIX2PIXHD.recipes["cityscapes"],
        lr_generator=options.real("lr", 2e-4),
        lr_discriminator=options.real("lr", 2e-4),
        betas=(options.real("beta1", 0.5), options.real("beta2", 0.999)),
        feature_matching=options.real("lambda_feat", 10.0),
        perceptual=options.real("lambda_feat", 10.0),
    )
    replay = _started(golden, config, recipe)
    results = [c for letter, part in replay.networks().items() for c in golden.check(part, f"net{letter}")]
    for part, tolerance, norm in (("iteration_0", 1e-5, 1e-4), ("iteration_1", 1e-4, 1e-3)):
        ours = replay.generator(None, update=True)
        if part == "iteration_0":
            results.append(golden.image("fake_0", replay.fake))
        ours |= replay.discriminator(None, update=True)
        named = {name: factor * ours[source] for name, (source, factor) in _LOSSES.items()}
        results += loss_comparisons(part, named, expected_losses(golden, part), tolerance, norm)
    return results


def _started(golden: Golden, config: Pix2PixHDConfig, recipe: Recipe) -> Replay:
    layout = _layout(golden, config)
    replay = Replay(
        _counted_as_in_spade(golden), lambda: Pix2PixHD(config), layout, recipe, golden.config.whole("ndf", 64)
    )
    for letter, network in replay.networks().items():
        golden.fill(network, f"net{letter}")
    golden.fill(replay.perceptual, "vgg19", prefix="vgg19.")
    replay.start()
    return replay
