"""Work done ahead: in order, bounded, in processes that are light, deaf to Ctrl-C and gone with their parent."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch  # noqa: F401 - workers are to do without it
from noted_items import Noted, end_process, loaded_after, wait_for_workers
from PIL import Image
from processes import PYTHON, finished, is_running, running, stop_when, wait_until

from bench.common import workers
from bench.common.errors import UserError
from bench.common.workers import done_ahead
from bench.datasets.deepfashion import DEEPFASHION, open_deepfashion
from bench.datasets.paperdolls.dataset import open_paperdolls2
from bench.datasets.parts.folders import FolderDataset
from bench.datasets.parts.reading import Files


@pytest.fixture(scope="module", autouse=True)
def up():
    wait_for_workers(2)


def keys(items):
    return [item.key for item in items]


@pytest.mark.parametrize("ahead", [2, 32])
def test_results_come_in_order_whichever_worker_is_faster(tmp_path, monkeypatch, ahead):
    monkeypatch.setattr(workers, "AHEAD", ahead)
    dataset, order = Noted(tmp_path, delay=0.02), [5, 4, 3, 2, 1, 0, 8, 7]
    assert keys(done_ahead(map(dataset.loader, order), 2)) == [f"val_{index:05d}" for index in order]
    assert len(dataset.processes) == 2
    assert os.getpid() not in dataset.processes


def test_without_workers_the_caller_does_one_task_at_a_time(tmp_path):
    dataset = Noted(tmp_path)
    items = done_ahead(map(dataset.loader, range(5)), 0)
    next(items)
    next(items)
    assert dataset.read == [0, 1]
    assert dataset.processes == {os.getpid()}


def test_until_a_worker_is_up_the_caller_does_not_wait(tmp_path, monkeypatch):
    dataset, is_up = Noted(tmp_path), iter([False, False, True])
    monkeypatch.setattr(workers._Team, "is_up", property(lambda _: next(is_up, True)))
    assert len(keys(done_ahead(map(dataset.loader, range(6)), 2))) == 6
    notes = sorted(path.name.split("-")[:2] for path in tmp_path.iterdir())
    assert [int(process) == os.getpid() for _, process in notes] == [True, True, False, False, False, False]


def test_the_same_processes_serve_all_calls(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        list(done_ahead(map(Noted(folder, delay=0.01).loader, range(8)), 2))
    assert len(Noted(one).processes | Noted(two).processes) == 2


def test_an_error_is_reported_when_its_turn_comes(tmp_path):
    items = done_ahead(map(Noted(tmp_path).loader, [88, 89, 90, 91]), 2)
    assert [next(items).key, next(items).key] == ["val_00088", "val_00089"]
    with pytest.raises(ValueError, match="broken item"):
        next(items)


def test_working_ahead_is_bounded_and_ends_when_nobody_asks_any_more(tmp_path):
    dataset = Noted(tmp_path, delay=0.01)
    items = done_ahead(map(dataset.loader, range(80)), 2)
    next(items)
    items.close()
    time.sleep(0.3)
    assert len(dataset.read) < 40


def test_what_is_wrong_with_a_file_comes_back_as_the_same_error(tmp_path):
    for kind in ("img", "label"):
        (tmp_path / "deepfashion" / f"test_{kind}").mkdir(parents=True)
        Image.fromarray(np.zeros((256, 256), np.uint8)).save(tmp_path / "deepfashion" / f"test_{kind}" / "a.png")
    photo = tmp_path / "deepfashion" / "test_img" / "a.png"
    photo.write_bytes(photo.read_bytes()[:60])
    dataset = open_deepfashion("val", tmp_path)
    with pytest.raises(UserError) as here:
        dataset[0]
    with pytest.raises(UserError) as there:
        list(done_ahead([dataset.loader(0)], 2))
    assert str(there.value) == str(here.value)
    assert str(photo) in str(there.value)


def test_workers_load_what_reading_takes_and_nothing_of_what_this_process_has():
    assert {"torch", "pytest"} <= set(sys.modules)
    dataset = open_paperdolls2("val")
    (modules,) = done_ahead([partial(loaded_after, dataset.loader(0))], 2)
    assert "bench.datasets.paperdolls.dataset" in modules
    assert not {"torch", "scipy", "pandas", "pytest", "click"} & set(modules)


def test_a_task_does_not_carry_the_list_of_all_files():
    files = [Files(Path(f"img/{n}.jpg"), Path(f"label/{n}.png"), None) for n in range(10000)]
    assert len(pickle.dumps(FolderDataset(DEEPFASHION, "val", files).loader(17))) < 1000
    assert len(pickle.dumps(open_paperdolls2("val").loader(17))) < 1000


def test_a_worker_that_is_killed_is_one_clear_error_and_the_next_call_has_new_ones(tmp_path):
    before = workers._team(2)
    with pytest.raises(UserError, match="memory ran out; give a smaller --num-workers"):
        list(done_ahead([end_process] * 4, 2))
    wait_for_workers(2)
    assert workers._team(2) is not before
    assert len(keys(done_ahead(map(Noted(tmp_path).loader, range(3)), 2))) == 3


PROGRAM = """if True:
    import sys, time
    from bench.common.workers import _team
    team = _team(2)
    while sys.argv[1] == "up" and not team.is_up:
        time.sleep(0.01)
    try:
        print(*team.pool._processes, flush=True)  # whoever reads this may interrupt at once
        time.sleep(60)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed elsewhere")
def test_workers_end_when_their_parent_is_killed():
    with running(*PYTHON, PROGRAM, "up") as process:
        found = list(map(int, process.stdout.readline().split()))
        assert len(found) == 2
        assert all(map(is_running, found))
        process.kill()
        wait_until(lambda: not any(map(is_running, found)))


def test_a_program_that_is_no_file_has_workers_too():
    program = (
        "import os, sys\n"
        "from bench.common.workers import _team, done_ahead\n"
        "while not _team(1).is_up: pass\n"
        "assert [os.getpid()] != list(done_ahead([os.getpid], 1))\n"  # not guarded: run in a worker it would start more
    )
    assert finished(sys.executable, "-", text=program) == (0, "", "")


@pytest.mark.skipif(os.name != "posix", reason="process groups are of POSIX")
@pytest.mark.parametrize("moment", ["up", "starting"])
def test_ctrl_c_in_a_terminal_reaches_the_workers_too_and_they_say_nothing(moment):
    with running(*PYTHON, PROGRAM, moment) as process:
        _, errors = stop_when(process, process.stdout.readline, signal.SIGINT)
    assert (process.returncode, errors) == (130, "")
