"""The papers' networks: parameters as the papers print them, and what is known of them to the last one."""

import importlib

import pytest
import torch

import models

# Exact counts of the authors' networks, generator alone (INADE paper, Table 3, prints them in millions).
EXACT = {
    ("spade", "cityscapes"): 93_048_003,
    ("spade", "ade20k"): 96_492_483,
    ("vspade", "deepfashion"): 108_977_347,
    ("inade", "cityscapes"): 77_394_435,
    ("groupdnet", "cityscapes"): 76_501_358,
    ("groupdnet", "ade20k"): 68_326_847,
    ("groupdnet", "deepfashion"): 96_324_451,
    ("groupdnet", "celebamask-hq"): 145_289_583,
    ("scgan", "celebamask-hq"): 147_570_054,
    ("scgan", "ade20k"): 60_854_662,
    ("scgan", "coco-stuff"): 41_846_838,
    # As its authors' code makes it from the sizes of ADE20K. None of these is the paper's 66.2 M.
    ("scgan", "cityscapes"): 58_763_846,
    ("scgan-n1", "cityscapes"): 25_752_134,
    ("scgan-n2", "cityscapes"): 42_257_990,
    ("scgan-n4", "cityscapes"): 75_269_702,
    ("scgan-n8", "cityscapes"): 141_293_126,
}
# To four decimals of a million, from the authors' code.
MILLIONS = {
    ("spade", "cityscapes"): 93.0480,
    ("spade", "ade20k"): 96.4925,
    ("spade", "ade20k-outdoor"): 96.4925,
    ("spade", "celebamask-hq"): 92.5388,
    ("spade", "deepfashion"): 92.2093,
    ("spade", "deepfashion2"): 92.2093,
    ("spade", "coco-stuff"): 97.4809,
    ("vspade", "cityscapes"): 101.1366,
    ("vspade", "ade20k"): 111.9426,
    ("vspade", "celebamask-hq"): 109.2054,
    ("vspade", "deepfashion"): 108.9773,
    ("vspade", "coco-stuff"): 112.6269,
    ("inade", "cityscapes"): 77.3944,
    ("inade", "ade20k"): 90.8938,
    ("inade", "celebamask-hq"): 85.1154,
    ("inade", "deepfashion"): 84.6339,
    ("inade", "deepfashion2"): 84.6339,
}
ENCODERS = {
    ("vspade", "deepfashion"): 10_463_424,
    ("groupdnet", "deepfashion"): 12_835_712,
    ("groupdnet", "cityscapes"): 5_768_210,
    ("groupdnet", "ade20k"): 4_411_012,
    ("scgan", "celebamask-hq"): 6_672_656,
}
# Table 3 of the INADE paper.
PRINTED = {
    ("spade", "cityscapes"): "93.05",
    ("spade", "celebamask-hq"): "92.54",
    ("spade", "deepfashion"): "92.21",
    ("inade", "cityscapes"): "77.39",
    ("inade", "ade20k"): "90.89",
    ("inade", "celebamask-hq"): "85.12",
    ("inade", "deepfashion"): "84.63",
    ("groupdnet", "cityscapes"): "76.50",
    ("groupdnet", "ade20k"): "68.33",
    ("groupdnet", "celebamask-hq"): "145.29",
    ("groupdnet", "deepfashion"): "96.32",
}


def built(name, dataset):
    module, attribute = models.METHODS[name][0].split(":")
    spec = getattr(importlib.import_module(module), attribute)
    with torch.device("meta"):
        return spec.build(spec.configs[dataset])


def count(network):
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize(("name", "dataset"), EXACT)
def test_generator_has_exactly_the_authors_parameters(name, dataset):
    assert count(built(name, dataset).generator) == EXACT[name, dataset]


@pytest.mark.parametrize(("name", "dataset"), MILLIONS)
def test_generator_has_the_parameters_of_the_authors_code(name, dataset):
    assert round(count(built(name, dataset).generator) / 1e6, 4) == MILLIONS[name, dataset]


@pytest.mark.parametrize(("name", "dataset"), PRINTED)
def test_generator_has_the_parameters_that_the_inade_paper_prints(name, dataset):
    assert f"{count(built(name, dataset).generator) / 1e6:.2f}" == PRINTED[name, dataset]


@pytest.mark.parametrize(("name", "dataset"), ENCODERS)
def test_encoder_has_exactly_the_authors_parameters(name, dataset):
    assert count(built(name, dataset).encoder) == ENCODERS[name, dataset]


def test_groupdnet_generator_and_encoder_make_the_papers_109_million():
    method = built("groupdnet", "deepfashion")
    assert count(method.generator) + count(method.encoder) == 109_160_163


@pytest.mark.parametrize(("noise", "millions"), [(8, 3.5606), (64, 3.6899), (128, 3.8376)])
def test_inade_encoder_grows_with_the_noise(noise, millions):
    from models.inade import InadeEncoder, InadeEncoderConfig

    with torch.device("meta"):
        assert round(count(InadeEncoder(InadeEncoderConfig(), noise)) / 1e6, 4) == millions


@pytest.mark.parametrize(("kernel", "millions"), [(1, 71.2959), (3, 96.4925), (5, 146.8856)])
def test_kernel_of_the_norms_is_that_of_the_spade_papers_ablation(kernel, millions):
    from dataclasses import replace

    from models.spade import SPADE, SpadeGenerator

    with torch.device("meta"):
        network = SpadeGenerator(replace(SPADE.configs["ade20k"], kernel=kernel))
    assert round(count(network) / 1e6, 4) == millions


@pytest.mark.parametrize(("planes", "expected"), [(8, 5_544_066), (36, 5_601_410), (151, 5_836_930)])
def test_discriminator_has_exactly_the_authors_parameters(planes, expected):
    from models.training.multiscale_discriminator import MultiscaleDiscriminator

    with torch.device("meta"):
        assert count(MultiscaleDiscriminator(planes + 3)) == expected


@pytest.mark.parametrize(("planes", "expected"), [(36, 5_175_873), (151, 5_190_593), (183, 5_194_689)])
def test_discriminator_of_scgan_has_exactly_the_authors_parameters(planes, expected):
    recipe = importlib.import_module("models.scgan.method").SCGAN.recipes["ade20k"]
    with torch.device("meta"):
        assert count(recipe.objective(built("scgan", "ade20k"), planes).discriminator) == expected


def test_discriminator_of_scgan_on_faces_is_spades():
    recipe = importlib.import_module("models.scgan.method").SCGAN.recipes["celebamask-hq"]
    with torch.device("meta"):
        assert count(recipe.objective(built("scgan", "celebamask-hq"), 19).discriminator) == 5_566_594


@pytest.mark.parametrize(
    ("table", "networks"),
    [
        ("scgan-1", [("scgan", name) for name in ("celebamask-hq", "cityscapes", "ade20k", "coco-stuff")]),
        ("scgan-1", [("spade", "cityscapes")]),
        ("scgan-3", [("scgan", "cityscapes"), ("scgan-conv-bn", "cityscapes")]),
    ],
)
def test_sizes_that_notes_name_beside_the_papers_are_those_of_the_networks(table, networks):
    from bench.results.tables.published import published_table

    text = " ".join(published_table(table).notes)
    places = [text.index(f"{count(built(*network).generator) / 1e6:.2f} M") for network in networks]
    assert places == sorted(places)
