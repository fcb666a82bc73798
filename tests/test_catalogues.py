"""Every file of a package is listed, every listed name leads somewhere, and names agree."""

from __future__ import annotations

import pytest
from packages import children
from processes import CHECKOUT

from bench.commands.cli import COMMANDS
from bench.common.catalog import Table, resolve
from bench.datasets import DATASETS
from bench.datasets.preparation import PREPARATIONS
from metrics import METRICS
from metrics.networks import NETWORKS
from models import METHODS
from segmenters import SEGMENTERS

# kind -> (its table, its package, what in there is not of that kind)
TABLES: dict[str, tuple[Table, str, set[str]]] = {
    "method": (METHODS, "models", {"base", "parts", "training"}),
    "metric": (METRICS, "metrics", {"base", "columns", "protocol", "protocol_sources", "networks", "parts"}),
    "network": (NETWORKS, "metrics.networks", {"base", "inception_blocks", "perceptual", "resize", "weights"}),
    "segmenter": (SEGMENTERS, "segmenters", {"cihp", "parts"}),
    "dataset": (DATASETS, "bench.datasets", {"base", "find", "verification", "parts", "preparation"}),
    "preparation": (PREPARATIONS, "bench.datasets.preparation", {"parts"}),
    "command": (COMMANDS, "bench.commands", {"cli"}),
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_file_and_folder_of_the_package_is_listed(kind):
    table, package, others = TABLES[kind]
    there = children(CHECKOUT / package.replace(".", "/"))
    listed = {target.split(":")[0].removeprefix(f"{package}.").split(".")[0] for target, *_ in table.values()}
    assert there - others == listed, f"add a line for {sorted((there - others) ^ listed)} to the table of {package}"
    assert others <= there


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, (table, _, _) in TABLES.items() for name in table])
def test_every_listed_name_resolves_to_something_of_that_name(kind, name):
    found = resolve(kind, TABLES[kind][0], name)
    if kind in ("method", "metric", "dataset"):
        assert found.name == name
