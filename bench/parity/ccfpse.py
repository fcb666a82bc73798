"""Goldens of CC-FPSE; its discriminator's are replayed by bench/parity/fpse.py."""

from __future__ import annotations

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.spade import classes_of, drawn, edges_of, layout_of, size_of
from models.base import semantic_planes
from models.ccfpse import CcfpseConfig, CcfpseGenerator
from models.parts.decoder import paper_stages
from models.parts.image_styles import ImageEncoder, SpadeEncoder


def ccfpse_config(golden: Golden) -> CcfpseConfig:
    """Our config for the authors' options; only their Cityscapes network starts from a grid half as large."""
    config = golden.config
    w = config.whole("ngf", 64)
    dataset = config.word("dataset_mode", str(golden.meta.get("variant", "")))
    stages = paper_stages(w, more="cityscapes" in dataset)
    height, width = size_of(config, stages)
    return CcfpseConfig(
        classes_of(config),
        height,
        width,
        edges=edges_of(golden),
        stages=stages,
        pyramid=w,
        z_size=config.whole("z_dim", 256) if config.flag("use_vae", False) else None,
        encoder=_encoder_of(golden),
    )


def _encoder_of(golden: Golden) -> ImageEncoder:
    w = golden.config.whole("ngf", 64)
    return ImageEncoder(256, (w, 2 * w, 4 * w, 8 * w, 8 * w, 8 * w))


def generator(golden: Golden) -> list[Comparison]:
    """netG."""
    config = ccfpse_config(golden)
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    z = None if config.z_size is None else golden.batch("z", len(layout), config.z_size)
    network, results = golden.filled(lambda: CcfpseGenerator(config))
    return results + drawn(golden, network, semantic_planes(layout, edges=config.edges), z)


def encoder(golden: Golden) -> list[Comparison]:
    """netE; its `out` is the mean once more."""
    photos, z_size = golden.enlarged("image_small"), golden.config.whole("z_dim", 256)
    network, results = golden.filled(lambda: SpadeEncoder(_encoder_of(golden), z_size))
    mean, log_variance = network(photos)
    for name, value in (("mu", mean), ("logvar", log_variance), ("out", mean)):
        results += [compare(name, value, golden.array(name)), *golden.statistics(name, value)]
    return results
