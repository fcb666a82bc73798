"""Initial weights: how a method's networks are filled before training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.spectral import Spectral


@dataclass(frozen=True)
class Spread:
    """Initial weights of one standard deviation, whatever the size of their layer."""

    deviation: float


@dataclass(frozen=True)
class FanIn:
    """Initial weights of variance 2 / inputs, which ReLUs keep (Kaiming's)."""


@dataclass(frozen=True)
class Apart:
    """Initial weights by rules of their own for the method and for the discriminator."""

    method: float | Spread | FanIn | None
    discriminator: float | Spread | FanIn | None

    def rule(self, name: str) -> float | Spread | FanIn | None:
        """Choose by the name of a module of the game."""
        return self.discriminator if name.startswith("discriminator.") else self.method


Gain = float | Spread | FanIn | Apart | None  # a number is the gain of Xavier-normal weights; None = as torch's layers


@runtime_checkable
class HasTables(Protocol):
    """A module with weights that are not a convolution's or a linear layer's."""

    def reset_tables(self, rng: torch.Generator) -> None:
        """Draw them."""


_SCALE_DEVIATION = 0.02  # of a norm's own scales around 1, in every code base that has them


def initialise(network: nn.Module, gain: Gain, rng: torch.Generator) -> None:
    """Draw normal weights by a rule, zero biases and random singular vectors, in order of names.

    Without a gain, weights and biases are drawn as torch's layers do: uniformly, up to 1 / sqrt(inputs).
    """
    with torch.no_grad():
        for name, module in sorted(network.named_modules()):
            if isinstance(module, HasTables):
                module.reset_tables(rng)
            if isinstance(module, nn.BatchNorm2d) and module.affine:
                module.weight.copy_(1 + _SCALE_DEVIATION * torch.randn(module.weight.shape, generator=rng))
            if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                continue
            weight = module.weight_orig if isinstance(module, Spectral) else module.weight
            rule = gain.rule(name) if isinstance(gain, Apart) else gain
            if rule is None:
                _draw_uniform(weight, module.bias, rng)
            else:
                _draw_normal(weight, module.bias, rule, rng)
            if isinstance(module, Spectral):
                module.weight_u.copy_(F.normalize(torch.randn(module.weight_u.shape, generator=rng), dim=0))


def _draw_normal(weight: Tensor, bias: Tensor | None, gain: float | Spread | FanIn, rng: torch.Generator) -> None:
    if isinstance(gain, Spread):
        deviation = gain.deviation
    elif isinstance(gain, FanIn):
        deviation = math.sqrt(2.0 / weight[0].numel())
    else:
        deviation = gain * math.sqrt(2.0 / ((weight.shape[0] + weight.shape[1]) * math.prod(weight.shape[2:])))
    weight.copy_(deviation * torch.randn(weight.shape, generator=rng))
    if bias is not None:
        bias.zero_()


def _draw_uniform(weight: Tensor, bias: Tensor | None, rng: torch.Generator) -> None:
    bound = 1 / math.sqrt(weight[0].numel())
    for values in (weight, bias):
        if values is not None:
            values.copy_(bound * (2 * torch.rand(values.shape, generator=rng) - 1))
