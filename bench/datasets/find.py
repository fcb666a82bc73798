"""Data sets by name: one that the suite knows, or a folder of the user's."""

from __future__ import annotations

from pathlib import Path

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.datasets import DATASETS
from bench.datasets.base import DatasetSpec
from bench.datasets.folder import KIND, find_folder


def find_dataset(name: str, data_root: Path | None) -> DatasetSpec:
    """Find the description of a data set; `folder:NAME` is the user's own, in a folder of the data root."""
    kind, _, place = name.partition(":")
    if kind == KIND and place:
        return find_folder(place, data_root)
    spec: DatasetSpec = resolve("dataset", DATASETS, name)
    return spec


def find_training_data(name: str, data_root: Path | None) -> DatasetSpec:
    """Find a data set to train on; one for evaluation only is refused."""
    data = find_dataset(name, data_root)
    if data.evaluation_only:
        raise UserError(f"{name} is for evaluation only: train on {data.trained_on} and evaluate on it.")
    return data


def training_name(dataset: str) -> str:
    """Name the data set that networks for a data set are trained on; usually it is the same."""
    if dataset not in DATASETS:
        return dataset  # a folder of the user's
    spec: DatasetSpec = resolve("dataset", DATASETS, dataset)
    return spec.trained_on or dataset
