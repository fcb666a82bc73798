"""What a feature network is before its weight files are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class FeatureNetwork:
    """A feature network as one protocol means it; protocols whose networks are equal share one in memory."""

    weights: tuple[str, ...]  # names of its weight files; the first decides the features, the others belong to it
    build: Callable[..., nn.Module]  # takes the state dict of every file, then the options
    options: tuple[str, ...] = ()  # tell apart what can be built of the same files
