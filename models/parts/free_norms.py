"""Norms without weights of their own, which conditional norms modulate: batch norm, and what ablations put for it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FreeNorm = Literal["batch", "local_batch", "instance", "group"]

_IMAGES_PER_GPU = 4  # 32 images on 8 GPUs (SPADE paper, section 4)


class LocalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that is not synchronised: in training, what would be one GPU's images are normalised alone."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [N, C, H, W]; the first GPU's running statistics are kept, as DataParallel does."""
        if not self.training:
            return super().forward(x)
        first, *others = x.split(_IMAGES_PER_GPU)  # type: ignore[no-untyped-call]
        alone = [F.batch_norm(other, None, None, training=True, eps=self.eps) for other in others]
        return torch.cat([super().forward(first), *alone])


def free_norm(kind: FreeNorm, channels: int, groups: int = 1) -> nn.Module:
    """Build a norm without weights of its own; only group norm has `groups`."""
    if kind == "group":
        return nn.GroupNorm(groups, channels, affine=False)
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
    return (LocalBatchNorm2d if kind == "local_batch" else nn.BatchNorm2d)(channels, affine=False)
