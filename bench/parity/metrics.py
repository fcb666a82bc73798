"""Goldens of the segmentation metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import torch
from torch import Tensor

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from metrics.segmentation import accuracy, confusion, iou_per_class, mean_accuracy, mean_iou, weighted_iou

_CLASSES = 4096
_NOWHERE = -1.0  # stands for null, the IoU of a class that neither labels nor predictions have


def confusion_matrix(golden: Golden) -> list[Comparison]:
    """Counts, and all that four public evaluators make of them."""
    classes, ignored = golden.meta.get("num_classes"), golden.meta.get("ignore_label")
    if not isinstance(classes, int) or not 1 <= classes <= _CLASSES:
        raise GoldenError(f"num_classes is {classes!r:.40}, expected 1 to {_CLASSES}")
    labels, predicted = golden.tensor("label"), golden.tensor("pred")
    if labels.shape != predicted.shape or labels.ndim not in (2, 3):
        raise GoldenError(f"label {list(labels.shape)} and pred {list(predicted.shape)}, expected [N, H, W] of both")
    pairs = zip(*(maps.reshape(-1, *maps.shape[-2:]) for maps in (labels, predicted)), strict=True)
    ignore = () if ignored is None else (int(ignored),)
    counts, each = torch.zeros(classes, classes, dtype=torch.int64), []
    for label, guess in pairs:
        of_image = confusion(label, guess, classes, ignore)
        each += [accuracy(of_image, 0, "valid")] if of_image.any() else []
        counts += of_image
    found = _evaluators(counts, each, labels.numel() - int(counts.sum()))
    results = [compare("confusion", counts, golden.array("confusion"), tolerance=0.0, relative=False)]
    for (field, key), value in found.items():
        stated = golden.meta.get(field)
        stated = stated.get(key) if isinstance(stated, dict) else stated
        if stated is not None:
            results.append(_compared(f"{field} {key}".rstrip(), value, stated))
    return results


def _evaluators(counts: Tensor, each: Sequence[float], void: int) -> Mapping[tuple[str, str], object]:
    """Compute every field of a golden; `each` is the accuracy of every image that has a pixel to score."""
    iou = iou_per_class(counts).nan_to_num(_NOWHERE).tolist()
    valid, drn = accuracy(counts, void, "valid"), mean_iou(counts, "nan_union")
    return {
        ("drn", "mIoU"): drn,
        ("drn", "mIoU_percent"): round(100 * drn, 2),
        ("drn", "per_class_iou"): iou,
        ("drn", "per_image_accuracy_percent_mean"): 100 * fmean(each),
        ("csail", "mIoU"): mean_iou(counts, "all_classes"),
        ("csail", "per_class_iou"): iou_per_class(counts).nan_to_num(0.0).tolist(),
        ("csail", "accuracy"): valid,
        ("deeplab_pytorch", "Pixel Accuracy"): valid,
        ("deeplab_pytorch", "Mean Accuracy"): mean_accuracy(counts),
        ("deeplab_pytorch", "Frequency Weighted IoU"): weighted_iou(counts),
        ("deeplab_pytorch", "Mean IoU"): mean_iou(counts, "gt_present"),
        ("deeplab_pytorch", "per_class_iou"): iou,
        ("tf_streaming", "mIoU"): drn,
        ("tf_streaming", "accuracy"): valid,
        ("accuracy_valid_pixels", ""): valid,
        ("accuracy_all_pixels_void_counted_wrong", ""): accuracy(counts, void, "all"),
        ("valid_fraction", ""): int(counts.sum()) / (int(counts.sum()) + void),
        ("gt_classes_present", ""): counts.sum(1).nonzero()[:, 0].tolist(),
        ("pred_classes_present", ""): counts.sum(0).nonzero()[:, 0].tolist(),
    }


def _compared(name: str, ours: object, stated: object) -> Comparison:
    if isinstance(stated, list):
        stated = [_NOWHERE if value is None else value for value in stated]
    return compare(name, ours, stated, tolerance=1e-9)
