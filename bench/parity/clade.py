"""Goldens of CLADE and CLADE-ICPE."""

from __future__ import annotations

from bench.parity.comparison import Comparison
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import classes_of, drawn, edges_of, layout_of, norm_of, size_of, stages_of
from bench.parity.steps import spade_family_steps
from models.clade import Clade, CladeConfig, CladeGenerator
from models.training.recipe import Recipe


def clade_config(golden: Golden) -> CladeConfig:
    """Our config for the authors' options."""
    config = golden.config
    norm_of(config, ("syncbatch", "batch"))
    if config.word("norm_mode") != "clade":
        raise GoldenError(f"config 'norm_mode' is {config.word('norm_mode')!r:.40}, expected 'clade'")
    stages = stages_of(config)
    height, width = size_of(config, stages)
    positions = config.flag("add_dist", False)
    return CladeConfig(classes_of(config), height, width, edges=edges_of(golden), stages=stages, positions=positions)


def generator(golden: Golden) -> list[Comparison]:
    """netG; ICPE gets the golden's positions."""
    config = clade_config(golden)
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    offsets = golden.batch("dist", len(layout), 2, *layout.labels.shape[1:]) if config.positions else None
    network, results = golden.filled(lambda: CladeGenerator(config))
    return results + drawn(golden, network, layout, offsets)


def training_step(golden: Golden) -> list[Comparison]:
    """Losses and gradients of CLADE's loop, which is SPADE's."""
    config = clade_config(golden)
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    return spade_family_steps(golden, lambda: Clade(config), layout, lambda *_: None, Recipe())
