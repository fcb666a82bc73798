"""The one pass over a data set: layouts, styles, images, and every metric that wants them.

It knows no method and no metric by name. What is drawn depends on (seed, layout, draw) alone, so neither the batch
size nor the shards nor the choice of metrics can change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.batches import Batch, collate, stream
from bench.datasets.base import Dataset
from bench.images import from_bytes, to_bytes
from metrics.base import Metric, Samples, View
from models.base import Layout, Method

SaveImages = Callable[[Sequence[str], Tensor], None]  # (item keys, images [N, K, 3, H, W] uint8)


@dataclass(frozen=True)
class Pass:
    """One method over one data set for these metrics."""

    method: Method[Any]
    dataset: Dataset
    num_layouts: int
    metrics: Mapping[str, Metric]
    seed: int
    batch_size: int  # images per call of the generator; changes speed and memory, not the numbers
    device: torch.device
    save_images: SaveImages | None = None

    @torch.inference_mode()
    def shard(self, indices: Sequence[int], advance: Callable[[int], None]) -> None:
        """Feed the layouts at `indices` to all metrics; `advance` hears of every finished image."""
        views: dict[View, list[Metric]] = {}
        for metric in self.metrics.values():
            views.setdefault(metric.view, []).append(metric)
        for view, metrics in views.items():
            chosen = sorted(set(indices) & set(chosen_layouts(view, self.num_layouts)))
            draw = self._draw_images if view.vary == "image" else self._draw_regions
            for samples in draw(view, chosen):
                for metric in metrics:
                    metric.update(samples)
                advance(samples.fake.shape[0] * samples.fake.shape[1])

    def count_images(self, indices: Sequence[int]) -> int:
        """Estimate how many images the layouts at `indices` take; regions are counted on a few layouts only."""
        total = 0.0
        for view in {metric.view for metric in self.metrics.values()}:
            chosen = sorted(set(indices) & set(chosen_layouts(view, self.num_layouts)))
            if view.vary == "image":
                total += len(chosen) * view.samples
            elif chosen:
                looked_at = chosen[:: -(-len(chosen) // 8)]
                layouts = [collate([self.dataset[i]], self.dataset.num_classes).layout for i in looked_at]
                regions = sum(len(_region_ids(view, layout, self.dataset.ignored_classes)) for layout in layouts)
                total += len(chosen) * view.samples * regions / len(looked_at)
        return round(total)

    def _draw_images(self, view: View, indices: Sequence[int]) -> Iterator[Samples]:
        """Draw K styles of whole images."""
        for chunk in _chunks(indices, max(1, self.batch_size // view.samples)):
            items = [self.dataset[i] for i in chunk]
            batch = collate(items, self.dataset.num_classes).to(self.device)
            layout = repeated(batch.layout, view.samples)
            rngs = [stream(self.seed, i, "image", k) for i in chunk for k in range(view.samples)]
            pixels = self._synthesize(batch.layout, self.method.sample_style(layout, rngs))
            if self.save_images is not None:
                self.save_images([item.key for item in items], pixels)
            yield _samples(batch, pixels, chunk)

    def _draw_regions(self, view: View, indices: Sequence[int]) -> Iterator[Samples]:
        """Draw K styles of one region at a time around one base style per layout."""
        for index in indices:
            batch = collate([self.dataset[index]], self.dataset.num_classes).to(self.device)
            ids = _region_ids(view, batch.layout, self.dataset.ignored_classes)
            for chunk in _chunks(ids, max(1, self.batch_size // view.samples)):
                layouts = batch.layout.select([0] * len(chunk))
                ids_of = layouts.labels if view.vary == "class" else layouts.instances
                region_id = torch.tensor(chunk, device=self.device)
                region = ids_of == region_id[:, None, None]  # [R, H, W]
                layout = repeated(layouts, view.samples)
                base = self.method.sample_style(layout, [stream(self.seed, index, "base") for _ in range(len(layout))])
                rngs = [stream(self.seed, index, view.vary, r, k) for r in chunk for k in range(view.samples)]
                other = self.method.sample_style(layout, rngs)
                mixed = self.method.mix_styles(base, other, layout, region.repeat_interleave(view.samples, 0))
                pixels = self._synthesize(layouts, mixed)
                images = batch.images.expand(len(chunk), -1, -1, -1)
                yield _samples(Batch(layouts, images), pixels, [index] * len(chunk), region, region_id)

    def _synthesize(self, layout: Layout, style: Any) -> Tensor:  # noqa: ANN401 - the method's own type
        """Draw [N, K, 3, H, W] on the 8-bit grid; a value that is not finite is kept for the metrics to refuse."""
        images = self.method.synthesize(layout, style).float()
        images = torch.where(images.isfinite(), from_bytes(to_bytes(images)), images)
        return images.unflatten(0, (len(layout), -1))


def chosen_layouts(view: View, total: int) -> list[int]:
    """The layouts a view asks for: all, or so many, evenly spaced in file order."""
    if view.layouts is None or view.layouts >= total:
        return list(range(total))
    return [i * total // view.layouts for i in range(view.layouts)]


def repeated(layout: Layout, times: int) -> Layout:
    """Each layout `times` times in a row."""
    return layout.select(torch.arange(len(layout)).repeat_interleave(times))


def _region_ids(view: View, layout: Layout, ignored: Sequence[int]) -> list[int]:
    if view.vary == "instance":
        return [i for i in layout.instances.unique().tolist() if i != 0]
    ids = range(layout.num_classes) if view.absent else layout.labels.unique().tolist()
    return [c for c in ids if c not in ignored]


def _chunks(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _samples(
    batch: Batch,
    images: Tensor,
    indices: Sequence[int],
    region: Tensor | None = None,
    region_id: Tensor | None = None,
) -> Samples:
    layout = batch.layout
    index = torch.tensor(indices, device=layout.labels.device)
    return Samples(images, batch.images, layout.labels, layout.instances, index, region, region_id)
