"""Goldens of OASIS."""

from __future__ import annotations

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from models._blocks.oasis_discriminator import OasisDiscriminator, segmented_as_fake, segmented_as_real


def planes_of(golden: Golden) -> int:
    """Channels of the labels: the classes, behind the unknown one."""
    return golden.config.whole("semantic_nc", golden.config.whole("label_nc") + 1)


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
