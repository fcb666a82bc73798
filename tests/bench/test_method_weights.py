"""Weights meet their method, or an error that helps."""

from __future__ import annotations

import torch

from bench.method_weights import _variants_that_fit, weights_folder
from models.inade import INADE
from models.spade import SPADE


def test_the_variant_that_a_file_belongs_to_is_named():
    with torch.device("meta"):
        released = INADE.build(INADE.configs["deepfashion"].__class__(8, noise_size=8)).generator.state_dict()
    assert "inade-8" in _variants_that_fit(INADE, "generator", released)
    assert _variants_that_fit(INADE, "encoder", released) == []
    assert _variants_that_fit(SPADE, "generator", released) == []


def test_every_data_set_has_a_folder_of_weights_but_deepfashion2_which_deepfashions_networks_draw(tmp_path):
    names = ("deepfashion", "deepfashion2", "cityscapes", "folder-street2")
    assert [weights_folder(SPADE, name, tmp_path).relative_to(tmp_path / "spade").as_posix() for name in names] == [
        "deepfashion",
        "deepfashion",
        "cityscapes",
        "folder-street2",
    ]
