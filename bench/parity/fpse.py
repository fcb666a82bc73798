"""Goldens of the feature-pyramid discriminator, from the repositories of CC-FPSE and SC-GAN."""

from __future__ import annotations

from torch import Tensor

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import classes_of, edges_of, layout_of
from models.base import semantic_planes
from models.training.fpse_discriminator import FpseDiscriminator


def discriminator(golden: Golden) -> list[Comparison]:
    """netD: features, sub-sampled and as statistics, and the complete maps of logits."""
    config, edges = golden.config, edges_of(golden)
    if config.word("netD", "fpse") != "fpse":
        raise GoldenError(f"config 'netD' is '{config.word('netD')}', expected fpse")
    layout = layout_of(golden, classes_of(config), instances=edges)
    planes, photos = semantic_planes(layout, edges=edges), golden.enlarged("image_small")
    if len(photos) != len(planes) or photos.shape[2:] != planes.shape[2:] or any(n % 32 for n in photos.shape[2:]):
        raise GoldenError(f"images have shape {list(photos.shape)}, 'label' {list(layout.labels.shape)}")
    network, results = golden.filled(lambda: FpseDiscriminator(planes.shape[1], width=config.whole("ndf", 64)))
    features, logits = network(photos, planes)
    for number, feature in enumerate(features):
        results += _feature_comparisons(golden, number, feature)
    for level, scores in enumerate(logits, start=2):
        results.append(compare(f"pred{level}", scores, golden.array(f"pred{level}")))
    out = compare("out", logits[0][:, :, ::4, ::4], golden.array("out"))
    return [*results, out, *golden.statistics("out", logits[0])]


def _feature_comparisons(golden: Golden, number: int, feature: Tensor) -> list[Comparison]:
    step = max(1, feature.shape[3] // 8)
    moments = [float(feature.mean()), float(feature.std()), float(feature.abs().mean())]
    values = {f"feat{number}": feature[:, ::16, ::step, ::step], f"feat{number}_stats": moments}
    return [compare(name, value, golden.array(name)) for name, value in values.items() if name in golden.arrays]
