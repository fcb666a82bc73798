"""Convolutions whose weight is divided by its largest singular value, with the keys of torch's original hook."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPS = 1e-12


class Spectral(nn.Module):
    """Spectral norm for a convolution: one power iteration per training forward, stored u and v in evaluation."""

    weight_orig: nn.Parameter
    weight_u: Tensor
    weight_v: Tensor
    folded: Tensor | None  # the divided weight, where it cannot change any more

    @staticmethod
    def as_matrix(weight: Tensor) -> Tensor:
        """Flatten a weight to the matrix whose singular value counts, one row per output channel."""
        return weight.flatten(1)

    def _add_vectors(self) -> None:
        weight = self.weight
        del self.weight
        assert isinstance(weight, nn.Parameter)
        self.weight_orig = weight
        rows, columns = self.as_matrix(weight).shape
        self.register_buffer("weight_u", F.normalize(torch.ones(rows), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.ones(columns), dim=0))
        self.register_buffer("folded", None, persistent=False)

    def normalized_weight(self) -> Tensor:
        """The weight that convolves, in the shape of `weight_orig`; all groups share one singular value.

        Computed in float32 also under autocast: half-precision vectors would find another singular value.
        """
        if self.folded is not None and not self.training:
            return self.folded
        with _full_precision(self.weight_orig.device.type):
            matrix = self.as_matrix(self.weight_orig)
            if self.training:
                with torch.no_grad():
                    self.weight_v = F.normalize(matrix.T @ self.weight_u, dim=0, eps=_EPS)
                    self.weight_u = F.normalize(matrix @ self.weight_v, dim=0, eps=_EPS)
            weight: Tensor = self.weight_orig / torch.dot(self.weight_u, matrix @ self.weight_v)
            return weight


def _full_precision(device: str) -> AbstractContextManager[object]:
    return nullcontext() if device == "meta" else torch.autocast(device, enabled=False)  # meta knows no autocast


class SpectralConv2d(Spectral, nn.Conv2d):
    """A convolution with spectral norm."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0, groups: int = 1, bias: bool
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, groups=groups, bias=bias)
        self._add_vectors()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        convolved: Tensor = self._conv_forward(x, self.normalized_weight(), self.bias)
        return convolved


ConvClass = type[SpectralConv2d] | type[nn.Conv2d]  # with spectral norm or, in ablations, without


class SpectralConvTranspose2d(Spectral, nn.ConvTranspose2d):
    """A transposed 3x3 convolution of stride 2 with spectral norm, which doubles the grid."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=bias)
        self._add_vectors()

    @staticmethod
    def as_matrix(weight: Tensor) -> Tensor:
        """Put the output channels, dimension 1 of a transposed convolution, first."""
        return weight.transpose(0, 1).flatten(1)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve."""
        return F.conv_transpose2d(x, self.normalized_weight(), self.bias, stride=2, padding=1, output_padding=1)


def fold_spectral(network: nn.Module) -> None:
    """Divide every weight once for all; for networks whose weights stay as they are."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, Spectral):
                module.folded = module.normalized_weight()


def complete_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Bring a state dict of any torch version to the keys `network` expects; a strict load then decides.

    Old files carry the divided `weight` beside `weight_orig`, may lack `weight_v` and `num_batches_tracked`, and may
    have been saved from a parallel wrapper (`module.`).
    """
    stripped = {key.removeprefix("module."): value for key, value in state.items()}
    complete = {key: value for key, value in stripped.items() if key + "_orig" not in stripped}
    for key, expected in network.state_dict().items():
        if key in complete:
            continue
        if key.endswith("num_batches_tracked"):
            complete[key] = torch.zeros_like(expected)
        elif key.endswith("weight_v") and key[:-1] + "u" in complete:
            layer = network.get_submodule(key.rpartition(".")[0])
            assert isinstance(layer, Spectral)
            matrix = layer.as_matrix(complete[key[:-1] + "orig"])
            complete[key] = F.normalize(matrix.T @ complete[key[:-1] + "u"], dim=0, eps=_EPS)
    return complete
