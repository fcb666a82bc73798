"""Many items, several processes, and everything that can stop them."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from processes import BENCH, finished, is_deaf, is_running, running, stop_when, wait_until, workers_of
from small_trees import cityscapes, contents, cut, prepare, save, times

from bench.common.errors import UserError
from bench.datasets.parts.folders import UNFINISHED, check_finished
from bench.datasets.preparation.parts.work import Item, Outcome, _make

MANY = 250  # so many that not all are made when the first one is seen

sees_processes = pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")


def made(twins):
    return [path for path in twins if path.exists()]


def preparation(root, processes):
    return *BENCH, "data", "prepare", "cityscapes", "--data-root", root, "--num-workers", str(processes)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The tree after a run that nobody stopped."""
    root = tmp_path_factory.mktemp("unbroken")
    cityscapes(root, MANY)
    assert prepare("cityscapes", "--data-root", root).exit_code == 0
    return contents(root)


@pytest.mark.parametrize("processes", [1, 3])
def test_the_bytes_do_not_depend_on_the_number_of_processes(unbroken, tmp_path, processes):
    cityscapes(tmp_path, MANY)
    assert prepare("cityscapes", "--data-root", tmp_path, processes=processes).exit_code == 0
    assert contents(tmp_path) == unbroken


def test_what_is_there_is_not_made_again(tmp_path):
    twins = cityscapes(tmp_path, 5)
    first = prepare("cityscapes", "--data-root", tmp_path)
    assert first.stdout == f"cityscapes: 5 items in {tmp_path / 'cityscapes'}, 5 made now\n"
    before = times(tmp_path)
    assert prepare("cityscapes", "--data-root", tmp_path, processes=2).stdout.endswith(", 0 made now\n")
    assert times(tmp_path) == before
    twins[2].unlink()
    assert prepare("cityscapes", "--data-root", tmp_path, processes=2).stdout.endswith(", 1 made now\n")
    after = times(tmp_path)
    assert {name for name in before if after[name] != before[name]} == {str(twins[2].relative_to(tmp_path))}


def test_what_another_run_has_made_meanwhile_is_not_made_again(tmp_path):
    def refuse(_):
        raise AssertionError("it is there")

    (tmp_path / "a.png").write_bytes(b"")
    assert _make(refuse, Item(None, (tmp_path / "a.png",))) == Outcome()


@sees_processes
def test_a_killed_run_goes_on_and_its_processes_end_with_it(unbroken, tmp_path):
    twins = cityscapes(tmp_path, MANY)
    with running(*preparation(tmp_path, 2)) as process:
        wait_until(lambda: len(workers_of(process.pid)) == 2, process)
        workers = workers_of(process.pid)
        wait_until(lambda: made(twins), process)
        process.kill()
        wait_until(lambda: not any(map(is_running, workers)))
    early = made(twins)
    assert 0 < len(early) < MANY
    before = {path: path.stat().st_mtime_ns for path in early}
    with pytest.raises(UserError, match=f"not finished: run 'bench data prepare cityscapes --data-root {tmp_path} "):
        check_finished(tmp_path / "cityscapes")
    done = prepare("cityscapes", "--data-root", tmp_path)
    assert done.stdout.endswith(f", {MANY - len(early)} made now\n")
    assert {path: path.stat().st_mtime_ns for path in early} == before
    check_finished(tmp_path / "cityscapes")
    assert {name: data for name, data in contents(tmp_path).items() if not name.endswith(".part")} == unbroken


@sees_processes
def test_ctrl_c_of_a_terminal_is_one_line_and_code_130_and_nothing_is_lost(unbroken, tmp_path):
    twins = cityscapes(tmp_path, MANY)
    with running(*preparation(tmp_path, 2)) as process:
        wait_until(lambda: made(twins), process)
        assert any(is_deaf(worker, "SigIgn") for worker in workers_of(process.pid))
        output, errors = stop_when(process, lambda: True, signal.SIGINT)
    assert (process.returncode, output, errors.strip()) == (130, "", "interrupted")
    assert 0 < len(made(twins)) < MANY
    assert not list(tmp_path.rglob("*.part"))
    assert (tmp_path / "cityscapes" / UNFINISHED).exists()
    assert prepare("cityscapes", "--data-root", tmp_path, processes=2).exit_code == 0
    assert contents(tmp_path) == unbroken


