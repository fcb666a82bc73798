"""Damage done to photos on purpose, so that a network that learns from them bears it: blur, noise, wrong colours."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def some(share: float, count: int, rng: torch.Generator) -> Tensor:
    """A random choice of about this share of `count` images, [count] bool."""
    return torch.rand(count, generator=rng) < share


def between(low: float, high: float, count: int, rng: torch.Generator) -> Tensor:
    """Random numbers between the two, [count]."""
    return low + (high - low) * torch.rand(count, generator=rng)


def blur(images: Tensor, sigmas: Tensor) -> Tensor:
    """Images [N, C, H, W], blurred with a Gaussian of sigmas[n] pixels; 0 leaves an image as it is."""
    reach = 5
    offsets = torch.arange(-reach, reach + 1.0)
    kernels = torch.exp(-0.5 * (offsets / sigmas.clamp(min=1e-2)[:, None]) ** 2)
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(images.shape[1], 0)  # [N * C, 11]
    planes = images.reshape(1, -1, *images.shape[2:])  # [1, N * C, H, W]
    planes = F.pad(planes, (reach,) * 4, mode="replicate")
    planes = F.conv2d(planes, kernels[:, None, None, :], groups=len(kernels))
    planes = F.conv2d(planes, kernels[:, None, :, None], groups=len(kernels))
    return planes.reshape(images.shape)


def add_noise(images: Tensor, strengths: Tensor, rng: torch.Generator) -> Tensor:
    """Images with white noise of standard deviation strengths[n] (1 = black to white)."""
    noise = torch.randn(images.shape, generator=rng)
    return (images + 2 * strengths[:, None, None, None] * noise).clamp(-1, 1)


def turn_hue(images: Tensor, degrees: Tensor) -> Tensor:
    """Images with colours rotated about the grey axis, image n by degrees[n]."""
    angle = degrees * math.pi / 180
    axis = torch.full((3,), 1 / math.sqrt(3))
    cross = torch.linalg.cross(torch.eye(3), axis.expand(3, 3))
    rotation = (
        torch.cos(angle)[:, None, None] * torch.eye(3)
        + torch.sin(angle)[:, None, None] * cross
        + (1 - torch.cos(angle))[:, None, None] * torch.outer(axis, axis)
    )  # [N, 3, 3], Rodrigues
    return torch.einsum("nij,njhw->nihw", rotation, images).clamp(-1, 1)


def change_contrast(images: Tensor, factors: Tensor, offsets: Tensor) -> Tensor:
    """Images whose contrast is scaled about mid grey by factors[n], then lighter or darker by offsets[n]."""
    return (images * factors[:, None, None, None] + offsets[:, None, None, None]).clamp(-1, 1)
