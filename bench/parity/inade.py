"""Goldens of INADE."""

from __future__ import annotations

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import classes_of, drawn, layout_of, norm_of, size_of, stages_of
from bench.parity.steps import spade_family_steps
from models.base import Layout
from models.inade import INADE, Inade, InadeConfig, InadeEncoder, InadeEncoderConfig, InadeGenerator, InadeStyle

_START_SIZE = 256
_INSTANCES = 4096


def inade_config(golden: Golden) -> InadeConfig:
    """Our config for the authors' options; the encoder's widths follow ngf."""
    config = golden.config
    norm_of(config, ("syncbatch", "batch"))
    stages = stages_of(config)
    height, width = size_of(config, stages)
    w = config.whole("ngf", 64)
    has_encoder = golden.network == "netE" or config.flag("use_vae", golden.network == "training_step")
    return InadeConfig(
        classes_of(config),
        config.whole("noise_nc", 64),
        height,
        width,
        stages,
        InadeEncoderConfig((w, 2 * w, 4 * w, 8 * w), 4 * w, (2 * w, w, w)) if has_encoder else None,
    )


def _style(golden: Golden, noise: str, start: str, layout: Layout, size: int) -> InadeStyle:
    style = InadeStyle(golden.batch(noise, len(layout), None, 2, size), golden.batch(start, len(layout), _START_SIZE))
    if style.noise.shape[1] < layout.num_instances:
        raise GoldenError(f"array '{noise}' has {style.noise.shape[1]} rows for {layout.num_instances} instances")
    return style


def generator(golden: Golden) -> list[Comparison]:
    """netG with given noise."""
    config = inade_config(golden)
    layout = layout_of(golden, config.num_classes, instances=True)
    style = _style(golden, "noise", "noise_ins", layout, config.noise_size)
    network, results = golden.filled(lambda: InadeGenerator(config))
    return results + drawn(golden, network, layout.labels, layout.instances, style)


def encoder(golden: Golden) -> list[Comparison]:
    """netE: four pooled maps."""
    config = inade_config(golden)
    sizes = config.encoder
    assert sizes is not None
    photos, instances = golden.photos(), golden.ids("instance", _INSTANCES)
    rows = golden.meta.get("n_inst")
    if rows is None:
        rows = int(instances.max()) + 1
    if not isinstance(rows, int) or not int(instances.max()) < rows <= _INSTANCES:
        raise GoldenError(f"n_inst is {rows!r:.40}, expected {int(instances.max()) + 1} to {_INSTANCES}")
    network, results = golden.filled(lambda: InadeEncoder(sizes, config.noise_size))
    mean, log_variance = network(photos, instances, rows)
    outputs = {
        "scale_mu": mean[:, :, 0],
        "scale_logvar": log_variance[:, :, 0],
        "bias_mu": mean[:, :, 1],
        "bias_logvar": log_variance[:, :, 1],
    }
    for name, value in outputs.items():
        results += [compare(name, value, golden.array(name)), *golden.statistics(name, value)]
    return results


def training_step(golden: Golden) -> list[Comparison]:
    """Losses and gradients of INADE's loop."""
    config = inade_config(golden)
    layout = layout_of(golden, config.num_classes, instances=True)

    def noise(iteration: int, player: str) -> InadeStyle:
        name = f"{iteration}_{player}"
        return _style(golden, f"noise_{name}", f"noise_ins_{name}", layout, config.noise_size)

    return spade_family_steps(golden, lambda: Inade(config), layout, noise, INADE.recipes["deepfashion"])
