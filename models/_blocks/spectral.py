"""Convolutions whose weight is divided by its largest singular value, with the keys of torch's original hook."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPS = 1e-12


class SpectralConv2d(nn.Conv2d):
    """A convolution with spectral norm: one power iteration per training forward, stored u and v in evaluation."""

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0, groups: int = 1, bias: bool
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, groups=groups, bias=bias)
        weight = self.weight
        del self.weight
        self.weight_orig = weight
        self.register_buffer("weight_u", F.normalize(torch.ones(outputs), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.ones(weight[0].numel()), dim=0))

    def normalized_weight(self) -> Tensor:
        """The weight that convolves, [O, I / groups, k, k]; all groups share one singular value.

        Computed in float32 also under autocast: half-precision vectors would find another singular value.
        """
        with torch.autocast(self.weight_orig.device.type, enabled=False):
            matrix = self.weight_orig.flatten(1)
            if self.training:
                with torch.no_grad():
                    self.weight_v = F.normalize(matrix.T @ self.weight_u, dim=0, eps=_EPS)
                    self.weight_u = F.normalize(matrix @ self.weight_v, dim=0, eps=_EPS)
            weight: Tensor = self.weight_orig / (self.weight_u @ matrix @ self.weight_v)
            return weight

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        return self._conv_forward(x, self.normalized_weight(), self.bias)


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
            matrix = complete[key[:-1] + "orig"].flatten(1)
            complete[key] = F.normalize(matrix.T @ complete[key[:-1] + "u"], dim=0, eps=_EPS)
    return complete
