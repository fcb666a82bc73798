from __future__ import annotations

import json
import math
import os
from dataclasses import replace

import pytest
from synthetic_records import CELL, done, of_paper, of_run, skipped

from bench.common.errors import UserError
from bench.results.records import Record, RecordStore

DOUBTFUL = replace(done(fid=1.0), key="doubtful", networks={"alexnet": "00 (unknown)"}, doubts=("another network",))
ALL = [*of_paper(), *of_run(), DOUBTFUL]


@pytest.mark.parametrize("record", ALL, ids=lambda record: record.key)
def test_a_record_reads_back_equal(tmp_path, record):
    store = RecordStore(tmp_path)
    store.add(record)
    assert store[record.key] == record


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


def test_the_store_knows_what_it_holds(tmp_path):
    store = RecordStore(tmp_path / "new")
    record = done(fid=1.0)
    assert record.key not in store
    assert list(store) == []
    store.add(record)
    assert record.key in store
    assert os.listdir(tmp_path / "new") == [f"{record.key}.json"]


def test_records_come_in_the_order_of_their_keys(tmp_path):
    store = RecordStore(tmp_path)
    for key in "cab":
        store.add(replace(done(fid=1.0), key=key))
    assert [record.key for record in store] == ["a", "b", "c"]


@pytest.mark.parametrize("crash", [KeyboardInterrupt, MemoryError])
def test_a_crash_before_the_rename_leaves_no_record(tmp_path, monkeypatch, crash):
    def die(*_):
        raise crash

    monkeypatch.setattr(os, "replace", die)
    store = RecordStore(tmp_path)
    with pytest.raises(crash):
        store.add(done(fid=1.0))
    assert done(fid=1.0).key not in store
    assert os.listdir(tmp_path) == []


def test_a_part_left_by_a_killed_job_is_not_a_record(tmp_path):
    (tmp_path / ".abc.json.1234.part").write_text("{")
    assert list(RecordStore(tmp_path)) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"cell": {}, "provenance": {}}', '{"cell": 1, "provenance": 2}', "\x00", "\ud800"],
)
def test_a_corrupt_or_foreign_file_is_named(tmp_path, text):
    path = tmp_path / "abc.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match=r"abc\.json is not a record"):
        list(RecordStore(tmp_path))


def test_a_cut_record_is_named(tmp_path):
    store = RecordStore(tmp_path)
    store.add(done(fid=1.0))
    path = store.path(done(fid=1.0).key)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(UserError, match="is not a record"):
        list(store)


def test_a_renamed_record_is_refused(tmp_path):
    (tmp_path / "other.json").write_text(done(fid=1.0).to_json())
    with pytest.raises(UserError, match="it holds the key"):
        list(RecordStore(tmp_path))


def test_a_field_from_elsewhere_is_refused(tmp_path):
    fields = json.loads(done(fid=1.0).to_json())
    (tmp_path / f"{fields['key']}.json").write_text(json.dumps({**fields, "score": 1}))
    with pytest.raises(UserError, match="score"):
        list(RecordStore(tmp_path))


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
