"""Central biasing instance norm (CBIN), DMIT's way to tell a decoder what to draw, and the blocks around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CentralBias(nn.Module):
    """Instance norm (CBIN) that shifts every channel by a number from -1 to 1, which it reads from the condition."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.fc = nn.Linear(condition, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Shift x [M, C, h, w] by a condition [M, P]."""
        return F.instance_norm(x) + torch.tanh(self.fc(condition))[:, :, None, None]


class BiasedResidual(nn.Module):
    """A residual block: two convolutions, each with a CentralBias norm, added to their input."""

    def __init__(self, channels: int, condition: int, dropout: float) -> None:
        super().__init__()
        self.conv_0, self.conv_1 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.norm_0, self.norm_1 = (CentralBias(channels, condition) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Take x [M, C, h, w] and a condition [M, P]."""
        inner = self.dropout(F.relu(self.norm_0(self.conv_0(x), condition)))
        changed: Tensor = self.norm_1(self.conv_1(inner), condition)
        return x + changed


class BiasedDoubling(nn.Module):
    """A transposed convolution that doubles the grid and halves the channels, with a CentralBias norm."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1)
        self.norm = CentralBias(channels // 2, condition)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Take x [M, C, h, w] and a condition [M, P]."""
        return F.relu(self.norm(self.conv(x), condition))
