"""Trainings of the command line that take a second."""

from __future__ import annotations

from dataclasses import replace

import torch
from safetensors.torch import load_file

from models.inade import INADE

# Three epochs of two steps.
RECIPE = replace(INADE.tiny_recipe, batch=2, epochs=1, decay_epochs=2, epoch_images=4, flip=True)
WORDS = ("--method", "inade", "--device", "cpu", "--num-workers", "0")


def assert_equal_weights(one, two):
    """Hold two weight files to the same bits."""
    first, second = load_file(one), load_file(two)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
