"""The data sets, in printing order."""

from __future__ import annotations

from bench.catalog import Table

DATASETS: Table = {
    "paperdolls": ("bench.datasets.paperdolls:PAPERDOLLS", "drawn persons in clothes, built in, nothing to download"),
    "paperdolls2": ("bench.datasets.paperdolls:PAPERDOLLS2", "two drawn persons, built in, evaluation only"),
    "deepfashion": ("bench.datasets.deepfashion:DEEPFASHION", "fashion photos with eight classes (GroupDNet, INADE)"),
    "deepfashion2": ("bench.datasets.deepfashion:DEEPFASHION2", "two-person composites, evaluation only (INADE)"),
}
