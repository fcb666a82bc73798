"""How an image comes to Inception: six ways that papers and packages took, each with its weights, resize and range.

They differ by 0.1 to 5 % in the features, so that FIDs of two modes are never to be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.protocol import FidMode

SIZE = 299  # what Inception was trained on


def bilinear(values: Tensor) -> Tensor:
    """Resize as PyTorch does by default: half-pixel centres, no antialias."""
    return F.interpolate(values, size=(SIZE, SIZE), mode="bilinear")


def bilinear_tf1(values: Tensor) -> Tensor:
    """Resize as TensorFlow 1 did: pixel i of the result lies at i * in / out, without the half pixel."""
    for axis in (3, 2):
        length = values.shape[axis]
        place = torch.arange(SIZE, dtype=torch.float32, device=values.device) * (length / SIZE)
        low = place.long()
        high = (low + 1).clamp(max=length - 1)
        share = (place - low).view(-1, *(1,) * (3 - axis))
        first = values.index_select(axis, low)
        values = first + (values.index_select(axis, high) - first) * share
    return values


def bicubic_clipped(values: Tensor) -> Tensor:
    """Resize as clean-fid does with PIL's float images: antialiased, clipped to 0..255, not rounded.

    By products with PIL's weights: those of F.interpolate are in float32 and up to 0.008 of 255 off.
    """
    rows, columns = (_bicubic_weights(length).to(values) for length in values.shape[2:])
    return (rows @ (values @ columns.T)).clamp(0, 255)


@cache
def _bicubic_weights(length: int) -> Tensor:
    """Weigh every pixel for every resized one, [299, length]: Keys' cubic with a = -1/2, as wide as the shrinking."""
    shrinking = max(length / SIZE, 1.0)
    centres = (torch.arange(SIZE, dtype=torch.float64) + 0.5) * (length / SIZE)
    first, last = ((centres + side * 2 * shrinking + 0.5).floor()[:, None] for side in (-1, 1))
    place = torch.arange(length, dtype=torch.float64)
    x = ((place + 0.5 - centres[:, None]) / shrinking).abs()
    inner, outer = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = torch.where(x < 1, inner, torch.where(x < 2, outer, 0.0))
    weights = torch.where((place >= first) & (place < last), weights, 0.0)
    return weights / weights.sum(1, keepdim=True)


def _unit(images: Tensor) -> Tensor:
    return (images + 1) / 2  # 0..1, as ToTensor gives


def _bytes(images: Tensor) -> Tensor:
    return (images + 1) * 127.5  # 0..255


def _imagenet(images: Tensor) -> Tensor:
    """Take 0..1 for numbers scaled by ImageNet's mean and deviation, and bring those to [-1, 1]."""
    mean = images.new_tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = images.new_tensor([0.229, 0.224, 0.225])[:, None, None]
    return bilinear(_unit(images)) * (deviation / 0.5) + (mean - 0.5) / 0.5


@dataclass(frozen=True)
class Way:
    """One way to prepare images for Inception, and the weights that see them."""

    weights: str  # name of the weight file, which settles the network's structure as well
    prepare: Callable[[Tensor], Tensor]  # images [M, 3, H, W] in [-1, 1] -> input of the network [M, 3, 299, 299]


WAYS: Mapping[FidMode, Way] = {
    # pytorch-fid since 2019-05-27; INADE, CLADE, SC-GAN, OASIS. (x - 127.5) / 127.5
    "pytorch_fid": Way("inception_fid", lambda images: 2 * bilinear(_unit(images)) - 1),
    # clean-fid `clean`. (x - 128) / 128. Its TorchScript archive holds the same TensorFlow weights; here they come from
    # pytorch-fid's file and run in our network, which differs from the archive by float noise only.
    "clean": Way("inception_fid", lambda images: (bicubic_clipped(_bytes(images)) - 128) / 128),
    # clean-fid `legacy_pytorch`: pytorch_fid to 1e-6, on 0..255. (x - 127.5) / 127.5
    "legacy_pytorch": Way("inception_fid", lambda images: 2 * (bilinear(_bytes(images)).clamp(0, 255) / 255) - 1),
    # clean-fid `legacy_tensorflow`, torch-fidelity, the original TTUR code; network as in `clean`. (x - 128) / 128
    "legacy_tensorflow": Way("inception_fid", lambda images: (bilinear_tf1(_bytes(images)) - 128) / 128),
    # pytorch-fid from 2019-02-16 to 2019-05-27: torchvision's network and ImageNet weights. (x - 127.5) / 127.5
    "torchvision": Way("inception_tv", lambda images: 2 * bilinear(_unit(images)) - 1),
    # pytorch-fid before 2019-02-16 and the copy in DSCGAN's code: the same network on another range.
    "torchvision_imagenet": Way("inception_tv", _imagenet),
}
