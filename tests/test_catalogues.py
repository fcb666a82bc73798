"""Every file of a package is listed, every listed name leads somewhere, and names agree."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
import metrics
import models
import segmenters
from bench.commands.cli import COMMANDS
from bench.common.catalog import Table, resolve
from bench.datasets import DATASETS
from bench.datasets.preparation import PREPARATIONS
from metrics import METRICS
from metrics.networks import NETWORKS
from models import METHODS
from segmenters import SEGMENTERS

TABLES: dict[str, tuple[Table, Path, set[str]]] = {
    "method": (METHODS, Path(models.__file__).parent, {"base"}),
    "metric": (METRICS, Path(metrics.__file__).parent, {"base", "columns", "protocol", "protocol_sources"}),
    "network": (
        NETWORKS,
        Path(metrics.__file__).parent / "networks",
        {"base", "inception_blocks", "perceptual", "resize", "weights"},
    ),
    "segmenter": (SEGMENTERS, Path(segmenters.__file__).parent, {"cihp"}),
    "dataset": (DATASETS, Path(bench.__file__).parent / "datasets", {"base", "find", "verification"}),
    "preparation": (PREPARATIONS, Path(bench.__file__).parent / "datasets" / "preparation", set()),
    "command": (COMMANDS, Path(bench.__file__).parent / "commands", {"cli"}),
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_public_file_of_the_package_is_listed(kind):
    table, folder, contracts = TABLES[kind]
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")} - contracts
    listed = {target.split(":")[0].rpartition(".")[2] for target, *_ in table.values()}
    assert files == listed, f"add a line for {sorted(files ^ listed)} to the table of {folder.name}"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, (table, _, _) in TABLES.items() for name in table])
def test_every_listed_name_resolves_to_something_of_that_name(kind, name):
    found = resolve(kind, TABLES[kind][0], name)
    if kind in ("method", "metric", "dataset"):
        assert found.name == name
