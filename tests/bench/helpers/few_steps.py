"""`bench train` with six steps of four images whose losses are all logged: what torchrun starts in tests."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

import torch

import bench.training.start as starting
import bench.training.trainer as training
from bench.commands.cli import cli

_choose = starting.choose_recipe
# At the small networks' high rates Adam would turn the rounding of gradients that are zero into whole steps.
RATES = {"lr_generator": 1e-4, "lr_discriminator": 1e-4}
SIZES = {"batch": 4, "epochs": 3, "decay_epochs": 0, "epoch_images": 8, **RATES}


def prepare() -> None:
    """Change what `bench train` would do."""
    torch.set_num_threads(1)
    starting.choose_recipe = lambda *words: replace(_choose(*words), **SIZES)
    starting.TrainingOptions = partial(training.TrainingOptions, log_every=1, grid_every=4)
    training._REFRESHING_BATCHES = 2


if __name__ == "__main__":
    prepare()
    cli.main(sys.argv[1:])
