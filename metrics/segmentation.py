"""Mean IoU and pixel accuracy of a segmenter's reading of the generated images.

Their intervals resample label maps. Each one's share in the numbers is what its own confusion matrix has on the
diagonal and in all of every row and column: 4 bytes a class, of all R runs 4 C (1 + 2 R) a label map. That is 25 MB for
the 2000 of ADE20K in ten runs and 0.8 MB for Cityscapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from metrics.base import Metric, MetricSpec, Reading, Samples, Setting, View
from metrics.columns import columns
from metrics.parts.intervals import resampled
from metrics.protocol import Reduction


class Segmentation(Metric):
    """Keep one confusion matrix over the whole data set for every noise run, never a mean over images.

    A label map's counts are in the row of its place in the data set, whatever shard it came in, so that states add up.
    """

    def __init__(self, columns: tuple[str, str], reading: Reading, setting: Setting) -> None:
        super().__init__(View("image", setting.protocol.repeats))
        self.columns = columns
        self.reading = reading
        self.num_classes = reading.segmenter.num_classes
        choices = setting.protocol.segmentation
        self.reduction: Reduction = reading.reduction if choices.reduction == "official" else choices.reduction
        self.pixels = choices.accuracy
        self.scored_as = torch.tensor(reading.scored_as, dtype=torch.int64)
        self.add_sum("confusion", self.view.samples, self.num_classes, self.num_classes, dtype=torch.int64)
        self.add_sum("void", self.view.samples, dtype=torch.int64)  # pixels whose label is not scored
        layouts, each = setting.num_layouts, (setting.num_layouts, self.num_classes)
        self.add_sum("map_labels", *each, dtype=torch.int32)  # pixels of every class in a label map
        self.add_sum("map_void", layouts, dtype=torch.int32)
        self.add_sum("map_hits", self.view.samples, *each, dtype=torch.int32)
        self.add_sum("map_predicted", self.view.samples, *each, dtype=torch.int32)

    def update(self, samples: Samples) -> None:
        """Add every run's pixels."""
        for labels, images, index in self._of_one_size(samples):
            size = (labels.shape[-2], labels.shape[-1])
            predicted = self.reading.segmenter(images.flatten(0, 1), size)  # [n * R, h, w]
            truth = self.scored_as.to(labels.device)[labels.long()].repeat_interleave(images.shape[1], 0)
            counts = confusions(truth, predicted, self.num_classes).cpu()
            counts = counts.view(*images.shape[:2], self.num_classes, self.num_classes).movedim(1, 0)  # [R, n, C, C]
            self.sums["confusion"] += counts.sum(1)
            self.sums["void"] += labels.numel() - counts.sum((1, 2, 3))
            self.sums["map_hits"][:, index] = counts.diagonal(dim1=2, dim2=3).int()
            self.sums["map_predicted"][:, index] = counts.sum(2).int()
            self.sums["map_labels"][index] = counts[0].sum(2).int()
            self.sums["map_void"][index] = (labels[0].numel() - counts[0].sum((1, 2))).int()

    def _of_one_size(self, samples: Samples) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Pair label maps [n, h, w] with images [n, R, 3, H, W] and places [n], one by one where sizes may differ."""
        index = samples.index.cpu()
        stored = self.reading.labels == "stored" and samples.stored_labels
        if not stored:
            yield samples.labels, samples.fake, index
            return
        for number, labels in enumerate(stored):
            one = slice(number, number + 1)
            yield labels[None].to(samples.fake.device), samples.fake[one], index[one]

    def compute(self) -> dict[str, list[float]]:
        """Return mIoU and accuracy of every run in percent."""
        miou, acc = [], []
        for counts, void in zip(self.sums["confusion"], self.sums["void"], strict=True):
            miou.append(100 * mean_iou(counts, self.reduction))
            acc.append(100 * accuracy(counts, int(void), self.pixels))
        return {self.columns[0]: miou, self.columns[1]: acc}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Resample the label maps; every draw has all runs of those that it holds."""
        seen = (self.sums["map_labels"].sum(1) + self.sums["map_void"]) > 0
        count = int(seen.sum())
        if count < 2:
            return {}
        void, labels = self.sums["map_void"][seen].double(), self.sums["map_labels"][seen].double()
        runs = [
            (hits[seen].double(), predicted[seen].double())
            for hits, predicted in zip(self.sums["map_hits"], self.sums["map_predicted"], strict=True)
        ]

        def miou(times: Tensor) -> Tensor:
            drawn = times @ labels
            means = [mean_ious(times @ hits, drawn, times @ predicted, self.reduction) for hits, predicted in runs]
            return 100 * torch.stack(means).mean(0)

        def acc(times: Tensor) -> Tensor:
            pixels = times @ (labels.sum(1) + (void if self.pixels == "all" else 0))
            right = torch.stack([times @ hits.sum(1) for hits, _ in runs]).mean(0)
            return 100 * right / pixels

        return dict(zip(self.columns, (resampled(count, miou), resampled(count, acc)), strict=True))

    def tables(self) -> dict[str, Tensor]:
        """Keep the counts of every run, rows = labels: every mean IoU and accuracy is made of them."""
        return {name: self.sums[name] for name in ("confusion", "void")}


