"""Mean IoU and pixel accuracy of a segmenter's reading of the generated images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from metrics.base import Column, Metric, MetricSpec, Reading, Samples, Setting, View
from metrics.protocol import Reduction


class Segmentation(Metric):
    """Keep one confusion matrix over the whole data set for every noise run, never a mean over images."""

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

    def update(self, samples: Samples) -> None:
        """Add every run's pixels."""
        for labels, images in self._of_one_size(samples):
            size = (labels.shape[-2], labels.shape[-1])
            predicted = self.reading.segmenter(images.flatten(0, 1), size)  # [n * R, h, w]
            predicted = predicted.view(*images.shape[:2], *size)
            truth = self.scored_as.to(labels.device)[labels.long()]
            for run in range(self.view.samples):
                counts = confusion(truth, predicted[:, run], self.num_classes).cpu()
                self.sums["confusion"][run] += counts
                self.sums["void"][run] += labels.numel() - counts.sum()

    def _of_one_size(self, samples: Samples) -> Iterator[tuple[Tensor, Tensor]]:
        """Pair label maps [n, h, w] with their images [n, R, 3, H, W], layout by layout where sizes may differ."""
        stored = self.reading.labels == "stored" and samples.stored_labels
        if not stored:
            yield samples.labels, samples.fake
            return
        for number, labels in enumerate(stored):
            yield labels[None].to(samples.fake.device), samples.fake[number : number + 1]

    def compute(self) -> dict[str, list[float]]:
        """Return mIoU and accuracy of every run in percent."""
        miou, acc = [], []
        for counts, void in zip(self.sums["confusion"], self.sums["void"], strict=True):
            miou.append(100 * mean_iou(counts, self.reduction))
            acc.append(100 * accuracy(counts, int(void), self.pixels))
        return {self.columns[0]: miou, self.columns[1]: acc}

    def tables(self) -> dict[str, Tensor]:
        """Keep the counts of every run, rows = labels: every mean IoU and accuracy is made of them."""
        return self.sums


def confusion(labels: Tensor, predicted: Tensor, num_classes: int, ignore: Sequence[int] = ()) -> Tensor:
    """Count pixels by label (row) and prediction (column), [C, C] int64.

    Pixels with a label in `ignore` or outside 0..C-1 are left out, whatever is predicted there.
    """
    if labels.shape != predicted.shape:
        raise ValueError(f"Labels {tuple(labels.shape)} and predictions {tuple(predicted.shape)} must be of one size.")
    labels, predicted = labels.long(), predicted.long()
    valid = (labels >= 0) & (labels < num_classes)
    valid &= ~torch.isin(labels, torch.tensor(ignore, dtype=torch.int64, device=labels.device))
    labels, predicted = labels[valid], predicted[valid]
    if len(predicted) and not 0 <= int(predicted.min()) <= int(predicted.max()) < num_classes:
        raise ValueError(
            f"The segmenter predicts classes {int(predicted.min())} to {int(predicted.max())}, "
            f"but the labels have {num_classes}; it belongs to another data set."
        )
    return torch.bincount(labels * num_classes + predicted, minlength=num_classes**2).view(num_classes, num_classes)


def iou_per_class(confusion: Tensor) -> Tensor:
    """Return intersection over union of every class, [C] float64; NaN where neither label nor prediction has it."""
    intersection = confusion.diagonal().double()
    return intersection / (confusion.sum(0) + confusion.sum(1) - intersection)


def mean_iou(confusion: Tensor, reduction: Reduction) -> float:
    """Average IoU over the classes that the reduction names."""
    if not confusion.any():
        raise ValueError("No pixel has a label that is scored, so there is no mIoU.")
    iou = iou_per_class(confusion)
    chosen = {
        "nan_union": ~iou.isnan(),
        "all_classes": torch.ones_like(iou, dtype=torch.bool),
        "gt_present": confusion.sum(1) > 0,
    }[reduction]
    return float(iou.nan_to_num(0.0)[chosen].mean())


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
    (Column("miou", "mIoU", "higher", 2, "%"), Column("acc", "Acc", "higher", 2, "%")),
    _build("", None),
    needs=("segmenter",),
)
SEGMENTATION_PD = MetricSpec(
    "segmentation-pd",
    1,
    (Column("miou_pd", "mIoU-pd", "higher", 2, "%"), Column("acc_pd", "Acc-pd", "higher", 2, "%")),
    _build("_pd", "paperdolls"),
    needs=("paperdolls_segmenter",),
)
