"""LPIPS (Zhang et al., CVPR 2018) as a squared Euclidean distance, so that each image meets the network once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def unit_length(features: Tensor) -> Tensor:
    """Divide the feature vector at every position of [M, C, h, w] by its length; 1e-10 is the lpips package's."""
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (length + 1e-10)


class PerceptualNetwork(nn.Module, ABC):
    """A network that turns images into vectors whose squared distance is the LPIPS distance.

    The network runs in `stages`; what is made of their outputs is apart, so that metrics can share one run.
    """

    @abstractmethod
    def stages(self, images: Tensor) -> list[Tensor]:
        """Run the network: the outputs [M, C, h, w] of the layers that are compared."""

    @abstractmethod
    def taps_of(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Scale the outputs to unit length per position, times sqrt(channel weight)."""

    def embed_of(self, stages: Sequence[Tensor], enlarged: tuple[int, int] | None = None) -> Tensor:
        """Make vectors [M, E] of them; the squared Euclidean distance of two is the LPIPS distance of their images.

        With `enlarged`, an image's size, it is the mean of the distance map of that size, where borders weigh less.
        """
        taps = self.taps_of(stages)
        if enlarged is None:
            weighed = [tap / (tap.shape[2] * tap.shape[3]) ** 0.5 for tap in taps]
        else:
            pixels = taps[0].new_full(enlarged, 1 / (enlarged[0] * enlarged[1]))
            weighed = [tap * pulled_back(pixels, tap.shape[2:]).sqrt() for tap in taps]
        return torch.cat([tap.movedim(1, -1).flatten(1) for tap in weighed], dim=1)  # in the order of memory

    def taps(self, images: Tensor) -> list[Tensor]:
        """Run the network and scale its outputs."""
        return self.taps_of(self.stages(images))

    def embed(self, images: Tensor) -> Tensor:
        """Run the network and make vectors of its outputs."""
        return self.embed_of(self.stages(images))


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Compare embeddings [..., E]; by subtraction, as |a|^2 + |b|^2 - 2ab loses the small distances in float32."""
    return (a - b).square().sum(-1)


def mean_squared_distance(embedded: Tensor) -> Tensor:
    """Average the distance over all pairs of K embeddings [N, K, E], without visiting the pairs: [N].

    The sum over pairs of |a - b|^2 is K sum |a|^2 - |sum a|^2. Counted from the first embedding and in float64 this
    loses nothing where distances are small, and equal images give exactly 0.
    """
    images = embedded.shape[1]
    offset = (embedded[:, 1:] - embedded[:, :1]).double()  # [N, K - 1, E]
    total = images * offset.square().sum((1, 2)) - offset.sum(1).square().sum(1)
    return total.clamp(min=0) / (images * (images - 1) / 2)


def pulled_back(pixels: Tensor, size: Sequence[int]) -> Tensor:
    """Carry weights of pixels [..., H, W] to a layer's positions [..., h, w].

    The weighted sum of any map [h, w] is then that of the map enlarged to H x W, without enlarging it.
    """
    rows, columns = (
        F.interpolate(torch.eye(small, dtype=pixels.dtype, device=pixels.device)[None], size=large, mode="linear")[0]
        for small, large in zip(size, pixels.shape[-2:], strict=True)
    )
    return rows @ pixels @ columns.T


def distance_map(a: Sequence[Tensor], b: Sequence[Tensor], size: Sequence[int]) -> Tensor:
    """Compare the taps of two image batches position by position, [M, H, W] (lpips with spatial=True)."""
    layers = [(x - y).square().sum(1, keepdim=True) for x, y in zip(a, b, strict=True)]
    return torch.cat([F.interpolate(layer, size=tuple(size), mode="bilinear") for layer in layers], dim=1).sum(1)
