from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from synthetic_records import CELL, done, skipped

from bench.results.records import Record


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, 2.0**53 + 2, 5e-324, -0.0])
def test_floats_read_back_to_the_last_bit(value):
    record = done(fid=[value, value])
    assert Record.from_json(record.to_json()).runs["fid"][0].hex() == value.hex()


def test_intervals_read_back_and_records_from_before_them_have_none():
    record = replace(done(fid=1.5), intervals={"fid": (1.25, 1 / 3)})
    assert Record.from_json(record.to_json()) == record
    fields = json.loads(record.to_json())
    del fields["intervals"]
    assert Record.from_json(json.dumps(fields)) == done(fid=1.5)
    with pytest.raises(ValueError, match="fid is not a finite number"):
        replace(record, intervals={"fid": (1.0, math.nan)})


def test_the_file_has_sorted_keys():
    fields = json.loads(done(b=1.0, a=2.0).to_json())
    assert list(fields) == sorted(fields)
    assert list(fields["values"]) == ["a", "b"]


def test_equal_records_give_equal_bytes():
    assert done(b=1.0, a=2.0).to_json() == done(a=2.0, b=1.0).to_json()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="not a finite number"):
        done(fid=value)
    with pytest.raises(ValueError, match="not a finite number"):
        replace(done(fid=1.0), runs={"fid": [1.0, value]})


def test_a_record_holds_either_values_or_a_reason():
    with pytest.raises(ValueError, match="'done' record"):
        replace(done(fid=1.0), reason="why not")
    with pytest.raises(ValueError, match="'done' record"):
        replace(done(fid=1.0), values={})
    with pytest.raises(ValueError, match="'skipped' record"):
        skipped(CELL, "fid", "")
    with pytest.raises(ValueError, match="status"):
        replace(done(fid=1.0), status="N/A")
