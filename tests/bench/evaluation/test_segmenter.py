"""What a protocol chooses for a data set fits the segmenter that it names."""

import inspect
from dataclasses import replace

import pytest

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.datasets.deepfashion import DEEPFASHION
from bench.evaluation.segmenter import choose_segmenter
from metrics.protocol import DATA_GROUPS, PROTOCOLS, derive
from segmenters import SEGMENTERS

FILES = {"drn": 1, "upernet": 2, "deeplab": 1, "celeba_unet": 1, "deepfashion_unet": 1}


@pytest.mark.parametrize("group", DATA_GROUPS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_options_and_files_are_those_the_segmenter_takes(protocol, group):
    data = replace(DEEPFASHION, scoring=group)
    choices = PROTOCOLS[protocol]
    if group == "deepfashion" and choices.deepfashion.network == "cihp":
        with pytest.raises(UserError, match="CIHP_PGN"):
            choose_segmenter(choices, data)
        choices = derive(choices, ["deepfashion.network=unet"])
    scoring = choose_segmenter(choices, data)
    build = resolve("segmenter", SEGMENTERS, scoring.segmenter).from_states
    inspect.signature(build).bind(scoring.weights, **scoring.options)
    assert len(scoring.weights) == FILES[scoring.segmenter]


@pytest.mark.parametrize("name", ["drn_d_105", "drn_d_22"])
def test_every_drn_that_a_protocol_can_name_is_known(name):
    protocol = derive(PROTOCOLS["spade2019"], [f"cityscapes.network={name}", "cityscapes.scales=six"])
    scoring = choose_segmenter(protocol, replace(DEEPFASHION, scoring="cityscapes"))
    segmenter = resolve("segmenter", SEGMENTERS, scoring.segmenter)
    assert segmenter(**scoring.options).scales == (1.0, 0.5, 0.75, 1.25, 1.5, 1.75)
