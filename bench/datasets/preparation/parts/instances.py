"""INADE's instance maps for data without annotated instances: every class in an image is one instance."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.datasets.parts.folders import natural
from bench.datasets.parts.reading import read_labels
from bench.datasets.preparation.parts.maps import renumbered
from bench.datasets.preparation.parts.work import Item, Made, Make


def instance_items(labels: Path, instances: Path) -> Sequence[Item[Path]]:
    """List the label maps of a folder, and the instance map each becomes; nothing where there is no folder."""
    files = sorted(labels.glob("*.png"), key=natural)
    return [Item(path, (instances / path.name,)) for path in files]


def instances_of_labels(num_classes: int) -> Make[Path]:
    """Say how an instance map is made from a label map."""
    return partial(_number_classes, num_classes)


def _number_classes(num_classes: int, path: Path) -> Made:
    return Made([renumbered(read_labels(path, None, num_classes))])
