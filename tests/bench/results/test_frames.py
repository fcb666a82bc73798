"""`bench.frame` and `bench export`: one line per number, with all that is known of it."""

from __future__ import annotations

import csv
import io

import pytest
from processes import PYTHON, finished
from small_runs import bench
from synthetic_records import CELL, done, skipped

import bench as package
from bench.common.errors import UserError
from bench.results.store import RecordStore


@pytest.fixture
def folder(tmp_path):
    store = RecordStore(tmp_path)
    store.add(done(fid=[1.0, 3.0]))
    store.add(done(metric="mcsd", mcsd=0.25, mocd=0.5))
    store.add(skipped(CELL, "misd", "there are no instances", "misd", "moid"))
    return tmp_path


def test_a_frame_has_a_line_per_number(folder):
    frame = package.frame(folder)
    assert sorted(frame["column"]) == ["fid", "mcsd", "misd", "mocd", "moid"]
    fid = frame.set_index("column").loc["fid"]
    assert (fid["value"], fid["runs"], fid["method"], fid["commit"]) == (2.0, 2, "inade", "0123abc")
    assert fid["std"] == pytest.approx(2**0.5)
    assert frame.set_index("column").loc["moid", "reason"] == "there are no instances"


def test_export_writes_the_same_as_csv(folder):
    lines = list(csv.DictReader(io.StringIO(bench("export", "--records", folder).stdout)))
    assert {line["column"]: line["value"] for line in lines} == {
        "fid": "2.0",
        "mcsd": "0.25",
        "mocd": "0.5",
        "misd": "",
        "moid": "",
    }
    assert bench("export", "--records", folder, "-o", folder / "all.csv").exit_code == 0
    assert len(package.frame(str(folder))) == len(lines)


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(UserError, match="no records in this folder"):
        package.frame(tmp_path)


def test_reading_records_needs_no_torch(folder):
    program = f"import sys, bench; bench.frame({str(folder)!r}); sys.exit('torch' in sys.modules)"
    assert finished(*PYTHON, program) == (0, "", "")
