"""Goldens of SPADE's code base: SPADE, VSPADE, and the discriminator that all its descendants share."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import Config, GoldenError
from bench.parity.steps import spade_family_steps
from models.base import Layout, semantic_planes
from models.parts.decoder import Stage, paper_stages
from models.parts.image_styles import ImageEncoder, SpadeEncoder
from models.spade import Spade, SpadeConfig, SpadeGenerator
from models.training.multiscale_discriminator import MultiscaleDiscriminator
from models.training.recipe import Recipe

_PIXELS = 2**20  # of the largest network's image


def classes_of(config: Config) -> int:
    """Label planes, the don't-care class among them."""
    return config.whole("label_nc") + config.flag("contain_dontcare_label", False)


def edges_of(golden: Golden) -> bool:
    """Whether an instance-edge plane follows the label planes."""
    if golden.method == "inade":
        return True  # on every data set
    return not golden.config.flag("no_instance", "instance" not in golden.arrays)


def layout_of(golden: Golden, classes: int, *, instances: bool) -> Layout:
    """The golden's labels and, where they matter, instances."""
    labels = golden.ids("label", classes)
    if not instances:
        return Layout(labels, torch.zeros_like(labels), classes)
    ids = golden.ids("instance")
    if ids.shape != labels.shape:
        raise GoldenError(f"array 'instance' has shape {list(ids.shape)}, 'label' {list(labels.shape)}")
    return Layout(labels, ids, classes)


def size_of(config: Config, stages: Sequence[Stage]) -> tuple[int, int]:
    """Height and width: the authors halve the crop size, which is the width, and then apply the aspect ratio."""
    scale = 2 ** sum(stage.upsample for stage in stages)
    columns = config.whole("crop_size", 256) // scale
    ratio = config.real("aspect_ratio", 1.0)
    rows = round(columns / ratio) if ratio > 0 else 0
    if rows < 1 or columns < 1 or rows * columns * scale**2 > _PIXELS:
        raise GoldenError(f"crop_size and aspect_ratio make an image of {rows * scale}x{columns * scale} pixels")
    return rows * scale, columns * scale


