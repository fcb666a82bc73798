"""Loss terms the methods share; all are summed in float32, whatever the networks ran in."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

Judgement = list[list[Tensor]]  # per scale: stage outputs, the logits last


def hinge_generator(fake: Judgement) -> Tensor:
    """Ask for high logits; the scales count alike."""
    return torch.stack([-scale[-1].float().mean() for scale in fake]).mean()


def hinge_discriminator(judged: Judgement, *, real: bool) -> Tensor:
    """Ask for logits above 1 on photos, below -1 on fakes."""
    sign = -1.0 if real else 1.0
    return torch.stack([F.relu(1 + sign * scale[-1].float()).mean() for scale in judged]).mean()


def least_squares(judged: Judgement, *, real: bool) -> Tensor:
    """Ask for logits of 1 on what shall pass as a photo, 0 on fakes: a mean inside a scale, a sum over scales."""
    return torch.stack([(scale[-1].float() - float(real)).square().mean() for scale in judged]).sum()


def feature_matching(fake: Judgement, real: Judgement, first: int = 0) -> Tensor:
    """Mean distance of the discriminator's features from stage `first` on: a sum over stages, a mean over scales."""
    terms = [
        F.l1_loss(a.float(), b.detach().float())
        for fakes, reals in zip(fake, real, strict=True)
        for a, b in zip(fakes[first:-1], reals[first:-1], strict=True)
    ]
    return torch.stack(terms).sum() / len(fake)
