"""What can be wrong with an item of a data set, file by file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from bench.catalog import UserError
from bench.datasets._folders import Files, FolderDataset, read_ids, read_image, read_labels
from bench.datasets.base import Dataset, Item


def problems(dataset: Dataset, index: int) -> list[str]:
    """Open one item and say what is wrong with it, a line each."""
    if isinstance(dataset, FolderDataset):
        return list(_of_files(dataset, dataset.files[index]))
    return list(_of_item(dataset, dataset[index]))


def _of_files(dataset: FolderDataset, files: Files) -> Iterator[str]:
    """Look at every file of an item, so that one broken file does not hide another."""
    size, classes = dataset.size, dataset.num_classes
    readers: list[tuple[Path | None, Callable[[Path], object]]] = [
        (files.image, lambda path: read_image(path, size)),
        (files.label, lambda path: read_labels(path, size, classes)),
        (files.instance, lambda path: read_ids(path, size)),
    ]
    sizes: dict[Path, tuple[int, int]] = {}
    for path, read in readers:
        if path is None:
            continue
        try:
            read(path)
            with Image.open(path) as file:
                sizes[path] = file.size
        except UserError as error:
            yield str(error)
    photo = sizes.get(files.image)
    for path, (width, height) in sizes.items():
        if photo is not None and (width, height) != photo:
            yield f"{path} is {width}x{height}; expected {photo[0]}x{photo[1]}, the size of its photo {files.image}."


def _of_item(dataset: Dataset, item: Item) -> Iterator[str]:
    """Check an item without files against what its data set promises."""
    if not item.labels.shape == item.instances.shape == item.image.shape[:2] == dataset.size:
        yield f"{item.key}: labels, instances and image differ in size, or from {dataset.size}."
    if item.labels.max() >= dataset.num_classes:
        yield f"{item.key} holds the label {item.labels.max()}; expected 0 to {dataset.num_classes - 1}."
    if item.instances.min() < 0:
        yield f"{item.key} holds a negative instance id; expected 0 for none, and ids from 1."
