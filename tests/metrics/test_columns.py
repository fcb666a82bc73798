from __future__ import annotations

import importlib

import pytest
from processes import PYTHON, finished

from metrics import METRICS
from metrics.columns import COLUMNS, columns

COUNTED_BESIDES = {"params_with_encoder_m", "params_leaf_m", "gflops", "gmacs_einsum"}  # by `bench profile`


def columns_of(name):
    module, attribute = METRICS[name][0].split(":")
    return getattr(importlib.import_module(module), attribute).columns


@pytest.mark.parametrize("name", METRICS)
def test_the_columns_of_a_metric_are_those_that_are_written_here(name):
    theirs = columns_of(name)
    assert theirs
    assert all(any(column is ours for ours in COLUMNS) for column in theirs)


def test_every_column_is_filled_by_one_metric():
    filled = [column.key for name in METRICS for column in columns_of(name)]
    assert sorted([*filled, *COUNTED_BESIDES]) == sorted(column.key for column in COLUMNS)


def test_a_column_that_is_not_written_cannot_be_named():
    with pytest.raises(KeyError):
        columns("fid", "fib")


def test_importing_them_loads_no_torch():
    code = "import sys, metrics.columns; assert 'torch' not in sys.modules"
    assert finished(*PYTHON, code) == (0, "", "")
