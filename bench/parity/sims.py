"""Goldens of SIMS: its synthesis and its ordering network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.comparison import Comparison, compare
from bench.parity.crn import grey_levels, moments
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import counted_macs
from models.sims.networks import OrderingNetwork, SynthesisNetwork


def generator(golden: Golden) -> list[Comparison]:
    """The synthesis network: image and logits of the labels."""
    planes = golden.config.whole("in_channels", 24) - 4
    if planes < 2:
        raise GoldenError("config 'in_channels' leaves no label planes beside canvas and mask")
    labels = golden.ids("label", planes)
    height, width = labels.shape[1:]
    if height != golden.config.whole("res", 256):
        raise GoldenError(f"config 'res' is not {height}, the height of the array 'label'")
    canvas = _canvas(golden, labels)
    inputs = [F.one_hot(labels, planes).movedim(-1, 1).float(), canvas, (canvas.sum(1, keepdim=True) > 0).float()]
    network, results = golden.filled(lambda: SynthesisNetwork(planes, height, width))
    with FlopCounterMode(display=False) as counter:
        images, logits = network(torch.cat(inputs, 1))
    results += [*counted_macs(golden, counter), *grey_levels(golden, "out", images), *moments(golden, "out", images)]
    stored = golden.array("out_semantic")
    step = max(1, round(width / stored.shape[-1])) if stored.ndim == 4 and stored.shape[-1] else 1
    return [*results, compare("out_semantic", logits[:, :, ::step, ::step], stored)]


def _canvas(golden: Golden, labels: Tensor) -> Tensor:
    """The canvas [N, 3, H, W], stored with its colours last; a small one stands for squares of equal pixels."""
    name = "canvas_small" if "canvas_small" in golden.arrays else "canvas"
    small = golden.batch(name, len(labels), None, None, 3).movedim(-1, 1)
    height, width = labels.shape[1:]
    return golden.enlarged_to(name, small, height, width)


def order(golden: Golden) -> list[Comparison]:
    """The ordering network: logits."""
    size, channels = golden.meta["config"].get("size"), golden.config.whole("in_channels", 6)
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(side, int) for side in size):
        raise GoldenError("config 'size' is no list of two numbers")
    name = "input_small" if "input_small" in golden.arrays else "input"
    small = golden.tensor(name, None, channels, None, None)
    planes = len(golden.array("out")[0])
    network, results = golden.filled(lambda: OrderingNetwork(planes, channels))
    with FlopCounterMode(display=False) as counter:
        logits = network(golden.enlarged_to(name, small, *size))
    results += [*counted_macs(golden, counter), compare("out", logits, golden.array("out"))]
    return [*results, *golden.statistics("out", logits)]
