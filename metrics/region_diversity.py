"""mCSD and mOCD (GroupDNet paper, Eq. 7), mISD and mOID (INADE paper): what changes in a re-styled region, what around.

Re-style one class (or instance), keep the rest: the perceptual distance inside should be large, outside zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import torch
from torch import Tensor

from metrics._pairs import choose_pairs
from metrics._perceptual import PerceptualNetwork, distance_map, mean_squared_distance, squared_distance
from metrics.base import Column, Metric, MetricSpec, Samples, Setting, View
from metrics.protocol import RegionChoices

_FILL = {"image_zero": 0.0, "image_black": -1.0}  # what a masked image shows elsewhere


class RegionDiversity(Metric):
    """Average the distances inside and outside over pairs, then within groups, then over the groups that were seen.

    A group is a class, or a label map where the protocol averages these last or instances are re-styled
    (instances of two label maps have nothing in common).
    """

    def __init__(
        self, columns: tuple[str, str], vary: Literal["class", "instance"], network: PerceptualNetwork, setting: Setting
    ) -> None:
        self.choices: RegionChoices = setting.protocol.region
        self.counts_absent = vary == "class" and self.choices.absent == "count"
        super().__init__(View(vary, self.choices.images, self.choices.layouts, self.counts_absent))
        self.columns = columns
        self.network = network
        self.pairs = choose_pairs(self.choices.pairs, self.choices.images)
        self.ignored = torch.tensor(setting.ignored_classes, dtype=torch.int64)
        self.groups_are_classes = vary == "class" and self.choices.average == "per_class"
        groups = setting.num_classes if self.groups_are_classes else setting.num_layouts
        self.add_sum("inside", groups)
        self.add_sum("outside", groups)
        self.add_sum("regions", groups)

    def update(self, samples: Samples) -> None:
        """Add the distances of every region."""
        if samples.region is None or samples.region_id is None:
            raise ValueError(f"{' and '.join(self.columns)} need to know the region that was re-styled.")
        scored = self._scored(samples, samples.region, samples.region_id)
        group = (samples.region_id if self.groups_are_classes else samples.index).cpu()[scored]
        inside = self._distance(samples, samples.region).cpu().double()[scored]
        outside = self._distance(samples, ~samples.region).cpu().double()[scored]
        self.sums["inside"].index_add_(0, group, inside)
        self.sums["outside"].index_add_(0, group, outside)
        self.sums["regions"].index_add_(0, group, torch.ones_like(inside))

    def compute(self) -> dict[str, list[float]]:
        """Return one value inside and one outside, or none where no region was seen."""
        seen = self.sums["regions"] > 0
        if not seen.any():
            return {}
        means = [(self.sums[side] / self.sums["regions"])[seen].mean() for side in ("inside", "outside")]
        return {column: [float(mean)] for column, mean in zip(self.columns, means, strict=True)}

    def _scored(self, samples: Samples, region: Tensor, region_id: Tensor) -> Tensor:
        """Tell which regions count, [N]: those of don't-care pixels never, absent classes if the protocol says so."""
        ignored = self.ignored.to(region.device)
        scored = (region & ~torch.isin(samples.labels, ignored)).flatten(1).any(1)
        if self.counts_absent:
            scored |= ~torch.isin(region_id, ignored)
        return scored.cpu()

    def _distance(self, samples: Samples, mask: Tensor) -> Tensor:
        """Average the pairs' distances within mask [N, H, W], [N]."""
        if self.choices.mask in _FILL:
            return self._masked_images(samples, mask, _FILL[self.choices.mask])
        maps = self._mean_map(samples)
        total = (maps * mask).flatten(1).sum(1)
        if self.choices.mask == "map_area":
            return total / mask[0].numel()
        return total / mask.flatten(1).sum(1).clamp(min=1)

    def _masked_images(self, samples: Samples, mask: Tensor, fill: float) -> Tensor:
        masked = torch.where(mask[:, None, None], samples.fake, fill)
        embedded = samples.per_layout(self.network.embed(masked.flatten(0, 1)))  # [N, K, E]
        if self.choices.pairs == "all":
            return mean_squared_distance(embedded)
        distances = [squared_distance(embedded[:, i], embedded[:, j]) for i, j in self.pairs]
        return torch.stack(distances).mean(0)

    def _mean_map(self, samples: Samples) -> Tensor:
        """Average the pairs' distance maps, [N, H, W]."""
        taps = [samples.per_layout(tap) for tap in self.network.taps_of(samples.once(self.network.stages))]
        size = samples.fake.shape[-2:]
        total = samples.fake.new_zeros(len(samples.fake), *size)
        for i, j in self.pairs:
            total += distance_map([tap[:, i] for tap in taps], [tap[:, j] for tap in taps], size)
        return total / len(self.pairs)


def _build(vary: Literal["class", "instance"], network: str, suffix: str) -> Callable[[Setting], RegionDiversity]:
    columns = ("mcsd", "mocd") if vary == "class" else ("misd", "moid")

    def build(setting: Setting) -> RegionDiversity:
        keys = (columns[0] + suffix, columns[1] + suffix)
        return RegionDiversity(keys, vary, cast(PerceptualNetwork, setting.extractor(network)), setting)

    return build


MCSD = MetricSpec(
    "mcsd",
    1,
    (Column("mcsd", "mCSD", "higher", 4), Column("mocd", "mOCD", "lower", 4)),
    _build("class", "alexnet", ""),
    needs=("alexnet",),
    of_constant=0.0,
)
MISD = MetricSpec(
    "misd",
    1,
    (Column("misd", "mISD", "higher", 4), Column("moid", "mOID", "lower", 4)),
    _build("instance", "alexnet", ""),
    needs=("alexnet",),
    of_constant=0.0,
)
MCSD_PD = MetricSpec(
    "mcsd-pd",
    1,
    (Column("mcsd_pd", "mCSD-pd", "higher", 4), Column("mocd_pd", "mOCD-pd", "lower", 4)),
    _build("class", "paperdolls", "_pd"),
    needs=("paperdolls_features",),
    of_constant=0.0,
)
MISD_PD = MetricSpec(
    "misd-pd",
    1,
    (Column("misd_pd", "mISD-pd", "higher", 4), Column("moid_pd", "mOID-pd", "lower", 4)),
    _build("instance", "paperdolls", "_pd"),
    needs=("paperdolls_features",),
    of_constant=0.0,
)
