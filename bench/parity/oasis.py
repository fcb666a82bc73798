"""Goldens of OASIS."""

from __future__ import annotations

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import drawn, layout_of, size_of
from models.oasis import OasisConfig, OasisGenerator, oasis_stages
from models.training.oasis_discriminator import OasisDiscriminator, segmented_as_fake, segmented_as_real


def planes_of(golden: Golden) -> int:
    """Channels of the labels: the classes, behind the unknown one."""
    return golden.config.whole("semantic_nc", golden.config.whole("label_nc") + 1)


def oasis_config(golden: Golden) -> OasisConfig:
    """Our config for the authors' options; labels come as channels, of which the unknown one is the first."""
    config = golden.config
    kind = config.word("param_free_norm", "syncbatch"), config.whole("spade_ks", 3), config.whole("num_res_blocks", 6)
    if kind not in (("syncbatch", 3, 6), ("batch", 3, 6)):
        raise GoldenError(f"config has norms, kernel and blocks {kind}, expected (sync)batch, 3 and 6")
    if config.flag("no_3dnoise", False) or config.flag("no_spectral_norm", False):
        raise GoldenError("config turns noise or spectral norm off, which all released networks have")
    stages = oasis_stages(config.whole("channels_G", 64))
    height, width = size_of(config, stages)
    return OasisConfig(planes_of(golden), 0, height, width, stages, z_size=config.whole("z_dim", 64))


def generator(golden: Golden) -> list[Comparison]:
    """netG, with z for all pixels alike or a map of it."""
    config = oasis_config(golden)
    layout = layout_of(golden, config.num_classes, instances=False)
    z = golden.tensor("z")
    noise = z[:, :, None, None] if z.ndim == 2 else z
    if noise.ndim != 4 or noise.shape[:2] != (len(layout), config.z_size):
        raise GoldenError(f"array 'z' has shape {list(z.shape)}, expected {config.z_size} numbers for each layout")
    network, results = golden.filled(lambda: OasisGenerator(config))
    return results + drawn(golden, network, layout.onehot(), noise)


def discriminator(golden: Golden) -> list[Comparison]:
    """netD: logits, sub-sampled, and the balanced losses of its output."""
    config, planes = golden.config, planes_of(golden)
    channels, images = golden.ids("label", planes), golden.enlarged("image_small")
    depth = config.whole("num_res_blocks", 6, at_most=8)
    if (
        len(images) != len(channels)
        or images.shape[2:] != channels.shape[1:]
        or any(n % 2**depth for n in images.shape[2:])
    ):
        raise GoldenError(f"images have shape {list(images.shape)}, 'label' {list(channels.shape)}")
    width = config.whole("channels_D", 64)
    network, results = golden.filled(lambda: OasisDiscriminator(planes, width=width, depth=depth))
    logits = network(images)
    step = max(1, logits.shape[3] // max(1, golden.array("out").shape[-1]))
    values = {
        "out": logits[:, :, ::step, ::step],
        "loss_real": segmented_as_real(logits, channels),
        "loss_fake": segmented_as_fake(logits),
    }
    results += [compare(name, value, golden.array(name)) for name, value in values.items()]
    return results + golden.statistics("out", logits)