@sees_processes
def test_ctrl_c_while_processes_start_is_one_line(tmp_path):
    cityscapes(tmp_path, MANY)
    with running(*preparation(tmp_path, 2)) as process:
        wait_until(lambda: len(workers_of(process.pid)) == 2, process)
        assert all(is_deaf(worker, "SigBlk") for worker in workers_of(process.pid))  # before any line of Python has run
        output, errors = stop_when(process, lambda: True, signal.SIGINT)
    assert (process.returncode, output, errors.strip()) == (130, "", "interrupted")


def test_two_runs_at_once_make_the_same_files(unbroken, tmp_path):
    cityscapes(tmp_path, MANY)
    with running(*preparation(tmp_path, 1)) as other:
        code, output, errors = finished(*preparation(tmp_path, 1))
        others, other_errors = other.communicate()
    assert (code, other.returncode, errors, other_errors) == (0, 0, "", "")
    assert output.startswith(f"cityscapes: {MANY} items in ")
    assert others.startswith(f"cityscapes: {MANY} items in ")
    assert contents(tmp_path) == unbroken


@sees_processes
def test_a_worker_that_is_ended_from_outside_is_one_line_with_the_way_out(tmp_path):
    twins = cityscapes(tmp_path, MANY)
    with running(*preparation(tmp_path, 2)) as process:
        wait_until(lambda: workers_of(process.pid), process)
        worker = workers_of(process.pid)[0]
        wait_until(lambda: made(twins), process)
        os.kill(worker, signal.SIGKILL)
        output, errors = process.communicate()
    assert (process.returncode, output, errors.count("\n")) == (2, "", 1)
    assert "run again with a smaller --num-workers" in errors


@pytest.mark.parametrize("processes", [0, 2])
def test_damaged_items_are_named_and_counted_and_stop_nothing(tmp_path, processes):
    twins = cityscapes(tmp_path, 12)
    damaged = [str(path).replace("ReIds", "Ids") for path in (twins[1], twins[8])]
    for path in damaged:
        cut(Path(path))
    done = prepare("cityscapes", "--data-root", tmp_path, processes=processes)
    assert done.exit_code == 1
    *lines, summary = done.stdout.splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(damaged)
    assert all("cannot be read as an image" in line for line in lines)
    assert summary.startswith(f"cityscapes: 12 items in {tmp_path / 'cityscapes'}, 10 made now, 2 damaged; ")
    assert len(made(twins)) == 10
    with pytest.raises(UserError, match="not finished"):
        check_finished(tmp_path / "cityscapes")
    cityscapes(tmp_path, 12)  # downloaded again
    assert prepare("cityscapes", "--data-root", tmp_path, processes=processes).stdout.endswith(", 2 made now\n")
    check_finished(tmp_path / "cityscapes")


def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path, monkeypatch):
    twins = cityscapes(tmp_path, 5)
    replace = os.replace

    def full(source, target):
        if Path(target) == twins[3]:
            raise OSError(errno.ENOSPC, "no space")
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        done = prepare("cityscapes", "--data-root", tmp_path)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "the disk is full" in done.stderr
    assert not list(tmp_path.rglob("*.part"))
    assert 0 < len(made(twins)) < 5
    assert prepare("cityscapes", "--data-root", tmp_path).exit_code == 0
    assert len(made(twins)) == 5


def test_a_worker_that_cannot_write_stops_all_with_one_line(tmp_path):
    folder = tmp_path / "ade20k"
    for number in range(50):
        save(folder / "annotations" / "training" / f"ADE_train_{number:08d}.png", np.zeros((4, 4), np.uint8))
    (folder / "instances").write_text("in the way")
    done = prepare("ade20k", "--data-root", tmp_path, processes=2)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"in the folder {folder / 'instances' / 'training'}" in done.stderr
