"""The segmenter that reads the images of a data set under a protocol, and the files that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.common.errors import UserError
from bench.datasets.base import DatasetSpec
from metrics.base import MetricSpec
from metrics.protocol import LabelSize, Protocol, Reduction

UPERNET_SIZES: Mapping[str, tuple[int, ...]] = {"five": (300, 375, 450, 525, 600), "450": (450,), "256": (256,)}
DRN_SCALES: Mapping[str, tuple[float, ...]] = {"one": (1.0,), "six": (1.0, 0.5, 0.75, 1.25, 1.5, 1.75)}


@dataclass(frozen=True)
class SegmenterChoice:
    """A segmenter by name, how it is built, and what its predictions are compared with."""

    segmenter: str  # in SEGMENTERS
    weights: tuple[str, ...]  # in WEIGHT_FILES
    labels: LabelSize
    reduction: Reduction = "nan_union"  # as the data set's own evaluator has it
    options: Mapping[str, Any] = field(default_factory=dict)  # arguments of the segmenter's `from_states`


def _cityscapes(protocol: Protocol) -> SegmenterChoice:
    choices = protocol.cityscapes
    options = {"arch": choices.network, "scales": DRN_SCALES[choices.scales]}
    return SegmenterChoice("drn", (choices.network,), choices.labels, options=options)


def _ade20k(protocol: Protocol) -> SegmenterChoice:
    choices = protocol.ade20k
    weights = (f"{choices.network}_encoder", f"{choices.network}_decoder")
    options = {"channels": choices.network.removeprefix("upernet_"), "sizes": UPERNET_SIZES[choices.sizes]}
    return SegmenterChoice("upernet", weights, choices.labels, "all_classes", options)


def _coco_stuff(protocol: Protocol) -> SegmenterChoice:
    return SegmenterChoice("deeplab", ("deeplab_coco",), protocol.coco_stuff.labels, "gt_present")


def _celebamask(protocol: Protocol) -> SegmenterChoice:
    choices = protocol.celebamask
    return SegmenterChoice("celeba_unet", ("celeba_unet",), choices.labels, options={"resize": choices.resize})


def _deepfashion(protocol: Protocol) -> SegmenterChoice:
    if protocol.deepfashion.network == "cihp":
        raise UserError(
            f"{protocol.name} reads DeepFashion with CIHP_PGN, a TensorFlow program that is not run here: write the "
            "images with --save-images, let CIHP_PGN read them, and score its label maps with `bench confusion FOLDER "
            "--dataset deepfashion --classes cihp`; or use the suite's UNet with --set deepfashion.network=unet."
        )
    return SegmenterChoice("deepfashion_unet", ("deepfashion_unet",), "drawn")


_GROUPS: Mapping[str, Callable[[Protocol], SegmenterChoice]] = {
    "cityscapes": _cityscapes,
    "ade20k": _ade20k,
    "coco_stuff": _coco_stuff,
    "celebamask": _celebamask,
    "deepfashion": _deepfashion,
}
_PAPERDOLLS = SegmenterChoice("paperdolls", ("paperdolls_segmenter",), "drawn")


def choose_segmenter(protocol: Protocol, data: DatasetSpec, segmenter: str | None = None) -> SegmenterChoice:
    """Find the segmenter that the protocol names for a data set, or the one of the built-in data."""
    if segmenter == "paperdolls":
        return _PAPERDOLLS
    if data.scoring not in _GROUPS:
        raise UserError(
            f"There is no segmenter for {data.name}; leave `segmentation` out of --metrics "
            "(on paperdolls, segmentation-pd is built in)."
        )
    return _GROUPS[data.scoring](protocol)


def weight_names(metric: MetricSpec, protocol: Protocol, data: DatasetSpec) -> tuple[str, ...]:
    """Name the weight files of a metric, with those of the segmenter that the protocol chooses."""
    return expanded(metric.weights(protocol), protocol, data)


def expanded(needs: Sequence[str], protocol: Protocol, data: DatasetSpec) -> tuple[str, ...]:
    """Replace "segmenter" by the files of the protocol's segmenter."""
    names: list[str] = []
    for name in needs:
        names += choose_segmenter(protocol, data).weights if name == "segmenter" else (name,)
    return tuple(names)
