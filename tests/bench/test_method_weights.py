"""Weights meet their method, or an error that helps."""

from __future__ import annotations

import torch

from bench.method_weights import _variants_that_fit
from models.inade import INADE
from models.spade import SPADE


def test_the_variant_that_a_file_belongs_to_is_named():
    with torch.device("meta"):
        released = INADE.build(INADE.configs["deepfashion"].__class__(8, noise_size=8)).generator.state_dict()
    assert "inade-8" in _variants_that_fit(INADE, "generator", released)
    assert _variants_that_fit(INADE, "encoder", released) == []
    assert _variants_that_fit(SPADE, "generator", released) == []
