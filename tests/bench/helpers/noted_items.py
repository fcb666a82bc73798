"""Tasks for other processes, in a module that they can import without torch; what was done is noted in files."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path

from bench.common.workers import _team, done_ahead
from bench.datasets.base import Item
from bench.datasets.paperdolls.dataset import open_paperdolls2


class Noted:
    """The items of paperdolls2; reading one leaves a file that says which, and in which process."""

    def __init__(self, folder, delay=0.0):
        self.inner, self.folder, self.delay = open_paperdolls2("val"), folder, delay

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        return self.inner[index]

    def loader(self, index):
        return partial(read_noted, self.folder, index, self.delay)

    @property
    def read(self) -> list[int]:
        """The items that were read, in no order."""
        return sorted(int(path.name.split("-")[0]) for path in self.folder.iterdir())

    @property
    def processes(self) -> set[int]:
        """The processes that have read some."""
        return {int(path.name.split("-")[1]) for path in self.folder.iterdir()}


def read_noted(folder: Path, index: int, delay: float) -> Item:
    """Read an item, the later the more it has of the delay, and leave a note."""
    (folder / f"{index}-{os.getpid()}-{time.monotonic_ns()}").touch()
    time.sleep(delay * (index % 3))
    if index == 90:
        raise ValueError("broken item")
    return open_paperdolls2("val")[index]


def loaded_after(load) -> list[str]:
    """Do a task and name all modules that this process has loaded."""
    load()
    return sorted(sys.modules)


def end_process() -> None:
    """End as a process does that the system kills."""
    os._exit(9)


def slow_name() -> int:
    """Name the process, so slowly that another one takes the next task."""
    time.sleep(0.01)
    return os.getpid()


def wait_for_workers(workers: int) -> None:
    """Wait until all workers are there, so that the tasks that follow are not done here."""
    while not _team(workers).is_up:
        time.sleep(0.005)
    seen: set[int] = set()
    while len(seen) < workers:
        seen.update(done_ahead([slow_name] * workers, workers))
