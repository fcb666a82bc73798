"""Goldens of what the metrics count and of the network behind FID."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from metrics._inception import FIDInception, Mode
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


def inception(golden: Golden) -> list[Comparison]:
    """Features of three resizes and from four depths; images go in one at a time."""
    images = [_image(golden.array(name)) for name in golden.names("inputs")]
    network, results = golden.filled(FIDInception)
    ways = {"pytorch_fid": ("pytorch_fid", "pt"), "clean": ("clean", "clean"), "tf1": ("pytorch_fid", "tf1")}
    for way, (mode, short) in ways.items():
        rows = [_taps(network, _tf1(image) if way == "tf1" else image, mode) for image in images]
        taps = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
        found = {f"pool3_{way}": taps["pool3"], f"resized_{short}": _stored(taps["resized"], way)}
        if way == "pytorch_fid":
            found |= {name: taps[name] for name in ("d64", "d192", "d768")}
        if way == "tf1":
            found["logits_unbiased_tf1"] = taps["pool3"] @ network.fc.weight.T
        results += [
            compare(name, value, golden.array(name), tolerance=2e-5)
            for name, value in found.items()
            if name in golden.arrays
        ]
    return results


def _image(array: np.ndarray) -> Tensor:
    """An 8-bit image [H, W, 3] as [1, 3, H, W] in [-1, 1]."""
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size > 3 * 2**22:
        raise GoldenError(f"an image is {array.dtype} {list(array.shape)}, expected uint8 [H, W, 3]")
    return torch.from_numpy(array).movedim(-1, 0)[None] / 127.5 - 1


def _taps(network: FIDInception, image: Tensor, mode: str) -> dict[str, Tensor]:
    """Run the network and keep its resized input, three inner means and its output."""
    taps: dict[str, Tensor] = {}
    first = {"resized": network.Conv2d_1a_3x3, "d64": network.Conv2d_3b_1x1, "d192": network.Mixed_5b}
    hooks = [module.register_forward_pre_hook(_keep(taps, name)) for name, module in first.items()]
    hooks.append(network.Mixed_7a.register_forward_pre_hook(_keep(taps, "d768")))
    chosen: Mode = "clean" if mode == "clean" else "pytorch_fid"
    network.mode = chosen
    taps["pool3"] = network(image)
    for hook in hooks:
        hook.remove()
    return {name: value.mean((2, 3)) if name.startswith("d") else value for name, value in taps.items()}


def _keep(taps: dict[str, Tensor], name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        taps[name] = inputs[0]

    return hook


def _stored(resized: Tensor, way: str) -> Tensor:
    """Every 23rd pixel before the values are centred: from 0 to 1 for pytorch-fid, else from 0 to 255."""
    values = (resized + 1) / 2 if way == "pytorch_fid" else resized * 128 + 128
    return values[:, :, ::23, ::23]


def _tf1(image: Tensor) -> Tensor:
    """Resize to 299x299 as TensorFlow 1 did, without the half pixel; torch-fidelity's way, which no metric here takes.

    The network's own resize leaves an image of this size as it is.
    """
    values = (image + 1) * 127.5
    for axis in (2, 3):
        length = values.shape[axis]
        place = torch.arange(299, dtype=torch.float32) * (length / 299)
        low = place.floor().long()
        high = (low + 1).clamp(max=length - 1)
        share = (place - low).view(-1, *(1,) * (3 - axis))
        values = values.index_select(axis, low) * (1 - share) + values.index_select(axis, high) * share
    return (values - 128) / 128
