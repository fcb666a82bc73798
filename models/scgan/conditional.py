"""SC-GAN's operators (its paper, section 3.2): every position blends shared weights as its semantic vector says.

Beside them stand the operators that the paper's Table 3 puts in their places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.decoder import Stage, per_layout
from models.parts.spatial import Planes
from models.parts.spectral import SpectralConv2d


class Shares(NamedTuple):
    """How much of every candidate a position takes."""

    convolutions: Tensor  # [N, n, h, w]
    norms: Tensor  # [N, n', h, w]


@dataclass(frozen=True)
class Composition:
    """What the blocks are told of the layouts."""

    shares: Mapping[tuple[int, int], Shares]  # by the rows and columns of the grid
    planes: Planes  # for the norms of the shortcuts


class _Candidates(nn.Module):
    """Convolutions of the same input, 3x3 and without a bias, each with a singular value of its own."""

    def __init__(self, inputs: int, outputs: int, count: int) -> None:
        super().__init__()
        self.conv_bases = nn.ModuleList(SpectralConv2d(inputs, outputs, 3, padding=1, bias=False) for _ in range(count))


class ConditionalConv2d(_Candidates):
    """Blend kernels at every position (SCC, equation 4): the same as blending what each kernel gives there.

    Adding up one kernel after the other needs no more memory for more of them, and on a CPU is no slower than one
    convolution with all (results/performance/README.md).
    """

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        """Convolve x [N * K, C, h, w] with the kernels of shares [N, n, h, w]."""
        total: Tensor | None = None
        for conv, share in zip(self.conv_bases, shares.split(1, 1), strict=True):  # type: ignore[no-untyped-call]
            part, weight = per_layout(conv(x), share)
            # Rounds as the authors' code does; a fused product and sum drifts away from their training step.
            total = part * weight if total is None else total.add_(part * weight)
        assert total is not None
        return total.flatten(0, 1)


class ConcatConv2d(_Candidates):
    """As many convolutions, which read the shares beside the features instead of being blended by them ("Conv")."""

    def __init__(self, inputs: int, outputs: int, count: int) -> None:
        super().__init__(inputs + count, outputs, count)

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        """Convolve x [N * K, C, h, w] and shares [N, n, h, w], and add up."""
        wide = torch.cat([x, shares.repeat_interleave(len(x) // len(shares), 0)], 1)
        return torch.stack([conv(wide) for conv in self.conv_bases]).sum(0)


class ConditionalNorm(nn.Module):
    """Normalise without parameters; scale and shift are blended from rows (SCN, equation 5), at first 1 and 0."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.affine_params_groups = nn.Parameter(torch.zeros(count, 2 * channels))  # scales - 1, then shifts

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        """Modulate x [N * K, C, h, w] by the rows of shares [N, n, h, w]."""
        blended = shares.movedim(1, -1) @ self.affine_params_groups  # [N, h, w, 2C]
        gamma, beta = blended.movedim(-1, 1).chunk(2, 1)
        normalized, scale = per_layout(self.param_free_norm(x), 1 + gamma)
        return (normalized * scale).add_(beta[:, None]).flatten(0, 1)


class FreeStandingNorm(nn.BatchNorm2d):
    """Batch norm with weights of its own ("BN")."""

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:  # type: ignore[override]
        """Normalise x [M, C, h, w]."""
        return super().forward(x)


class CompositionBlock(nn.Module):
    """SC-GAN's residual block (paper, figure 4).

    The shortcut of the released networks, learned where the width changes, is SPADE's norm and a 3x3 convolution.
    """

    def __init__(
        self,
        stage: Stage,
        conv: Callable[[int, int], nn.Module],
        norm: Callable[[int], nn.Module],
        shortcut_norm: Callable[[int], nn.Module],
    ) -> None:
        """`conv` takes inputs and outputs, the norms their channels."""
        super().__init__()
        middle = min(stage.inputs, stage.outputs)
        self.conv_0 = conv(stage.inputs, middle)
        self.conv_1 = conv(middle, stage.outputs)
        self.norm_0 = norm(stage.inputs)
        self.norm_1 = norm(middle)
        self.has_learned_shortcut = stage.inputs != stage.outputs
        if self.has_learned_shortcut:
            self.conv_s = SpectralConv2d(stage.inputs, stage.outputs, 3, padding=1, bias=True)
            self.norm_s = shortcut_norm(stage.inputs)

    def forward(self, x: Tensor, condition: Composition) -> Tensor:
        """Draw [N * K, outputs, h, w] from [N * K, inputs, h, w]."""
        shares = condition.shares[x.shape[2], x.shape[3]]
        main: Tensor = self.conv_0(F.leaky_relu(self.norm_0(x, shares.norms), 0.2), shares.convolutions)
        main = self.conv_1(F.leaky_relu(self.norm_1(main, shares.norms), 0.2), shares.convolutions)
        shortcut: Tensor = self.conv_s(self.norm_s(x, condition.planes)) if self.has_learned_shortcut else x
        return main + shortcut
