"""Checks of a data set: what is wrong with each item, file by file, and with a split as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import UserError
from bench.datasets.base import Dataset, Item
from bench.datasets.parts.folders import FolderDataset
from bench.datasets.parts.reading import Files, Form, read_ids, read_image, read_labels, size_problem

Pixels = NDArray[np.integer]
# Plausible share of the val split's pixels that are not scored, least and most; on Cityscapes the accuracies that
# papers print say about 0.125 (docs/protocols.md).
UNSCORED: Mapping[str, tuple[float, float]] = {"cityscapes": (0.10, 0.15)}


@dataclass(frozen=True)
class Finding:
    """What was found in one item."""

    problems: tuple[str, ...]  # a line each
    pixels: Mapping[int, int] = field(
        default_factory=dict
    )  # label -> number of pixels; empty if the label map cannot be read


@dataclass(frozen=True)
class Promise:
    """What the files of every item must be like; it is small, as it is sent to other processes."""

    form: Form
    whole_instances: bool  # an instance belongs to one class


def inspections(dataset: Dataset) -> Iterator[Callable[[], Finding]]:
    """Give a call per item that opens it and says what is wrong with it."""
    if isinstance(dataset, FolderDataset):
        promise = Promise(dataset.form, dataset.spec.has_instances)
        return (partial(inspect_files, promise, files) for files in dataset.files)
    size, classes = dataset.size, dataset.num_classes
    return (partial(inspect_item, size, classes, dataset.loader(index)) for index in range(len(dataset)))


def inspect_files(promise: Promise, files: Files) -> Finding:
    """Check every file of an item, also after one that cannot be read."""
    form = promise.form
    problems: list[str] = []
    image = _tried(partial(read_image, files.image), problems)
    labels = _tried(partial(read_labels, files.label, None, form.num_classes, form.dont_care), problems)
    ids = _tried(partial(read_ids, files.instance), problems) if files.instance is not None else labels
    if labels is None:
        return Finding(tuple(problems))
    shapes = [labels.shape if pixels is None else pixels.shape[:2] for pixels in (image, labels, ids)]
    if wrong := size_problem(form, files, *shapes):
        problems.append(wrong)
    if promise.whole_instances and ids is not None and ids.shape == labels.shape:
        problems += _mixed(files, labels, ids)
    return Finding(tuple(problems), _counted(labels))


def _tried(read: Callable[[], Pixels], problems: list[str]) -> Pixels | None:
    try:
        return read()
    except UserError as error:
        problems.append(str(error))
        return None


def _mixed(files: Files, labels: Pixels, ids: Pixels) -> Iterator[str]:
    """Name the first instance that covers more than one class."""
    pairs = np.unique(ids.astype(np.int64) * 256 + labels)
    mixed = pairs[1:][pairs[1:] >> 8 == pairs[:-1] >> 8]
    if len(mixed):
        instance = int(mixed[0]) >> 8
        classes = [int(pair) & 255 for pair in pairs if pair >> 8 == instance]
        yield f"{files.instance}: instance {instance} covers the labels {classes} of {files.label}; expected one."


def inspect_item(size: tuple[int, int], num_classes: int, load: Callable[[], Item]) -> Finding:
    """Check an item against what its data set promises."""
    try:
        item = load()
    except UserError as error:
        return Finding((str(error),))
    problems = []
    if not item.labels.shape == item.instances.shape == item.image.shape[:2] == size:
        problems.append(f"{item.key}: labels, instances and image differ in size, or from {size}.")
    if item.labels.max() >= num_classes:
        problems.append(f"{item.key} holds the label {item.labels.max()}; expected 0 to {num_classes - 1}.")
    if item.instances.min() < 0:
        problems.append(f"{item.key} holds a negative instance id; expected 0 for none, and ids from 1.")
    return Finding(tuple(problems), _counted(item.labels))


def _counted(labels: Pixels) -> dict[int, int]:
    counts = np.bincount(labels.ravel())
    return {label: int(count) for label, count in enumerate(counts) if count}


@dataclass(frozen=True)
class Report:
    """What was found in a split."""

    items: int
    problems: Sequence[str]  # a line each
    warnings: Sequence[str] = ()
    unscored_share: float | None = None  # of all pixels; None where all classes are scored


def summed_up(dataset: Dataset, findings: Sequence[Finding]) -> Report:
    """Collect what was found in all items, and check the split as a whole."""
    share = _unscored_share(dataset, findings)
    problems = [line for finding in findings for line in finding.problems]
    return Report(len(dataset), problems, list(_oddities(dataset, share)), share)


def _unscored_share(dataset: Dataset, findings: Sequence[Finding]) -> float | None:
    pixels: Counter[int] = Counter()
    for finding in findings:
        pixels.update(finding.pixels)
    if not dataset.ignored_classes or not pixels:
        return None
    return sum(pixels[label] for label in dataset.ignored_classes) / pixels.total()


def _oddities(dataset: Dataset, share: float | None) -> Iterator[str]:
    """Find what is unusual about a split, though it may be intended."""
    expected = dataset.spec.split_sizes.get(dataset.split)
    if expected is not None and len(dataset) != expected:
        yield f"{dataset.name} {dataset.split} has {len(dataset)} items here; the papers count {expected}."
    low, high = UNSCORED.get(dataset.name, (0.0, 1.0))
    if share is not None and dataset.split == "val" and len(dataset) == expected and not low <= share <= high:
        yield (
            f"{share:.3f} of all pixels of {dataset.name} val are not scored; expected {low} to {high}. These may be "
            "label maps of another kind."
        )
