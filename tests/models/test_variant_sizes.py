"""The papers' ablations and baselines have the sizes that the papers print."""

import pytest
import torch
from torch import nn
from variant_networks import count, on_meta, spec_of

from metrics.complexity import Macs

# Generator and encoder together, and what the GroupDNet paper prints: its tables cut, they do not round.
GROUPDNET_TABLES = {
    "mulnet": (105_163_499, "105.1"),
    "groupnet": (97_744_387, "97.7"),
    "groupenc": (105_561_155, "105.5"),
    "groupdec": (111_328_003, "111.3"),
    "groupdnet": (109_160_163, "109.1"),
    "groupdnet-no-map": (109_341_923, "109.3"),
    "groupdnet-no-split": (109_160_163, "109.1"),
    "groupdnet-groupnorm": (109_160_163, "109.1"),
    "groupdnet-no-syncbn": (109_160_163, "109.1"),
    "groupdnet-no-specnorm": (109_160_163, "109.1"),  # the paper prints 109.0, which no way of counting gives
}


@pytest.mark.parametrize("name", GROUPDNET_TABLES)
def test_generator_and_encoder_have_the_size_that_the_groupdnet_paper_prints(name):
    exact, printed = GROUPDNET_TABLES[name]
    assert count(on_meta(name, "deepfashion")) == exact
    assert str(exact / 1e6)[: len(printed)] == printed


# Millions of the generator. SPADE paper, Table 3 (whole millions) and counts; INADE paper, Table 4 (two decimals).
MILLIONS = {
    ("spade-compact", "ade20k"): 60.6428,
    ("spade-large", "ade20k"): 140.6822,
    ("spade-concat", "ade20k"): 79.1030,
    ("spade-random-input", "ade20k"): 111.9426,
    ("spade-kernel1", "ade20k"): 71.2959,
    ("spade-kernel1", "coco-stuff"): 71.6761,
    ("spade-kernel1", "cityscapes"): 69.9711,
    ("spade-kernel5", "ade20k"): 146.8856,
    ("spade-kernel5", "coco-stuff"): 149.0905,
    ("spade-kernel5", "cityscapes"): 139.2017,
    ("spade-norm-batch", "ade20k"): 96.4925,
    ("spade-norm-instance", "cityscapes"): 93.0480,
    ("spade-no-perceptual", "coco-stuff"): 97.4809,
    ("inade-8", "cityscapes"): 76.7816,
    ("inade-8", "celebamask-hq"): 84.5025,
    ("inade-8", "deepfashion"): 84.0210,
    ("inade-64", "cityscapes"): 77.3944,
    ("inade-64", "celebamask-hq"): 85.1154,
    ("inade-128", "cityscapes"): 78.0949,
    ("inade-128", "celebamask-hq"): 85.8158,
    ("inade-no-pnr", "ade20k"): 90.8938,
}


@pytest.mark.parametrize(("name", "dataset"), MILLIONS)
def test_generator_has_the_parameters_of_the_papers_row(name, dataset):
    assert round(count(on_meta(name, dataset).generator) / 1e6, 4) == MILLIONS[name, dataset]


# In 1e9, as the INADE paper counts, of decoders alone.
@pytest.mark.parametrize(("name", "flops"), [("groupdec", 92.1), ("mulnet", 127.2), ("groupenc", 132.3)])
def test_baselines_cost_what_their_sizes_imply(name, flops):
    method = on_meta(name, "deepfashion").eval()
    inputs = torch.zeros(1, 8, 256, 256, device="meta"), torch.zeros(1, *method.style_shape, device="meta")
    assert round(Macs().measure(method.generator, lambda: method.generator(*inputs))["gmacs_paper"], 1) == flops


# INADE paper, Table 4; the number of instances (19, 16) gives all six numbers.
@pytest.mark.parametrize(
    ("name", "dataset", "instances", "flops"),
    [
        ("inade-8", "cityscapes", 19, 75.23),
        ("inade-64", "cityscapes", 19, 75.26),
        ("inade-128", "cityscapes", 19, 75.28),
        ("inade-8", "celebamask-hq", 16, 42.16),
        ("inade-64", "celebamask-hq", 16, 42.18),
        ("inade-128", "celebamask-hq", 16, 42.20),
    ],
)
def test_noise_costs_what_the_inade_paper_prints(name, dataset, instances, flops):
    generator = on_meta(name, dataset).generator
    without = sum(
        height * width * per_pixel(generator, stage)
        for stage, height, width in grids(generator, spec_of(name).configs[dataset])
    )
    last = generator.conv_img
    config = spec_of(name).configs[dataset]
    without += config.height * config.width * 3 * (last.in_channels * 9 + 1) + generator.fc.weight.numel()
    projections = sum(layer.weight.numel() for layer in generator.modules() if isinstance(layer, nn.Linear))
    projections -= generator.fc.weight.numel()
    assert round((without + 2 * instances * projections) / 1e9, 2) == flops


def grids(generator, config):
    height, width = generator.grid
    for stage in config.stages:
        height, width = (height * 2, width * 2) if stage.upsample else (height, width)
        yield stage.name, height, width


def per_pixel(generator, stage):
    convs = [layer for layer in generator.get_submodule(stage).modules() if isinstance(layer, nn.Conv2d)]
    return sum(conv.weight_orig.numel() + (conv.out_channels if conv.bias is not None else 0) for conv in convs)
