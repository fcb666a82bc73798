"""The convolutions of CRN and SIMS, with a layer norm over a whole image."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class NormedConv(nn.Conv2d):
    """Convolve without a bias, normalise over channels, rows and columns together, and apply a leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.GroupNorm(1, outputs, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        """Take x [N, inputs, h, w]; give [N, outputs, h, w]."""
        return F.leaky_relu(self.norm(super().forward(x)), 0.2)


def doubled(x: Tensor) -> Tensor:
    """Double the grid of x [N, C, h, w], bilinearly between the centres of the corner pixels."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