def stages_of(config: Config) -> tuple[Stage, ...]:
    """The decoder's blocks; "most" adds an eighth."""
    kind, width = config.word("num_upsampling_layers", "normal"), config.whole("ngf", 64)
    if kind not in ("normal", "more", "most"):
        raise GoldenError(f"config 'num_upsampling_layers' is '{kind}', expected normal, more or most")
    stages = paper_stages(width, more=kind != "normal")
    return (*stages, Stage("up_4", width, width // 2)) if kind == "most" else stages


def norm_of(config: Config, norms: tuple[str, ...]) -> tuple[str, int]:
    """The parameter-free norm, one of `norms`, and the kernel size, from a word such as spectralspadesyncbatch3x3."""
    word = config.word("norm_G", "spectralspadesyncbatch3x3")
    parts = re.fullmatch(r"spectralspade([a-z]+)([135])x\2", word)
    if parts is None or parts[1] not in norms:
        raise GoldenError(f"config 'norm_G' is '{word}', expected spectralspade, {' or '.join(norms)}, and 3x3")
    return parts[1], int(parts[2])


def spade_config(golden: Golden) -> SpadeConfig:
    """Our config for the authors' options."""
    config = golden.config
    stages = stages_of(config)
    height, width = size_of(config, stages)
    norm, kernel = norm_of(config, ("syncbatch", "batch", "instance"))
    has_z = golden.network == "netE" or config.flag("use_vae", golden.method == "vspade")
    w, depth = config.whole("ngf", 64), 6 if config.whole("crop_size", 256) >= 256 else 5
    return SpadeConfig(
        classes_of(config) if "label_nc" in config or golden.network != "netE" else 1,
        height,
        width,
        edges=edges_of(golden),
        stages=stages,
        kernel=kernel,
        norm="instance" if norm == "instance" else "batch",
        z_size=config.whole("z_dim", 256) if has_z else None,
        encoder=ImageEncoder(256, (w, 2 * w, 4 * w, 8 * w, 8 * w, 8 * w)[:depth]) if has_z else None,
    )


def counted_macs(golden: Golden, counter: FlopCounterMode) -> list[Comparison]:
    """Compare multiply-adds with the golden's, where it has them."""
    expected = golden.meta.get("generator_macs")
    return [] if expected is None else [Comparison("multiply-adds", abs(counter.get_total_flops() / 2 - expected), 0.0)]


def drawn(golden: Golden, network: nn.Module, *inputs: object) -> list[Comparison]:
    """Draw the golden's image and compare it, and what drawing took."""
    with FlopCounterMode(display=False) as counter:
        image = network(*inputs)
    return [*counted_macs(golden, counter), golden.image("out", image), *golden.statistics("out", image)]


def generator(golden: Golden) -> list[Comparison]:
    """netG of SPADE and VSPADE."""
    config = spade_config(golden)
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    z = None if config.z_size is None else golden.batch("z", len(layout), config.z_size)
    network, results = golden.filled(lambda: SpadeGenerator(config))
    return results + drawn(golden, network, semantic_planes(layout, edges=config.edges), z)


def encoder(golden: Golden) -> list[Comparison]:
    """netE of VSPADE."""
    config = spade_config(golden)
    sizes, z_size = config.encoder, config.z_size
    assert sizes is not None
    assert z_size is not None
    photos = golden.photos()
    network, results = golden.filled(lambda: SpadeEncoder(sizes, z_size))
    for name, value in zip(("mu", "logvar"), network(photos), strict=True):
        results += [compare(name, value, golden.array(name)), *golden.statistics(name, value)]
    return results


def discriminator(golden: Golden) -> list[Comparison]:
    """netD of the whole family: per scale all features, sub-sampled, and the complete logits."""
    config, edges = golden.config, edges_of(golden)
    layout = layout_of(golden, label_planes(golden), instances=edges)
    planes, photos = semantic_planes(layout, edges=edges), golden.photos()
    if photos.shape[0] != planes.shape[0] or photos.shape[2:] != planes.shape[2:]:
        raise GoldenError(f"array 'image' has shape {list(photos.shape)}, 'label' {list(layout.labels.shape)}")
    layers, scales = config.whole("n_layers_D", 4, at_most=16), config.whole("num_D", 2, at_most=8)
    width = discriminator_width(golden)
    network, results = golden.filled(
        lambda: MultiscaleDiscriminator(planes.shape[1] + 3, width=width, layers=layers, scales=scales)
    )
    for scale, stages in enumerate(network(torch.cat([planes, photos], 1))):
        for number, feature in enumerate(stages[:-1]):
            results += _feature_comparisons(golden, f"{scale}_{number}", feature)
        results += [compare(f"pred_{scale}", stages[-1], golden.array(f"pred_{scale}"))]
        results += golden.statistics(f"pred_{scale}", stages[-1])
    return results


def _feature_comparisons(golden: Golden, place: str, feature: Tensor) -> list[Comparison]:
    step = max(1, feature.shape[1] // 8)
    moments = [float(feature.mean()), float(feature.std(correction=0))]
    values = {f"feat_{place}": feature[:, ::step, ::8, ::8], f"featstat_{place}": moments}
    return [compare(name, value, golden.array(name)) for name, value in values.items() if name in golden.arrays]


def label_planes(golden: Golden) -> int:
    """Label planes of any method; GroupDNet's count of them leaves out the edges and includes don't-care."""
    if golden.method == "groupdnet":
        return golden.config.whole("semantic_nc")
    return classes_of(golden.config)


def discriminator_width(golden: Golden) -> int:
    """The first width; GroupDNet's `ndf` is its encoder's."""
    own = 64 if golden.method == "groupdnet" else golden.config.whole("ndf", 64)
    return golden.config.whole("ndf_discriminator", own)


def training_step(golden: Golden) -> list[Comparison]:
    """Losses and gradients of SPADE's and VSPADE's loop."""
    config = spade_config(golden)
    layout = layout_of(golden, config.num_classes, instances=config.edges)

    def noise(iteration: int, player: str) -> Tensor | None:
        if config.z_size is None:
            return None
        return golden.tensor(f"eps_{iteration}_{player}", len(layout), config.z_size)

    return spade_family_steps(golden, lambda: Spade(config), layout, noise, Recipe())
