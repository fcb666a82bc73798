"""One pass over a data set: it draws images in random styles and gives them to all metrics.

Equal views share their images. What is drawn depends on (seed, layout, draw) alone, so neither the batch
size nor the shards nor the choice of metrics can change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from bench.common.workers import done_ahead
from bench.datasets.base import Dataset, Item
from bench.evaluation.saved_images import SavedImages
from bench.synthesis.batches import Batch, collate, stream
from bench.synthesis.images import from_bytes, to_bytes
from bench.synthesis.styles import draw_style
from metrics.base import Metric, Samples, View
from models.base import Layout, Method


@dataclass(frozen=True, kw_only=True)
class Pass:
    """A method, a data set and the metrics that its images are drawn for."""

    method: Method[Any]
    dataset: Dataset
    num_layouts: int
    metrics: Mapping[str, Metric]
    seed: int
    batch_size: int  # images per call of the generator; changes speed and memory, not the numbers
    device: torch.device
    num_workers: int = 0  # processes that read items ahead
    images: SavedImages | None = None  # where every image goes as PNG
    photo_styles: bool = False  # read styles from the layouts' photos where the method can

    @cached_property
    def views(self) -> dict[View, list[Metric]]:
        """The metrics by view; those of one view share its images."""
        views: dict[View, list[Metric]] = {}
        for metric in self.metrics.values():
            views.setdefault(metric.view, []).append(metric)
        return views

    @torch.inference_mode()
    def run(self, shards: Iterable[Sequence[int]], advance: Callable[[int], None]) -> Iterator[None]:
        """Feed all metrics, shard by shard, and yield after each; `advance` is told how many images were drawn."""
        tasks = [[(view, self._chosen(view, shard)) for view in self.views] for shard in shards]
        order = [index for shard in tasks for _, indices in shard for index in indices]
        with closing(done_ahead(map(self.dataset.loader, order), self.num_workers)) as items:
            for shard in tasks:
                for view, indices in shard:
                    draw = self._draw_images if view.vary == "image" else self._draw_regions
                    for samples in draw(view, indices, items):
                        for metric in self.views[view]:
                            metric.update(samples)
                        advance(samples.fake.shape[0] * samples.fake.shape[1])
                yield

    def count_images(self, indices: Sequence[int]) -> int:
        """Estimate how many images the layouts at `indices` take; regions are counted on a few layouts only."""
        total = 0.0
        for view in self.views:
            chosen = self._chosen(view, indices)
            if view.vary == "image":
                total += len(chosen) * view.samples
            elif chosen:
                looked_at = chosen[:: -(-len(chosen) // 8)]
                layouts = [collate([self.dataset[i]], self.dataset.num_classes).layout for i in looked_at]
                regions = sum(len(_region_ids(view, layout, self.dataset.ignored_classes)) for layout in layouts)
                total += len(chosen) * view.samples * regions / len(looked_at)
        return round(total)

    def _chosen(self, view: View, indices: Sequence[int]) -> list[int]:
        return sorted(set(indices) & set(chosen_layouts(view, self.num_layouts)))

    def _draw_images(self, view: View, indices: Sequence[int], items: Iterator[Item]) -> Iterator[Samples]:
        """Draw K styles of whole images."""
        for chunk in _chunks(indices, max(1, self.batch_size // view.samples)):
            read = [next(items) for _ in chunk]
            batch = collate(read, self.dataset.num_classes).to(self.device)
            samples = _samples(batch, self._in_parts(view.samples, partial(self._images, batch, chunk)), chunk)
            if self.images is not None:
                self.images.save([item.key for item in read], to_bytes(samples.fake))
            yield samples

    def _draw_regions(self, view: View, indices: Sequence[int], items: Iterator[Item]) -> Iterator[Samples]:
        """Draw K styles of one region at a time around one base style per layout."""
        for index in indices:
            one = collate([next(items)], self.dataset.num_classes).to(self.device)
            ids = _region_ids(view, one.layout, self.dataset.ignored_classes)
            for chunk in _chunks(ids, max(1, self.batch_size // view.samples)):
                batch = one.repeated(len(chunk))
                ids_of = batch.layout.labels if view.vary == "class" else batch.layout.instances
                region_id = torch.tensor(chunk, device=self.device)
                region = ids_of == region_id[:, None, None]  # [R, H, W]
                names = [(index, view.vary, id_) for id_ in chunk]
                fake = self._in_parts(view.samples, partial(self._restyled, batch, region, names))
                yield _samples(batch, fake, [index] * len(chunk), region, region_id)

    def _images(self, batch: Batch, indices: Sequence[int], draws: Sequence[int]) -> Tensor:
        rngs = [stream(self.seed, index, "image", draw) for index in indices for draw in draws]
        style = draw_style(self.method, batch.repeated(len(draws)), rngs, from_photo=self.photo_styles)
        return self.method.synthesize(batch.layout, style)

    def _restyled(
        self, batch: Batch, region: Tensor, names: Sequence[tuple[int, str, int]], draws: Sequence[int]
    ) -> Tensor:
        """Draw images of one layout per region; `names` gives every region its own random streams."""
        repeated, photo = batch.repeated(len(draws)), self.photo_styles
        bases = [stream(self.seed, name[0], "base") for name in names for _ in draws]
        others = [stream(self.seed, *name, draw) for name in names for draw in draws]
        base = draw_style(self.method, repeated, bases, from_photo=photo)
        other = draw_style(self.method, repeated, others, from_photo=photo)
        mixed = self.method.mix_styles(base, other, repeated.layout, region.repeat_interleave(len(draws), 0))
        return self.method.synthesize(batch.layout, mixed)

    def _in_parts(self, samples: int, draw: Callable[[Sequence[int]], Tensor]) -> Tensor:
        """Draw [N, K, 3, H, W], rounded to 8-bit values, at most a batch of the K at once.

        A value that is not finite is kept for the metrics to refuse. In memory channels come last, as networks want it.
        """
        chunks = _chunks(range(samples), self.batch_size)
        drawn = [(draw(draws).float().movedim(1, -1), len(draws)) for draws in chunks]
        parts = [part.reshape(-1, size, *part.shape[1:]) for part, size in drawn]
        images = parts[0] if len(parts) == 1 else torch.cat(parts, 1)  # [N, K, H, W, 3]
        on_grid = from_bytes(to_bytes(images.contiguous()))
        if not images.sum().isfinite():
            on_grid = torch.where(images.isfinite(), on_grid, images)
        return on_grid.movedim(-1, 2)


def one_image(method: Method[Any], dataset: Dataset, seed: int, device: torch.device) -> Callable[[], object]:
    """Prepare a call that draws one image of the first layout and does nothing else."""
    batch = collate([dataset[0]], dataset.num_classes).to(device)
    style = draw_style(method, batch, [stream(seed, 0, "image", 0)])
    return lambda: method.synthesize(batch.layout, style)


def chosen_layouts(view: View, total: int) -> list[int]:
    """List the layouts that a view asks for: all, or a number of them, evenly spaced in file order."""
    if view.layouts is None or view.layouts >= total:
        return list(range(total))
    return [i * total // view.layouts for i in range(view.layouts)]


def _region_ids(view: View, layout: Layout, ignored: Sequence[int]) -> list[int]:
    if view.vary == "instance":
        return [i for i in torch.unique(layout.instances).tolist() if i != 0]
    ids = range(layout.num_classes) if view.absent else torch.unique(layout.labels).tolist()
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
    stored = batch.stored_labels
    return Samples(images, batch.images, layout.labels, layout.instances, index, region, region_id, stored)
