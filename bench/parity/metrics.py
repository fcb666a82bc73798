"""Goldens of what the segmentation metrics count."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from metrics.segmentation import accuracy, confusion, iou_per_class, mean_accuracy, mean_iou, weighted_iou

_CLASSES = 4096


def confusion_matrix(golden: Golden) -> list[Comparison]:
    """Counts, and the mIoU and accuracy that three public evaluators make of them."""
    classes, ignored = golden.meta.get("num_classes"), golden.meta.get("ignore_label")
    if not isinstance(classes, int) or not 1 <= classes <= _CLASSES:
        raise GoldenError(f"num_classes is {classes!r:.40}, expected 1 to {_CLASSES}")
    labels, predicted = golden.tensor("label"), golden.tensor("pred")
    counts = confusion(labels, predicted, classes, () if ignored is None else (int(ignored),))
    void = labels.numel() - int(counts.sum())
    found = {
        ("drn", "mIoU"): mean_iou(counts, "nan_union"),
        ("csail", "mIoU"): mean_iou(counts, "all_classes"),
        ("deeplab_pytorch", "Mean IoU"): mean_iou(counts, "gt_present"),
        ("deeplab_pytorch", "Mean Accuracy"): mean_accuracy(counts),
        ("deeplab_pytorch", "Frequency Weighted IoU"): weighted_iou(counts),
        ("accuracy_valid_pixels", ""): accuracy(counts, void, "valid"),
        ("accuracy_all_pixels_void_counted_wrong", ""): accuracy(counts, void, "all"),
    }
    results = [compare("confusion", counts, golden.array("confusion"), tolerance=0.0, relative=False)]
    for (field, key), value in found.items():
        stated = golden.meta.get(field)
        stated = stated.get(key) if isinstance(stated, dict) else stated
        if stated is not None:
            results.append(compare(f"{field} {key}".rstrip(), value, stated, tolerance=1e-9))
    return results + _per_class(golden, iou_per_class(counts))


def _per_class(golden: Golden, iou: Tensor) -> list[Comparison]:
    """Compare the IoU of every class where the golden has it; null is a class that neither side has."""
    stated = golden.meta.get("drn")
    values = stated.get("per_class_iou") if isinstance(stated, dict) else None
    if values is None:
        return []
    expected = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return [
        compare("classes in use", iou.isnan(), np.isnan(expected), tolerance=0.0),
        compare("drn per_class_iou", iou.nan_to_num(-1), np.nan_to_num(expected, nan=-1), tolerance=1e-9),
    ]
