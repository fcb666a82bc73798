"""Goldens of SEAN, with codes from a reference photo or stored ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.comparison import Comparison, compare
from bench.parity.fill import raw_fill
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import classes_of, layout_of, norm_of, size_of, stages_of
from models.parts.lookup import nearest_ids
from models.sean import SeanConfig, SeanGenerator, SeanStyle, StyledNorm


def sean_config(golden: Golden) -> SeanConfig:
    """Our config for the authors' options."""
    config = golden.config
    norm_of(config, ("syncbatch", "batch"))
    stages = stages_of(config)
    height, width = size_of(config, stages)
    return SeanConfig(classes_of(config), height, width, stages, code=config.whole("style_length", 512))


def generator(golden: Golden) -> list[Comparison]:
    """netG, its encoder included."""
    config = sean_config(golden)
    labels = layout_of(golden, config.num_classes, instances=False).labels
    network, results = golden.filled(lambda: SeanGenerator(config))
    with FlopCounterMode(display=False) as counter:
        codes = network.Zencoder(_photos(golden, labels), labels)
        if "style_codes" in golden.arrays:
            codes = golden.batch("style_codes", len(labels), config.num_classes, config.code)
        else:
            results.append(compare("encoder_codes", codes, golden.array("encoder_codes")))
        image = network(labels, SeanStyle(codes, _noise(golden, network, len(labels))))
    results += [golden.image("out", image), *golden.statistics("out", image)]
    if "generator_macs" in golden.meta:
        macs = counter.get_total_flops() // 2 - _macs_of_absent_classes(network, labels, config)
        results.append(Comparison("multiply-adds", abs(macs - golden.meta["generator_macs"]), 0.0))
    return results


def _photos(golden: Golden, labels: Tensor) -> Tensor:
    """Reference photos [N, 3, H, W], stored with 8 bits; grey where the codes are given, which replace what is read."""
    if "style_codes" in golden.arrays:
        return torch.zeros(len(labels), 3, *labels.shape[1:])
    return golden.tensor("image", len(labels), 3, *labels.shape[1:]).float() / 127.5 - 1


def _noise(golden: Golden, network: SeanGenerator, images: int) -> Tensor:
    """The noise of all norms in their order: zero, or made from the norms' names, width before height."""
    grids = network.noise_grids()
    if "NAMED NOISE" not in str(golden.meta.get("input_notes")):
        return torch.zeros(images, sum(height * width for height, width in grids))
    salt = golden.of_network("salt", None, "")
    if not isinstance(salt, str):
        raise GoldenError("the json's salt is no text")
    pieces = []
    for path, norm in network.named_modules():
        if isinstance(norm, StyledNorm):
            height, width = grids[norm.number]
            values = torch.from_numpy(raw_fill(f"noise:{path}", (images, width, height), salt))
            pieces.append((norm.number, values.mT.flatten(1)))
    return torch.cat([piece for _, piece in sorted(pieces, key=lambda pair: pair[0])], 1)


def _macs_of_absent_classes(network: SeanGenerator, labels: Tensor, config: SeanConfig) -> int:
    """Count the multiply-adds of projecting codes that no pixel reads; ours does it, the authors' loops skip it."""
    absent, grids = 0, network.noise_grids()
    for norm in network.modules():
        if isinstance(norm, StyledNorm) and norm.styled:
            owners = F.one_hot(nearest_ids(labels, *grids[norm.number]).flatten(1), config.num_classes)
            absent += int((owners.sum(1) == 0).sum())
    return absent * config.code**2
