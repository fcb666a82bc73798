"""Network sizes: which config of a method fits a data set."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import permutations
from typing import Any

from bench.common.catalog import resolve, title_of
from bench.common.errors import UserError
from bench.datasets import DATASETS
from bench.datasets.base import Dataset, DatasetSpec
from bench.results.records import Preset
from models.base import MethodSpec

GRID = 32  # pixels; networks of the papers' sizes halve and double the size of the image five times


def default_preset(dataset: str) -> Preset:
    """Choose the network sizes for a data set, if the user does not: tiny for the built-in data."""
    return "tiny" if is_built_in(dataset) else "paper"


def is_built_in(dataset: str) -> bool:
    """Tell whether a data set is drawn by the suite itself."""
    return dataset in DATASETS and resolve("dataset", DATASETS, dataset).built_in


def config_for(spec: MethodSpec[Any], data: DatasetSpec, preset: Preset) -> Any:  # noqa: ANN401 - the method's own type
    """Find a method's network sizes for any data set; for a user's own, a network of the papers is adapted."""
    if data.name in DATASETS or not spec.configs or preset == "tiny":
        return choose_config(spec, data.name, preset)
    if all(config == spec.tiny for config in spec.configs.values()):
        return spec.tiny  # there is nothing to choose
    config = _free_of_classes(spec)
    if config is None:
        raise UserError(
            f"{title_of(spec.name)}'s network depends on the classes: {data.name} needs a config of its own for it "
            "(`configs` in the method's file)."
        )
    height, width = data.size
    if height % GRID or width % GRID:
        raise UserError(
            f"{title_of(spec.name)} draws multiples of {GRID} pixels; {data.name} has the size {height} x {width}: "
            "change `size` in its dataset.toml."
        )
    return _fitted(config, height, width, data.num_classes, edges=data.has_instances)


def choose_config(spec: MethodSpec[Any], dataset: str, preset: Preset) -> Any:  # noqa: ANN401 - the method's own type
    """Find a method's network sizes for a data set that the suite knows."""
    if preset == "tiny":
        if not is_built_in(dataset):
            raise UserError(f"The tiny preset is for paperdolls and paperdolls2; {dataset} needs --preset paper.")
        return spec.tiny
    if dataset not in spec.configs:
        known = ", ".join(spec.configs) or "none"
        raise UserError(
            f"{title_of(spec.name)} has no network of the paper's size for {dataset}; it has one for: {known}."
        )
    return spec.configs[dataset]


def _free_of_classes(spec: MethodSpec[Any]) -> Any:  # noqa: ANN401 - the method's own type
    """Find a config that depends on the classes in nothing but their number: adapted, it equals another one."""
    configs = sorted(spec.configs.items(), key=lambda entry: entry[0] != "ade20k")
    for (_, one), (_, other) in permutations(configs, 2):
        if hasattr(one, "num_classes") and one.num_classes != other.num_classes:
            fitted = _fitted(one, other.height, other.width, other.num_classes, edges=getattr(other, "edges", False))
            if fitted == other:
                return one
    return None


def _fitted(config: Any, height: int, width: int, num_classes: int, *, edges: bool) -> Any:  # noqa: ANN401
    changed = {"height": height, "width": width, "num_classes": num_classes, "edges": edges}
    return replace(config, **{field.name: changed[field.name] for field in fields(config) if field.name in changed})


def size_of(config: Any, dataset: Dataset) -> tuple[int, int]:  # noqa: ANN401 - the method's own config
    """Give the size that a network draws, which may differ by method: SC-GAN draws CelebAMask-HQ at 512x512."""
    return getattr(config, "height", dataset.size[0]), getattr(config, "width", dataset.size[1])
