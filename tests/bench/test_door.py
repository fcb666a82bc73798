"""`bench.measure` from a program: the numbers, records and resume of `bench run`, in a DataFrame."""

from __future__ import annotations

import pytest
from small_runs import bench as command_line
from small_runs import times

import bench
from bench.common.errors import UserError
from bench.evaluation.measure import Session

WORDS = {"dataset": "paperdolls2", "limit": 2, "metrics": "segmentation-pd,params", "repeats": 2, "device": "cpu"}


def done(table):
    return table[table.status == "done"].sort_values("column").to_csv(index=False)


def test_the_numbers_are_those_of_the_command(tmp_path):
    table = bench.measure(methods=["truth", "inade"], **WORDS, out=tmp_path / "door")
    words = "run --methods truth,inade --dataset paperdolls2 --limit 2 --metrics segmentation-pd,params --repeats 2"
    shown = command_line(*words.split(), "--device", "cpu", "--num-workers", "0", "--out", tmp_path / "command")
    assert shown.exit_code == 0
    numbers = ["method", "column", "value", "std", "key"]
    theirs = bench.frame(tmp_path / "command")[numbers].sort_values(numbers)
    assert table[table.status == "done"][numbers].sort_values(numbers).to_csv(index=False) == theirs.to_csv(index=False)


def test_what_is_on_record_is_not_measured_again(tmp_path, monkeypatch):
    first = bench.measure("truth", **WORDS, out=tmp_path)
    before = times(tmp_path)
    monkeypatch.setattr(Session, "_draw", lambda self, specs, *_: {} if not specs else pytest.fail("drawn again"))
    assert done(bench.measure("truth", **WORDS, out=tmp_path)) == done(first)
    assert before.items() <= times(tmp_path).items()


def test_a_number_that_does_not_exist_is_a_line_with_the_reason(tmp_path):
    table = bench.measure("truth", "paperdolls", metrics=["misd-pd"], limit=2, device="cpu", out=tmp_path)
    assert set(table.status) == {"skipped"}
    assert table.value.isna().all()
    assert set(table.reason) == {"paperdolls does not tell the objects of a class apart"}


def test_an_unknown_name_is_an_error_with_the_nearest_one(tmp_path):
    with pytest.raises(UserError, match="Did you mean 'inade'"):
        bench.measure("inad", "paperdolls2", out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_methods_are_listed_in_the_order_of_tables_with_a_line_each():
    listed = bench.list_methods()
    assert list(listed)[-2:] == ["truth", "real"]
    assert {"spade", "inade", "groupdnet"} <= listed.keys()
    assert all(listed.values())


def test_a_module_has_no_other_names():
    assert bench.__all__ == ["frame", "list_methods", "measure"]
    with pytest.raises(AttributeError):
        _ = bench.nothing