def confusion(labels: Tensor, predicted: Tensor, num_classes: int, ignore: Sequence[int] = ()) -> Tensor:
    """Count pixels by label (row) and prediction (column), [C, C] int64.

    Pixels with a label in `ignore` or outside 0..C-1 are left out, whatever is predicted there.
    """
    return confusions(labels[None], predicted[None], num_classes, ignore)[0]


def confusions(labels: Tensor, predicted: Tensor, num_classes: int, ignore: Sequence[int] = ()) -> Tensor:
    """Count the pixels of every map of a batch [N, ...] apart, [N, C, C]."""
    if labels.shape != predicted.shape:
        raise ValueError(f"Labels {tuple(labels.shape)} and predictions {tuple(predicted.shape)} must be of one size.")
    labels = labels.long().flatten(1)  # [N, pixels]
    unscored = (labels < 0) | (labels >= num_classes)
    for label in ignore:
        unscored |= labels == label
    predicted = predicted.long().flatten(1).masked_fill(unscored, 0)
    lowest, highest = map(int, predicted.aminmax()) if predicted.numel() else (0, 0)
    if not 0 <= lowest <= highest < num_classes:
        raise ValueError(
            f"The segmenter predicts classes {lowest} to {highest}, "
            f"but the labels have {num_classes}; it belongs to another data set."
        )
    shape = (len(labels), num_classes + 1, num_classes)  # the last row is of pixels that are not scored
    first = torch.arange(len(labels), device=labels.device)[:, None] * shape[1]
    cells = (labels.masked_fill(unscored, num_classes) + first) * num_classes + predicted
    return torch.bincount(cells.flatten(), minlength=math.prod(shape)).view(shape)[:, :num_classes]


def iou_per_class(confusion: Tensor) -> Tensor:
    """Return intersection over union of every class, [C] float64; NaN where neither label nor prediction has it."""
    intersection = confusion.diagonal().double()
    return intersection / (confusion.sum(0) + confusion.sum(1) - intersection)


def mean_iou(confusion: Tensor, reduction: Reduction) -> float:
    """Average IoU over the classes that the reduction names."""
    if not confusion.any():
        raise ValueError("No pixel has a label that is scored, so there is no mIoU.")
    iou = iou_per_class(confusion)
    return float(iou.nan_to_num(0.0)[_chosen(iou, confusion.sum(1), reduction)].mean())


def mean_ious(hits: Tensor, labels: Tensor, predicted: Tensor, reduction: Reduction) -> Tensor:
    """Average IoU for many matrices at once, given by diagonals and sums of rows and columns, [B, C] each: [B]."""
    iou = hits / (labels + predicted - hits)
    chosen = _chosen(iou, labels, reduction)
    return torch.where(chosen, iou.nan_to_num(0.0), 0.0).sum(1) / (chosen.sum(1) * labels.any(1))


def _chosen(iou: Tensor, labels: Tensor, reduction: Reduction) -> Tensor:
    """Which classes the reduction averages over."""
    return {
        "nan_union": ~iou.isnan(),
        "all_classes": torch.ones_like(iou, dtype=torch.bool),
        "gt_present": labels > 0,
    }[reduction]


def accuracy(confusion: Tensor, void: int, pixels: Literal["valid", "all"]) -> float:
    """Return the share of correct pixels among the scored ones, or among all; then the `void` ones count as wrong."""
    scored = int(confusion.sum())
    return int(confusion.trace()) / (scored if pixels == "valid" else scored + void)


def mean_accuracy(confusion: Tensor) -> float:
    """Average over the classes that labels hold: the share of a class's pixels that are read as such."""
    total = confusion.sum(1)
    return float((confusion.diagonal() / total.double())[total > 0].mean())


def weighted_iou(confusion: Tensor) -> float:
    """Average IoU over the classes, each weighted by its share of the labels."""
    weights = confusion.sum(1).double()
    return float((iou_per_class(confusion).nan_to_num(0.0) * weights).sum() / weights.sum())


def _build(suffix: str, segmenter: str | None) -> Callable[[Setting], Segmentation]:
    def build(setting: Setting) -> Segmentation:
        return Segmentation(("miou" + suffix, "acc" + suffix), setting.reading(segmenter), setting)

    return build


SEGMENTATION = MetricSpec(
    "segmentation",
    2,
    columns("miou", "acc"),
    _build("", None),
    needs=("segmenter",),
)
SEGMENTATION_PD = MetricSpec(
    "segmentation-pd",
    1,
    columns("miou_pd", "acc_pd"),
    _build("_pd", "paperdolls"),
    needs=("paperdolls_segmenter",),
)
