"""From the name a user typed to a data set: one of the table, or a folder of the user's."""

from __future__ import annotations

from pathlib import Path

from bench.common.catalog import resolve
from bench.datasets import DATASETS
from bench.datasets.base import DatasetSpec
from bench.datasets.folder import KIND, find_folder


def find_dataset(name: str, data_root: Path | None) -> DatasetSpec:
    """Find what is known of a data set; `folder:NAME` is one that lies in a folder of the data root."""
    kind, _, place = name.partition(":")
    if kind == KIND and place:
        return find_folder(place, data_root)
    spec: DatasetSpec = resolve("dataset", DATASETS, name)
    return spec
