"""Committed records: what the files hold, that those of the suite read and write back equal, and what damage says."""

from __future__ import annotations

import json
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from synthetic_records import CELL, PROVENANCE, done, of_paper, skipped

from bench.common.errors import UserError
from bench.common.places import ROOT
from bench.results.archive import Archive
from bench.results.records import Record

STUDIES = [path.parent for path in sorted((ROOT / "results").glob("*/records.jsonl"))]


@pytest.fixture
def archive(tmp_path):
    archive = Archive(tmp_path)
    limited = done(replace(CELL, limit=5), metric="lpips", lpips=1.0)
    records = [limited, done(fid=[0.1, 1 / 3]), skipped(CELL, "misd", "no instances", "misd")]
    archive.write(records, {records[1].key: {"void": np.arange(3), "confusion": np.eye(2)}})
    return archive


def test_a_line_says_what_is_of_the_record_and_the_machines_what_is_shared(archive):
    lines = [json.loads(line) for line in archive.lines.read_text().splitlines()]
    machine = lines[0]["machine"]
    assert lines[0] == {
        "cell": {"dataset": "deepfashion", "method": "inade", "preset": "paper", "protocol": "inade2021"},
        "key": done(fid=[0.1, 1 / 3]).key,
        "machine": machine,
        "metric": "fid",
        "runs": {"fid": [0.1, 1 / 3]},
        "seconds": PROVENANCE.seconds,
        "start": PROVENANCE.start,
        "status": "done",
        "values": {"fid": (0.1 + 1 / 3) / 2},
        "version": 1,
        "weights": "trained",
    }
    assert {line["machine"] for line in lines} == {machine}
    shared = json.loads(archive.machines.read_text())
    assert list(shared) == [machine]
    assert shared[machine].keys() == vars(PROVENANCE).keys() - {"start", "seconds"}
    with zipfile.ZipFile(archive.arrays) as tables:
        key = lines[0]["key"]
        assert [member.filename for member in tables.infolist()] == [f"{key}/confusion.npy", f"{key}/void.npy"]
        assert {(member.date_time[0], member.create_system) for member in tables.infolist()} == {(1980, 3)}


def test_lines_are_sorted_by_what_people_look_for(tmp_path):
    records = [replace(record, key=str(number)) for number, record in enumerate(of_paper())]
    archive = Archive(tmp_path)
    archive.write(records, {})
    places = [
        (r.cell.dataset, r.cell.protocol, r.cell.method, r.cell.preset, r.metric, r.key)
        for r in archive.records().values()
    ]
    assert places == sorted(places)
    assert not archive.arrays.exists()


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_committed_studies_write_back_to_the_byte(study, tmp_path):
    committed, written = Archive(study), Archive(tmp_path)
    records = {key: Record.from_json(record.to_json()) for key, record in committed.records().items()}
    assert records == committed.records()
    written.write(reversed(records.values()), committed.tables())
    for name in ("lines", "machines", "arrays"):
        path, again = getattr(committed, name), getattr(written, name)
        assert path.exists() == again.exists()
        assert not path.exists() or path.read_bytes() == again.read_bytes()
    assert committed.tables().keys() <= records.keys()


def test_there_are_committed_studies_and_reading_them_takes_no_second(tmp_path):
    assert [study.name for study in STUDIES] == ["costs", "paperdolls", "paperdolls-shipped"]
    start = time.process_time()
    for study in STUDIES:
        copy = Archive(tmp_path / study.name)
        copy.lines.parent.mkdir()
        for path in (copy.lines, copy.machines):
            path.write_bytes((study / path.name).read_bytes())
        assert copy.records()
    assert time.process_time() - start < 1


def test_a_file_that_changes_is_read_again(archive):
    assert len(archive.records()) == 3
    Archive(archive.lines.parent).write(list(archive.records().values())[:2], {})
    assert len(archive.records()) == 2
    assert archive.tables() == {}


def damaged(line):
    return {
        "cut": line[:-9],
        "empty": b"",
        "a list": b"[]",
        "of another machine": line.replace(b'"machine": "', b'"machine": "0'),
        "of no machine": line.replace(b'"machine"', b'"engine"'),
        "with a field from elsewhere": line.replace(b'"key"', b'"score": 1, "key"'),
        "without its key": line.replace(b'"key"', b'"clef"'),
        "not text": b"\xff" + line,
        "a conflict of git": b"<<<<<<< HEAD",
    }


@pytest.mark.parametrize("damage", damaged(b""))
def test_a_damaged_line_is_named(archive, damage):
    lines = archive.lines.read_bytes().splitlines()
    lines[1] = damaged(lines[1])[damage]
    archive.lines.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(UserError, match=r"records\.jsonl, line 2 is not a record of this suite \(.+\): .*git"):
        archive.records()


def test_a_key_that_comes_twice_is_named(archive):
    lines = archive.lines.read_bytes().splitlines()
    archive.lines.write_bytes(b"\n".join([*lines, lines[0]]))
    with pytest.raises(UserError, match=r"records\.jsonl, line 4 .*it holds the key .* of line 1"):
        archive.records()


def test_a_machine_that_is_missing_is_named(archive):
    machines = json.loads(archive.machines.read_text())
    archive.machines.write_text("{}")
    with pytest.raises(UserError, match=rf"line 1 .*machines\.json beside it has no machine '{next(iter(machines))}'"):
        archive.records()
    archive.machines.unlink()
    with pytest.raises(UserError, match=r"machines\.json is missing"):
        archive.records()


@pytest.mark.parametrize("text", ["", "[]", "{\n", '{"a": 1}', '{"a": {"engine": 1}}'])
def test_damaged_machines_are_named(archive, text):
    archive.machines.write_text(text)
    with pytest.raises(UserError, match=r"machines\.json does not hold the machines of records \(.+\): .*git"):
        archive.records()


def test_damaged_tables_are_named(archive):
    archive.arrays.write_bytes(archive.arrays.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"tables\.npz does not hold tables of records"):
        archive.tables()
