"""mCSD and mOCD (GroupDNet paper, Eq. 7), mISD and mOID (INADE paper): what changes in a re-styled region, what around.

Re-style one class (or instance), keep the rest: the perceptual distance inside should be large, outside zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.base import Metric, MetricSpec, Samples, Setting, View
from metrics.columns import columns
from metrics.networks.perceptual import PerceptualNetwork, mean_squared_distance, pulled_back, squared_distance
from metrics.parts.intervals import resampled
from metrics.parts.pairs import choose_pairs
from metrics.protocol import RegionChoices

_FILL = {"image_zero": 0.0, "image_black": -1.0}  # what a masked image shows elsewhere


class RegionDiversity(Metric):
    """Average the distances inside and outside over pairs, then within groups, then over the groups that were seen.

    A group is a class, a label map, or all there is, as the protocol says. Sums are kept by label map, 24 bytes each
    and where groups are classes 24 per class (7 MB for ADE20K), so that label maps can be resampled.
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
        # Instances of two label maps have nothing in common.
        last = "per_image" if (vary, self.choices.average) == ("instance", "per_class") else self.choices.average
        self.average_last = last
        for name in ("inside", "outside", "regions"):
            self.add_sum(name, setting.num_layouts, setting.num_classes if last == "per_class" else 1)

    def update(self, samples: Samples) -> None:
        """Add the distances of every region."""
        if samples.region is None or samples.region_id is None:
            raise ValueError(f"{' and '.join(self.columns)} need to know the region that was re-styled.")
        scored = self._scored(samples, samples.region, samples.region_id)
        layout = samples.index.cpu()[scored]
        column = samples.region_id.cpu()[scored] if self.average_last == "per_class" else torch.zeros_like(layout)
        inside = self._distance(samples, samples.region).cpu().double()[scored]
        outside = self._distance(samples, ~samples.region).cpu().double()[scored]
        for name, values in (("inside", inside), ("outside", outside), ("regions", torch.ones_like(inside))):
            self.sums[name].index_put_((layout, column), values, accumulate=True)

    def compute(self) -> dict[str, list[float]]:
        """Return one value inside and one outside, or none where no region was seen."""
        if not self.sums["regions"].any():
            return {}
        means = []
        for side in ("inside", "outside"):
            total, regions = self._groups(side)
            # In the order of the label maps, as cumsum adds, so that shards cannot move a digit.
            total, regions = total.cumsum(0)[-1], regions.sum(0)
            means.append((total / regions)[regions > 0].mean())
        return {column: [float(mean)] for column, mean in zip(self.columns, means, strict=True)}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Resample the label maps that have a region."""
        seen = self.sums["regions"].any(1)
        count = int(seen.sum())
        if count < 2:
            return {}
        found = {}
        for column, side in zip(self.columns, ("inside", "outside"), strict=True):
            total, regions = (values[seen] for values in self._groups(side))
            found[column] = resampled(count, partial(_drawn_mean, total, regions))
        return found

    def tables(self) -> dict[str, Tensor]:
        """Keep the sums by label map (row) and class: every order of averaging can be made of them."""
        return self.sums

    def _groups(self, side: str) -> tuple[Tensor, Tensor]:
        """Arrange sums and numbers of what is averaged within each group (column) by label map, [L, G] each."""
        total, regions = self.sums[side], self.sums["regions"]
        if self.average_last == "per_image":
            return total / regions.clamp(min=1), (regions > 0).double()
        return total, regions

    def _scored(self, samples: Samples, region: Tensor, region_id: Tensor) -> Tensor:
        """Tell which regions count, [N]: those of don't-care pixels never, absent classes if the protocol says so."""
        ignored = self.ignored.to(region.device)
        pixels = region.flatten(1).sum(1)
        scored = (region & ~torch.isin(samples.labels, ignored)).flatten(1).any(1)
        scored &= 100 * pixels >= (self.choices.min_percent or 0) * region[0].numel()
        if self.counts_absent:
            scored |= (pixels == 0) & ~torch.isin(region_id, ignored)
        return scored.cpu()

    def _distance(self, samples: Samples, mask: Tensor) -> Tensor:
        """Average the pairs' distances within mask [N, H, W], [N]."""
        if self.choices.mask in _FILL:
            return self._masked_images(samples, mask, _FILL[self.choices.mask])
        return self._masked_maps(samples, mask)

    def _masked_images(self, samples: Samples, mask: Tensor, fill: float) -> Tensor:
        masked = torch.where(mask[:, None, None], samples.fake, fill)
        embedded = samples.per_layout(self.network.embed(masked.flatten(0, 1)))  # [N, K, E]
        if self.choices.pairs == "all":
            return mean_squared_distance(embedded)
        distances = [squared_distance(embedded[:, i], embedded[:, j]) for i, j in self.pairs]
        return torch.stack(distances).mean(0)

    def _masked_maps(self, samples: Samples, mask: Tensor) -> Tensor:
        """Weigh every layer's map of distances by how much of the region lies at each of its positions."""
        pixels, way = mask.float(), self.choices.mask
        spread = pulled_back if way.startswith("map") else F.adaptive_avg_pool2d
        frame = torch.ones_like(pixels) if way.endswith("area") else pixels  # what the sum is divided by
        distance = pixels.new_zeros(len(pixels))
        for tap in self.network.taps_of(samples.once(self.network.stages)):
            layer = samples.per_layout(tap)  # [N, K, C, h, w]
            size = (layer.shape[-2], layer.shape[-1])
            pairs = [(layer[:, i] - layer[:, j]).square().sum(1) for i, j in self.pairs]
            weighted = (torch.stack(pairs).mean(0) * spread(pixels, size)).sum((1, 2))
            distance += weighted / spread(frame, size).sum((1, 2)).clamp(min=1e-9)  # an empty region has no distance
        return distance


def _drawn_mean(total: Tensor, regions: Tensor, times: Tensor) -> Tensor:
    """Average over groups, each over its label maps as often as they were drawn, [B]; NaN is a group nobody drew."""
    return ((times @ total) / (times @ regions)).nanmean(1)


def _build(vary: Literal["class", "instance"], network: str, suffix: str) -> Callable[[Setting], RegionDiversity]:
    columns = ("mcsd", "mocd") if vary == "class" else ("misd", "moid")

    def build(setting: Setting) -> RegionDiversity:
        keys = (columns[0] + suffix, columns[1] + suffix)
        return RegionDiversity(keys, vary, cast(PerceptualNetwork, setting.extractor(network)), setting)

    return build


MCSD = MetricSpec(
    "mcsd",
    2,
    columns("mcsd", "mocd"),
    _build("class", "alexnet", ""),
    needs=("alexnet",),
    of_constant=0.0,
)
MISD = MetricSpec(
    "misd",
    2,
    columns("misd", "moid"),
    _build("instance", "alexnet", ""),
    needs=("alexnet",),
    instances=True,
    of_constant=0.0,
)
MCSD_PD = MetricSpec(
    "mcsd-pd",
    2,
    columns("mcsd_pd", "mocd_pd"),
    _build("class", "paperdolls", "_pd"),
    needs=("paperdolls_features",),
    of_constant=0.0,
)
MISD_PD = MetricSpec(
    "misd-pd",
    2,
    columns("misd_pd", "moid_pd"),
    _build("instance", "paperdolls", "_pd"),
    needs=("paperdolls_features",),
    instances=True,
    of_constant=0.0,
)
