"""Goldens of GroupDNet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import discriminator_width, drawn, label_planes, layout_of, norm_of, size_of
from bench.parity.steps import Replay, expected_losses, loss_comparisons
from models.base import semantic_planes
from models.groupdnet.class_maps import ClassEncoder, split_by_class
from models.groupdnet.method import (
    GROUPDNET,
    GroupDNet,
    GroupDNetConfig,
    GroupDNetEncoder,
    GroupDNetGenerator,
)
from models.parts.decoder import Stage, paper_stages
from models.training.recipe import Recipe

_DATASETS = {8: "deepfashion", 19: "celebamask-hq", 35: "cityscapes", 151: "ade20k"}  # by label channels


def groupdnet_config(golden: Golden) -> GroupDNetConfig:
    """Our config of the golden's data set, at the golden's widths."""
    config, dataset = golden.config, _dataset(golden)
    released: GroupDNetConfig = GROUPDNET.configs[dataset]
    norm_of(config, ("syncbatch", "batch"))
    if config.word("num_upsampling_layers", "more") != "more":
        raise GoldenError("config 'num_upsampling_layers' is not 'more', the only one GroupDNet has")
    width = config.whole("ngf", released.stages[-1].outputs // (2 if dataset == "ade20k" else 1))
    if dataset == "ade20k":
        stages = tuple(_scaled(stage, width) for stage in released.stages)
    else:
        stages = tuple(
            replace(a, groups=b.groups) for a, b in zip(paper_stages(width, more=True), released.stages, strict=True)
        )
    size = size_of(config, stages)
    w = config.whole("encoder_ndf", released.encoder.widths[0])
    depth = 6 if config.whole("crop_size", 256) >= 256 else 5
    return replace(
        released,
        stages=stages,
        encoder=ClassEncoder((w, 2 * w, 4 * w, 8 * w, 8 * w, 8 * w)[:depth], size),
        height=size[0],
        width=size[1],
        edges=not config.flag("no_instance", not released.edges),
        latent=config.whole("latent_per_class", 8),
        unused_stage=None if released.unused_stage is None else _scaled(released.unused_stage, width),
    )


def _dataset(golden: Golden) -> str:
    """Find the data set of the network, as the three generators differ in more than sizes."""
    variant, classes = str(golden.meta.get("variant", "")).lower(), label_planes(golden)
    if _DATASETS.get(classes) is None:
        raise GoldenError(f"config 'semantic_nc' is {classes}, expected one of {', '.join(map(str, _DATASETS))}")
    named = [name for name in _DATASETS.values() if name.partition("-")[0] in variant]
    if named and named[0] != _DATASETS[classes]:
        raise GoldenError(f"variant '{variant}' has {classes} label channels")
    return _DATASETS[classes]


def _scaled(stage: Stage, width: int) -> Stage:
    """A block of the ADE20K network, whose widths follow ngf (64) or the classes (16 * 151)."""
    sizes = (size if size == 16 * 151 else size * width // 64 for size in (stage.inputs, stage.outputs))
    inputs, outputs = sizes
    return replace(stage, inputs=inputs, outputs=outputs)


def generator(golden: Golden) -> list[Comparison]:
    """netG with a given z."""
    config = groupdnet_config(golden)
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    grid = (config.height // 64, config.width // 64)
    z = golden.batch("z", len(layout), config.latent * config.num_classes, *grid)
    network, results = golden.filled(lambda: GroupDNetGenerator(config))
    return results + drawn(golden, network, semantic_planes(layout, edges=config.edges), z)


def encoder(golden: Golden) -> list[Comparison]:
    """netE, and the stack of class cuts in front of it."""
    config = groupdnet_config(golden)
    images, labels = golden.photos(), golden.ids("label", config.num_classes)
    if (len(images), *images.shape[2:]) != tuple(labels.shape):
        raise GoldenError(f"array 'image' has shape {list(images.shape)}, 'label' {list(labels.shape)}")
    network, results = golden.filled(lambda: GroupDNetEncoder(config))
    stack = split_by_class(images, labels, config.num_classes, config.encoder.crop)
    mean, log_variance = network(images, labels)
    values = {
        "split_sub": stack[:, :, 5::32, 3::32],
        "split_mean": stack.mean((2, 3)),
        "out": mean,
        "out_logvar": log_variance,
    }
    results += [compare(name, value, golden.array(name)) for name, value in values.items() if name in golden.arrays]
    return results + golden.statistics("out", mean, correction=1)


def training_step(golden: Golden) -> list[Comparison]:
    """Replay two generator passes with a discriminator step between; Adam follows the first generator pass only."""
    config = groupdnet_config(golden)
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    grid = (config.height // 64, config.width // 64)
    eps = golden.tensor("eps", 3, len(layout), config.latent * config.num_classes, *grid)
    replay = Replay(golden, lambda: GroupDNet(config), layout, _recipe(golden), discriminator_width(golden))
    results = [c for letter, network in replay.networks().items() for c in golden.check(network, letter)]
    for letter, network in replay.networks().items():
        golden.fill(network, letter)
    vgg = golden.mapping("vgg")
    replace(golden, meta={"salt": vgg.get("salt"), "gain": vgg.get("gain")}).fill(replay.perceptual)
    replay.start()
    first = replay.generator(eps[0], update=True)
    results += [golden.image("out", replay.fake), *golden.statistics("out", replay.fake, correction=1)]
    second = replay.discriminator(eps[1], update=True)
    third = replay.generator(eps[2], update=False)
    results.append(golden.image("out2", replay.fake, tolerance=5e-3))
    return (
        results
        + loss_comparisons("g1", first, expected_losses(golden, "g1"), 1e-5, 0.0)
        + loss_comparisons("d1", second, expected_losses(golden, "d1"), 1e-5, 0.0)
        + loss_comparisons("g2", third, expected_losses(golden, "g2"), 1e-3, 0.0)
        + loss_comparisons("first steps", first | second, _gradient_norms(golden), 0.0, 1e-3)
    )


def _recipe(golden: Golden) -> Recipe:
    """GroupDNet's recipe with the weights and rates that the golden's options state."""
    config, recipe = golden.config, Recipe()
    return replace(
        recipe,
        lr_generator=config.real("lr_G", recipe.lr_generator),
        lr_discriminator=config.real("lr_D", recipe.lr_discriminator),
        feature_matching=config.real("lambda_feat", recipe.feature_matching),
        perceptual=config.real("lambda_vgg", recipe.perceptual),
        kl=config.real("lambda_kld", recipe.kl),
    )


def _gradient_norms(golden: Golden) -> Mapping[str, float]:
    norms = golden.mapping("grad_norms_first_steps")
    return {f"grad_norm_net{letter}": value for letter, value in norms.items()}
