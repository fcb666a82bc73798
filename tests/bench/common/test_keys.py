from __future__ import annotations

import math
from dataclasses import fields

import pytest

from bench.common.keys import content_key
from bench.evaluation.plan import CellPlan
from bench.results.records import Cell
from metrics.protocol import PROTOCOLS
from models.scgan.method import SCGAN


def test_a_limited_run_shows_in_the_name_of_the_data():
    cell = Cell("inade-64", "paper", "paperdolls2", "mini", limit=50)
    assert cell.data == "paperdolls2[:50]"
    assert cell.title == "inade-64 on paperdolls2[:50], protocol mini"


def test_a_small_preset_shows_in_the_name_of_the_method():
    cell = Cell("inade", "tiny", "paperdolls", "inade2021+fid.real_split=val")
    assert cell.title == "inade (tiny) on paperdolls, protocol inade2021+fid.real_split=val"


def test_the_key_does_not_depend_on_the_order_of_its_parts():
    one = content_key({"seed": 0, "metric": {"name": "fid", "version": 1}})
    other = content_key({"metric": {"version": 1, "name": "fid"}, "seed": 0})
    assert one == other
    assert len(one) == 20
    assert set(one) <= set("0123456789abcdef")


def test_the_key_is_the_same_on_every_machine():
    assert content_key({"metric": "fid", "seed": 0}) == "6f768b5a74df30f3f6f6"


@pytest.mark.parametrize("change", [{"seed": 1}, {"metric": "lpips"}, {"limit": 50}, {"seed": "0"}, {"seed": None}])
def test_every_part_changes_the_key(change):
    parts = {"seed": 0, "metric": "fid"}
    assert content_key({**parts, **change}) != content_key(parts)


@pytest.mark.parametrize("value", [math.nan, object()])
def test_a_key_of_something_without_a_fixed_text_is_refused(value):
    with pytest.raises(ValueError, match="content key"):
        content_key({"value": value})


@pytest.mark.parametrize(("dataset", "repeats"), [("celebamask-hq", 10), ("ade20k", 1)])
def test_only_a_network_without_styles_has_its_runs_cut_to_one(dataset, repeats):
    given = {"cell": Cell("scgan", "paper", dataset, "inade2021"), "method": SCGAN, "protocol": PROTOCOLS["inade2021"]}
    plan = CellPlan(**{**dict.fromkeys(field.name for field in fields(CellPlan)), **given})
    assert plan.effective_protocol.repeats == repeats
