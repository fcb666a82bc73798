"""SPADE's norm: scale and shift come from convolutions over the label planes; GroupDNet's is its grouped form."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.decoder import per_layout
from models.parts.free_norms import FreeNorm, free_norm


class Planes:
    """Label planes at every grid a decoder visits, each resized once (nearest, floor of the scaled index)."""

    def __init__(self, planes: Tensor) -> None:
        self._full = planes  # [N, P, H, W]
        self._resized: dict[tuple[int, int], Tensor] = {}

    def at(self, height: int, width: int) -> Tensor:
        """Return the planes as [N, P, height, width]."""
        size = (height, width)
        if size not in self._resized:
            self._resized[size] = F.interpolate(self._full, size=size, mode="nearest")
        return self._resized[size]


class SpatialNorm(nn.Module):
    """Normalise without parameters, then scale and shift every position by what its labels say (SPADE paper, eq. 1).

    The maps depend on the layout alone: N layouts serve N * K images.
    """

    def __init__(
        self,
        channels: int,
        planes: int,
        hidden: int,
        *,
        kernel: int = 3,
        free: FreeNorm = "batch",
        shared_groups: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.param_free_norm = free_norm(free, channels, groups)
        pad = kernel // 2
        self.mlp_shared = nn.Sequential(nn.Conv2d(planes, hidden, kernel, padding=pad, groups=shared_groups), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, kernel, padding=pad, groups=groups)
        self.mlp_beta = nn.Conv2d(hidden, channels, kernel, padding=pad, groups=groups)

    def modulation(self, planes: Planes, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Gamma and beta of the layouts, [N, C, height, width] each."""
        hidden = self.mlp_shared(planes.at(height, width))
        return self.mlp_gamma(hidden), self.mlp_beta(hidden)

    def forward(self, x: Tensor, planes: Planes) -> Tensor:
        """Modulate x [N * K, C, h, w]."""
        gamma, beta = self.modulation(planes, x.shape[2], x.shape[3])
        normalized, scale = per_layout(self.param_free_norm(x), 1 + gamma)
        # Rounds as the authors' code does; a fused product and sum drifts away from their training steps.
        return (normalized * scale).add_(beta[:, None]).flatten(0, 1)
