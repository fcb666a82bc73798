"""What it costs to draw one image: the probes of `metrics.complexity` on a method's generator."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from bench.batches import collate, stream
from bench.catalog import UserError, check_name, resolve
from bench.datasets import DATASETS
from bench.datasets.base import DatasetSpec
from metrics.complexity import Macs, Memory, Parameters, Seconds
from models.base import Layout, Method, MethodSpec

Origin = Literal["real", "synthetic"]


@dataclass(frozen=True)
class Cost:
    """The costs of one image; None where the device has no counter."""

    params_m: float
    gmacs: float
    gmacs_paper: float  # "FLOPs" as the INADE paper counts them
    gflops: float
    seconds: float
    memory_mb: float | None


def profile(method: Method[Any], layout: Layout, repeats: int) -> Cost:
    """Draw one image of one layout [1, H, W] under all probes; the time is the median of `repeats` measurements."""
    style = method.sample_style(layout, [stream(0, 0, "image", 0)])

    def run() -> object:
        return method.synthesize(layout, style)

    counts = Macs().measure(method.generator, run)
    seconds = [Seconds().measure(method.generator, run)["seconds"] for _ in range(repeats)]
    return Cost(
        params_m=Parameters().measure(method.generator, run)["params_m"],
        gmacs=counts["gmacs"],
        gmacs_paper=counts["gmacs_paper"],
        gflops=2 * counts["gmacs"],
        seconds=statistics.median(seconds),
        memory_mb=Memory().measure(method.generator, run).get("memory_mb"),
    )


def check_dataset(name: str, specs: Sequence[MethodSpec[Any]]) -> None:
    """Refuse a data set that neither the suite nor a method knows."""
    known = dict.fromkeys([*DATASETS, *(dataset for spec in specs for dataset in spec.configs)])
    check_name("dataset", known, name)


def first_layout(dataset: str, config: Any, root: Path) -> tuple[Layout, Origin]:  # noqa: ANN401 - the method's own type
    """Take the first layout of the val split, or draw one of its size where its files are not there."""
    if dataset not in DATASETS:
        return synthetic_layout(config.height, config.width, config.num_classes), "synthetic"
    spec: DatasetSpec = resolve("dataset", DATASETS, dataset)
    try:
        return collate([spec.open("val", root)[0]], spec.num_classes).layout, "real"
    except UserError:
        return synthetic_layout(*spec.size, spec.num_classes), "synthetic"


def synthetic_layout(height: int, width: int, num_classes: int) -> Layout:
    """Draw upright stripes, one per class and each an instance, as [1, H, W]."""
    stripes = (torch.arange(width) * num_classes // width).repeat(1, height, 1)
    return Layout(stripes, stripes + 1, num_classes)
