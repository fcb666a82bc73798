"""Initial weights: how the networks of a method and its discriminator are filled before they are trained.

Records of trainings (run.json, weights.json) hold the fields of these rules, so the fields keep their names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.spectral import Spectral

_NORM_DEVIATION = 0.02  # of a norm's own scales around 1, in every code base that has them


@dataclass(frozen=True)
class FixedDeviation:
    """Normal weights of one standard deviation, whatever the size of their layer."""

    deviation: float


@dataclass(frozen=True)
class KaimingNormal:
    """Normal weights of variance 2 / inputs, which ReLUs keep."""


Rule = float | FixedDeviation | KaimingNormal | None  # a number is the gain of Xavier-normal weights; None: as torch's


@dataclass(frozen=True)
class RulePerPlayer:
    """One rule for the networks of the method, another for the discriminator."""

    method: Rule
    discriminator: Rule


InitialWeights = Rule | RulePerPlayer


@runtime_checkable
class HasTables(Protocol):
    """A module with weights that are not those of a convolution or a linear layer, and that fills them itself."""

    def reset_tables(self, rng: torch.Generator) -> None:
        """Draw them."""


def initialise(network: nn.Module, weights: InitialWeights, rng: torch.Generator) -> None:
    """Fill every layer of a network by its rule, in the order of the modules' names; biases start at zero.

    Under the rule None, weights and biases are drawn as torch's layers do: uniformly, up to 1 / sqrt(inputs). Singular
    vectors of spectral norms are random, and scales of batch norms lie around 1.
    """
    with torch.no_grad():
        for name, module in sorted(network.named_modules()):
            if isinstance(module, HasTables):
                module.reset_tables(rng)
            if isinstance(module, nn.BatchNorm2d) and module.affine:
                module.weight.copy_(1 + _NORM_DEVIATION * torch.randn(module.weight.shape, generator=rng))
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                _fill_layer(module, _rule_of(name, weights), rng)


def _rule_of(name: str, weights: InitialWeights) -> Rule:
    """Choose the rule of a module by its name in the `Game` that holds method and discriminator."""
    if isinstance(weights, RulePerPlayer):
        return weights.discriminator if name.startswith("discriminator.") else weights.method
    return weights


def _fill_layer(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, rule: Rule, rng: torch.Generator) -> None:
    weight = layer.weight_orig if isinstance(layer, Spectral) else layer.weight
    if rule is None:
        _draw_uniform(weight, layer.bias, rng)
    else:
        weight.copy_(_deviation(rule, weight) * torch.randn(weight.shape, generator=rng))
        if layer.bias is not None:
            layer.bias.zero_()
    if isinstance(layer, Spectral):
        layer.weight_u.copy_(F.normalize(torch.randn(layer.weight_u.shape, generator=rng), dim=0))


def _deviation(rule: float | FixedDeviation | KaimingNormal, weight: Tensor) -> float:
    match rule:
        case FixedDeviation():
            return rule.deviation
        case KaimingNormal():
            return math.sqrt(2.0 / weight[0].numel())
        case gain:  # Xavier's
            return gain * math.sqrt(2.0 / ((weight.shape[0] + weight.shape[1]) * math.prod(weight.shape[2:])))


def _draw_uniform(weight: Tensor, bias: Tensor | None, rng: torch.Generator) -> None:
    bound = 1 / math.sqrt(weight[0].numel())
    for values in (weight, bias):
        if values is not None:
            values.copy_(bound * (2 * torch.rand(values.shape, generator=rng) - 1))
