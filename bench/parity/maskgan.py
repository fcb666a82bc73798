"""Goldens of MaskGAN: a mask, a reference mask and a reference photo."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.comparison import Comparison
from bench.parity.golden import Golden
from bench.parity.spade import counted_macs
from models.maskgan import MaskGanConfig, MaskGanGenerator


def generator(golden: Golden) -> list[Comparison]:
    """netG with its encoders; without a reference mask of its own the photo has the mask that is drawn."""
    config, classes = golden.config, golden.config.whole("label_nc")
    labels = golden.ids("label", classes)
    reference = golden.ids("label_ref", classes) if "label_ref" in golden.arrays else labels
    height, width = labels.shape[1:]
    sizes = MaskGanConfig(
        classes,
        height,
        width,
        base=config.whole("ngf", 64, at_most=256),
        downsamplings=config.whole("n_downsample", 4, at_most=8),
        blocks=config.whole("n_blocks", 4, at_most=64),
    )
    photos = _photos(golden, reference)
    network, results = golden.filled(lambda: MaskGanGenerator(sizes))
    with FlopCounterMode(display=False) as counter:
        image = network(_planes(labels, classes), network.read_style(_planes(reference, classes), photos))
    return [*results, *counted_macs(golden, counter), golden.image("out", image), *golden.statistics("out", image)]


def _planes(labels: Tensor, classes: int) -> Tensor:
    return F.one_hot(labels, classes).movedim(-1, 1).float()


def _photos(golden: Golden, labels: Tensor) -> Tensor:
    """Photos [N, 3, H, W] as large as the labels; a small one stands for squares of equal pixels."""
    if "image_small" not in golden.arrays:
        return golden.photos()
    small = golden.batch("image_small", len(labels), 3, None, None)
    height, width = labels.shape[1:]
    return golden.enlarged_to("image_small", small, height, width)
