"""Goldens of how label and instance maps are prepared; all of them are exact."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.parts.cityscapes_ids import train_ids
from bench.datasets.preparation.celebamask_hq import PARTS, merge
from bench.datasets.preparation.parts.maps import renumbered
from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError

Change = Callable[[NDArray[np.integer]], NDArray[np.uint8]]
_SIDE = 4096  # pixels; a larger image is a mistake in the file
_RENUMBERED = {"label_reid": "label", "cityscapes_reid": "cityscapes_instance_ids"}


def merged_parts(golden: Golden) -> list[Comparison]:
    """The label map of a face from the masks of its parts, and the order of the parts."""
    masks = {name.removeprefix("part_"): golden.array(name) for name in golden.names("inputs")}
    unknown = sorted(masks.keys() - set(PARTS))
    if unknown or len({mask.shape[:2] for mask in masks.values()}) != 1:
        raise GoldenError(f"the inputs are no masks of one size, part_skin and so on: {', '.join(unknown or masks)}")
    order = golden.meta.get("order", list(PARTS))
    if not isinstance(order, list):
        raise GoldenError("the json's 'order' is not a list of parts")
    wrong = sum(ours != theirs for ours, theirs in zip(PARTS, order, strict=False)) + abs(len(PARTS) - len(order))
    return [_equal("merged", merge(masks), golden), Comparison("order of the parts", wrong, 0.0)]


def renumbered_instances(golden: Golden) -> list[Comparison]:
    """Ids that are dense in every image, from labels or from instances."""
    return [
        _equal(name, _of_each_image(renumbered, _ids(golden, _RENUMBERED[name])), golden)
        for name in golden.names("outputs")
        if name in _RENUMBERED
    ]


def cityscapes_ids(golden: Golden) -> list[Comparison]:
    """Train ids of raw ids, and raw ids resized to the nearest pixel."""
    labels = _ids(golden, "label_ids")
    if labels.min() < 0 or labels.max() > 255:
        raise GoldenError(f"label_ids has ids {labels.min()} to {labels.max()}, expected those of an 8-bit image")
    results = [_equal("train_ids", train_ids(labels.astype(np.uint8)), golden)]
    for name in golden.names("outputs"):
        size = re.fullmatch(r"label_ids_nearest_([0-9]{1,4})x([0-9]{1,4})", name)
        if size:
            resized = _of_each_image(partial(_nearest, int(size[1]), int(size[2])), labels.astype(np.uint8))
            results.append(_equal(name, resized, golden))
    return results


def _equal(name: str, ours: NDArray[np.uint8], golden: Golden) -> Comparison:
    return compare(name, ours, golden.array(name), tolerance=0.0, relative=False)


def _ids(golden: Golden, name: str) -> NDArray[np.integer]:
    ids = golden.array(name)
    if ids.dtype.kind not in "iu" or ids.ndim < 2 or not ids.size:
        raise GoldenError(f"array '{name}' is no map of ids, [H, W] or [N, H, W]")
    return ids


def _of_each_image(change: Change, maps: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Change one map [H, W], or every one of a stack."""
    changed = [change(one) for one in maps.reshape(-1, *maps.shape[-2:])]
    return np.stack(changed).reshape(*maps.shape[:-2], *changed[0].shape)


def _nearest(width: int, height: int, labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    if not 0 < width <= _SIDE or not 0 < height <= _SIDE:
        raise GoldenError(f"label_ids cannot be resized to {width}x{height}, expected 1 to {_SIDE} pixels a side")
    return np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))
