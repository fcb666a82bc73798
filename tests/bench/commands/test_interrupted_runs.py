"""A run that is stopped at any moment goes on where it was, and ends with the same bytes."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from processes import BENCH, running, stop_when
from small_runs import SMALL, measure, tables, times

from bench.evaluation.one_pass import Pass
from bench.evaluation.shards import ShardStore
from bench.results.store import RecordStore
from models.inade import Inade

METRICS = ("--metrics", "lpips-pd,mcsd-pd,params")


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the suite catches it."""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Sums of other numbers of threads differ in their last bits; processes of these tests have one as well."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


LONG = ("--limit", "40", "--metrics", "lpips-pd,segmentation-pd,params")  # three shards of at most 16 layouts


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The tables of a run that nobody stopped."""
    out = tmp_path_factory.mktemp("unbroken")
    torch.set_num_threads(1)
    assert measure(out, *LONG, methods="truth,inade").exit_code == 0
    return tables(out)


def first_shard(out):
    return list(out.glob("state/*/*.npz"))


def first_record(out):
    return list(out.glob("records/*.json"))


def second_method(out):
    return len(first_record(out)) >= 3 and first_shard(out)


@pytest.mark.parametrize("seen", [first_shard, first_record, second_method])
def test_a_killed_run_goes_on_and_ends_with_the_same_tables(unbroken, tmp_path, monkeypatch, seen):
    words = ("--methods", "truth,inade", "--dataset", "paperdolls2", "--out", tmp_path, *SMALL, *LONG)
    with running(*BENCH, "run", *words) as process:
        stop_when(process, lambda: seen(tmp_path), signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    before, shards = times(tmp_path), [int(path.stem) for path in first_shard(tmp_path)]
    drawn, run = [], Pass.run

    def counted(self, todo, advance):
        drawn.append((type(self.method).__name__.lower(), len(todo)))
        return run(self, todo, advance)

    monkeypatch.setattr(Pass, "run", counted)
    assert measure(tmp_path, *LONG, methods="truth,inade").exit_code == 0
    assert tables(tmp_path) == unbroken
    assert before.items() <= times(tmp_path).items()  # no finished record was touched
    if seen is first_record:
        assert not any(todo for name, todo in drawn if name == "truth")  # all of it had been drawn
    elif shards:
        assert drawn[0][1] == 3 - (max(shards) + 1)  # what had been saved was not drawn again
    assert not list((tmp_path / "state").iterdir())


def test_a_run_stopped_before_any_of_its_files_is_whole_ends_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.evaluation.shards.SHARD", 2)
    words = ("--metrics", "fid-pd,lpips-pd,mcsd-pd", "--set", "lpips.groups=2")
    replace, count = os.replace, [0, 0]  # so far, and the one to stop at

    def counted(source, target):
        count[0] += 1
        if count[0] == count[1]:
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", counted)
    assert measure(tmp_path / "unbroken", *words, methods="truth").exit_code == 0
    files, expected = count[0], tables(tmp_path / "unbroken")
    assert files == 12  # trial, reference, three shards, three records and the sums of one, three tables
    for stop in range(1, files + 1):
        out = tmp_path / str(stop)
        count[:] = [0, stop]
        with pytest.raises(Killed):
            measure(out, *words, methods="truth")
        before = times(out)
        count[1] = 0
        assert measure(out, *words, methods="truth").exit_code == 0
        assert tables(out) == expected
        assert before.items() <= times(out).items()


def test_a_run_stopped_between_two_records_draws_nothing_again(tmp_path, monkeypatch):
    add, added = RecordStore.add, []

    def once(self, record, tables):
        if added:
            raise Killed
        added.append(record)
        add(self, record, tables)

    with monkeypatch.context() as patched:
        patched.setattr(RecordStore, "add", once)
        with pytest.raises(Killed):
            measure(tmp_path, *METRICS, methods="inade")

    def refuse(*_):
        raise RuntimeError("all images have been drawn")

    before = times(tmp_path)
    monkeypatch.setattr(Pass, "_draw_images", refuse)
    monkeypatch.setattr(Pass, "_draw_regions", refuse)
    assert measure(tmp_path, *METRICS, methods="inade").exit_code == 0
    assert before.items() <= times(tmp_path).items()
    assert len(times(tmp_path)) == 3


def test_fresh_does_not_go_on_from_a_stopped_run(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.evaluation.shards.SHARD", 2)
    synthesize, calls = Inade.synthesize, [0]

    def counted(self, layout, style):
        calls[0] += 1
        if calls[0] == 2:
            raise Killed
        return synthesize(self, layout, style)

    monkeypatch.setattr(Inade, "synthesize", counted)
    words = ("--metrics", "segmentation-pd")
    with pytest.raises(Killed):
        measure(tmp_path, *words, methods="inade")
    calls[0] = 10
    assert measure(tmp_path, *words, "--fresh", methods="inade").exit_code == 0
    assert calls[0] == 13


def test_a_damaged_state_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(RecordStore, "add", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        measure(tmp_path, *METRICS, methods="inade")
    (state,) = first_shard(tmp_path)
    state.write_bytes(state.read_bytes()[:1000])
    shown = measure(tmp_path, *METRICS, methods="inade")
    assert shown.exit_code == 2
    assert str(state) in shown.stderr
    assert "delete it, then run again" in shown.stderr


def test_ctrl_c_is_one_line_and_code_130_and_the_run_goes_on(unbroken, tmp_path):
    words = ("--methods", "truth,inade", "--dataset", "paperdolls2", "--out", tmp_path, *SMALL, *LONG)
    with running(*BENCH, "run", *words, "--num-workers", "2") as process:
        _, errors = stop_when(process, lambda: first_shard(tmp_path), signal.SIGINT)
    assert (process.returncode, errors.strip()) == (130, "interrupted")
    assert measure(tmp_path, *LONG, methods="truth,inade").exit_code == 0
    assert tables(tmp_path) == unbroken


@pytest.mark.parametrize(("pause", "written"), [(1e9, 0), (-1.0, 3)])
def test_a_large_state_is_written_now_and_then(tmp_path, monkeypatch, pause, written):
    saved = []
    save = ShardStore.save
    monkeypatch.setattr(ShardStore, "save", lambda self, *words: saved.append(words[1]) or save(self, *words))
    monkeypatch.setattr("bench.evaluation.shards.SHARD", 2)
    monkeypatch.setattr("bench.evaluation.shards._SMALL", -1)
    monkeypatch.setattr("bench.evaluation.shards._PAUSE", pause)
    assert measure(tmp_path, "--metrics", "lpips-pd", methods="inade").exit_code == 0
    assert len(saved) == written
