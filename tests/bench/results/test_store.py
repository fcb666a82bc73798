"""Records in a folder: loose while a study runs, packed at rest, read as one; a pack may be killed anywhere."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_records import CELL, done, of_paper, of_run, skipped

from bench.common.errors import UserError
from bench.results.store import RecordStore, read_records, store_of

DOUBTFUL = replace(done(fid=1.0), key="doubtful", networks={"alexnet": "00 (unknown)"}, doubts=("another network",))
ALL = [*of_paper(), *of_run(), DOUBTFUL]
TABLES = {"confusion": np.arange(8).reshape(1, 2, 4), "void": np.array([0.1, -0.0])}


@pytest.mark.parametrize("record", ALL, ids=lambda record: record.key)
def test_a_record_reads_back_equal(tmp_path, record):
    store = RecordStore(tmp_path)
    store.add(record)
    assert store[record.key] == record


def test_the_store_knows_what_it_holds(tmp_path):
    store = RecordStore(tmp_path / "new")
    record = done(fid=1.0)
    assert record.key not in store
    assert list(store) == []
    store.add(record)
    assert record.key in store
    assert os.listdir(tmp_path / "new" / "records") == [f"{record.key}.json"]


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
    assert os.listdir(tmp_path / "records") == []


def test_a_part_left_by_a_killed_job_is_not_a_record(tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / ".abc.json.1234.part").write_text("{")
    assert list(RecordStore(tmp_path)) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"cell": {}, "provenance": {}}', '{"cell": 1, "provenance": 2}', "\x00", "\ud800"],
)
def test_a_corrupt_or_foreign_file_is_named(tmp_path, text):
    path = tmp_path / "abc.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match=r"abc\.json is not a record"):
        list(store_of(tmp_path))


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
        list(store_of(tmp_path))


def test_a_field_from_elsewhere_is_refused(tmp_path):
    fields = json.loads(done(fid=1.0).to_json())
    (tmp_path / f"{fields['key']}.json").write_text(json.dumps({**fields, "score": 1}))
    with pytest.raises(UserError, match="score"):
        list(store_of(tmp_path))


def filled(folder, records=ALL):
    """Add records, the first two with tables."""
    store = RecordStore(folder)
    for number, record in enumerate(records):
        store.add(record, TABLES if number < 2 else None)
    return store


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def content(store):
    """Everything that a store says, as text, so that floats count to the bit."""
    tables = {
        record.key: {name: table.tolist() for name, table in store.tables(record.key).items()} for record in store
    }
    return [record.to_json() for record in store], str(tables)


def test_a_packed_study_reads_back_equal_and_has_no_loose_file(tmp_path):
    store = filled(tmp_path)
    before = content(store)
    assert store.pack() == (len(ALL), len(ALL))
    assert sorted(bytes_of(tmp_path)) == ["machines.json", "records.jsonl", "tables.npz"]
    assert content(RecordStore(tmp_path)) == before
    assert all(store[record.key] == record and record.key in store for record in ALL)
    assert "another" not in store
    with pytest.raises(KeyError):
        store["another"]


def test_packing_again_changes_no_byte(tmp_path):
    store = filled(tmp_path)
    store.pack()
    before = bytes_of(tmp_path)
    assert store.pack() == (len(ALL), 0)
    assert bytes_of(tmp_path) == before


def test_the_order_in_which_records_came_does_not_show(tmp_path):
    filled(tmp_path / "one").pack()
    for part in (ALL[::-2], ALL[-2::-2]):  # in two portions, the last first
        for record in part:
            RecordStore(tmp_path / "two").add(record, dict(reversed(TABLES.items())) if record in ALL[:2] else None)
        RecordStore(tmp_path / "two").pack()
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_what_is_measured_after_packing_is_loose_and_counts(tmp_path):
    store = filled(tmp_path)
    store.pack()
    again = replace(ALL[0], note="measured again", provenance=replace(ALL[0].provenance, device="another"))
    store.add(again)
    assert os.listdir(tmp_path / "records") == [f"{again.key}.json"]
    assert store[again.key] == again
    assert len(list(store)) == len(ALL)
    assert store.pack() == (len(ALL), 1)
    assert store[again.key] == again
    assert store.tables(again.key).keys() == TABLES.keys()


def test_a_machine_that_no_record_names_any_more_is_left_out(tmp_path):
    store = filled(tmp_path, [ALL[0]])
    store.pack()
    store.add(replace(ALL[0], provenance=replace(ALL[0].provenance, device="another")))
    store.pack()
    assert [machine["device"] for machine in json.loads((tmp_path / "machines.json").read_text()).values()] == [
        "another"
    ]


class Killed(BaseException):
    """The process ended here."""


def killed_at(step, monkeypatch, pack):
    """Let a step of writing or removing be the last; False where there are not so many."""
    steps = iter(range(step, -1, -1))

    def dying(real):
        def once(*words, **named):
            if next(steps, 0) == 0:
                raise Killed
            return real(*words, **named)

        return once

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", dying(os.replace))
        patched.setattr(Path, "unlink", dying(Path.unlink))
        patched.setattr(Path, "rmdir", dying(Path.rmdir))
        try:
            pack()
        except Killed:
            return True
    return False


def test_a_pack_that_is_killed_at_any_step_loses_nothing_and_goes_on(tmp_path, monkeypatch):
    again = [
        replace(record, note="again", provenance=replace(record.provenance, device="another")) for record in ALL[::3]
    ]

    def begun(folder):
        """Half of the records at rest, some of them measured again on another machine, the others loose."""
        filled(folder, ALL[:9]).pack()
        store = filled(folder, [*again, *ALL[9:]])
        return store, content(store)

    store, said = begun(tmp_path / "whole")
    store.pack()
    whole = bytes_of(tmp_path / "whole")
    step = 0
    while True:
        folder = tmp_path / str(step)
        store, before = begun(folder)
        assert before == said
        if not killed_at(step, monkeypatch, store.pack):
            break
        for path in folder.rglob(".*.part"):  # what a process that is really killed may leave
            path.unlink()
        assert content(RecordStore(folder)) == said, f"after step {step}"
        RecordStore(folder).pack()
        assert bytes_of(folder) == whole, f"after step {step}"
        step += 1
    assert step > 2 * 4 + len(ALL)


@pytest.mark.parametrize(
    "named",
    [".", "records", "../flat"],
)
def test_people_point_at_a_study_at_its_records_or_at_any_folder_of_them(tmp_path, named):
    study = tmp_path / "study"
    filled(study)
    (tmp_path / "flat").mkdir()
    for path in (study / "records").iterdir():
        (tmp_path / "flat" / path.name).write_bytes(path.read_bytes())
    assert content(store_of(study / named)) == content(RecordStore(study))
    before = content(RecordStore(study))
    RecordStore(study).pack()
    assert content(store_of(study / named)) == before


def test_of_several_folders_the_first_that_has_a_record_counts(tmp_path):
    one, other, more = (
        done(fid=1.0),
        replace(done(fid=2.0), note="other"),
        skipped(CELL, "misd", "no instances", "misd"),
    )
    RecordStore(tmp_path / "a").add(one)
    for record in (other, more):
        RecordStore(tmp_path / "b").add(record)
    RecordStore(tmp_path / "b").pack()
    assert {record.key: record for record in read_records([tmp_path / "a", tmp_path / "b"])} == {
        one.key: one,
        more.key: more,
    }
    assert read_records([tmp_path / "b", tmp_path / "a"])[0] == other
    assert read_records([tmp_path / "none"]) == []
    with pytest.raises(UserError, match="none: no records in this folder"):
        read_records([tmp_path / "a", tmp_path / "none"], needed=True)


def test_nothing_to_pack_is_said_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="no records in this folder"):
        RecordStore(tmp_path).pack()
    assert os.listdir(tmp_path) == []


def test_a_broken_loose_record_stops_the_pack_before_anything_is_written(tmp_path):
    store = filled(tmp_path)
    store.path("broken").write_text("{")
    before = bytes_of(tmp_path)
    with pytest.raises(UserError, match=r"broken\.json is not a record"):
        store.pack()
    assert bytes_of(tmp_path) == before


def test_broken_tables_are_named(tmp_path):
    store = filled(tmp_path)
    store.path(ALL[0].key).with_suffix(".npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=rf"{ALL[0].key}\.npz does not hold tables of a record"):
        store.tables(ALL[0].key)


def test_looking_for_a_record_reads_no_file_where_nothing_is_packed(tmp_path, monkeypatch):
    store = filled(tmp_path)
    monkeypatch.setattr(Path, "open", None)
    assert ALL[0].key in store
    assert "another" not in store
