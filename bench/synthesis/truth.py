"""The truth as a method: it draws new photos for a layout of the built-in data from the distribution of the real ones.

Its row gives the best FID and diversity that can be reached, and zero for every distance outside a region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.common.errors import UserError
from bench.datasets.paperdolls.dataset import CLASS_NAMES, NUM_SEEDS, paint
from bench.synthesis.images import photos_to_tensor
from models.base import Layout, Method, MethodSpec


@dataclass(frozen=True)
class TruthConfig:
    """An empty config: the method has no choices."""


class Painter(nn.Module):
    """The generator of the truth, which paints on the CPU and learns nothing."""

    def forward(self, labels: Tensor, instances: Tensor, seeds: Tensor) -> Tensor:
        """Paint layouts [N, H, W] with the seeds [N * K, 16] of the looks of their instances."""
        styles = len(seeds) // len(labels)
        areas = zip(labels.cpu().numpy(), instances.cpu().numpy(), strict=True)
        layouts = [area for area in areas for _ in range(styles)]
        photos = [paint(*layout, row) for layout, row in zip(layouts, seeds.cpu().numpy(), strict=True)]
        return photos_to_tensor(photos).to(labels.device)


class Truth(Method[Tensor]):
    """The method that draws from the true distribution; its style is a seed per instance, [M, 16] int64."""

    scope = "instance"

    def __init__(self, config: TruthConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Painter()
        self.encoder = None

    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> Tensor:
        """Draw a seed for every possible instance id, present or not."""
        if layout.num_classes != len(CLASS_NAMES) or layout.num_instances > NUM_SEEDS:
            raise UserError(
                "The method 'truth' needs data whose true distribution is known: use it with paperdolls or paperdolls2."
            )
        seeds = [torch.randint(2**63 - 1, (NUM_SEEDS,), generator=rng) for rng in rngs]
        return torch.stack(seeds).to(layout.labels.device)

    def mix_styles(self, base: Tensor, other: Tensor, layout: Layout, region: Tensor) -> Tensor:
        """Take the seeds of the instances with a pixel in the region."""
        here = layout.instances_in(region)  # [N, I]
        taken = torch.zeros(len(here), NUM_SEEDS, dtype=torch.bool, device=here.device)
        taken[:, : here.shape[1]] = here
        return torch.where(taken.repeat_interleave(len(base) // len(layout), 0), other, base)

    def synthesize(self, layout: Layout, style: Tensor) -> Tensor:
        """Paint photos; equal seeds give equal pixels."""
        images: Tensor = self.generator(layout.labels, layout.instances, style)
        return images


TRUTH = MethodSpec(
    name="truth",
    paper="none: the procedure that draws the built-in data",
    scope="instance",
    build=Truth,
    configs={},
    tiny=TruthConfig(),
    note="draws from the real distribution of the built-in data: the best that can be reached",
)
