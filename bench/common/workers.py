"""Worker processes that do tasks in advance, so that a GPU does not wait for files to be read.

They are started afresh and not forked, as neither CUDA nor threads survive a fork, and import only the modules that
their tasks come from; those of the data sets need numpy and Pillow only.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import TypeVar

from bench.common.errors import UserError

AHEAD = 32  # results that may wait in memory
T = TypeVar("T")


def done_ahead(tasks: Iterable[Callable[[], T]], workers: int) -> Generator[T, None, None]:
    """Yield the results of picklable tasks in order; workers do the next ones while the caller uses the last.

    The caller's process does them itself, one at a time, if `workers` is 0 and until the first worker has started,
    which takes some tenths of a second.
    """
    waiting: deque[Future[T]] = deque()
    team = _team(workers) if workers else None
    try:
        for task in tasks:
            if team is None or not team.is_up:
                yield task()
                continue
            waiting.append(team.pool.submit(task))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        _team.cache_clear()
        raise UserError(
            "A process that reads data ended early, perhaps because memory ran out; give a smaller --num-workers "
            "(0 reads in the main process)."
        ) from error
    finally:
        for future in waiting:
            future.cancel()


class _Team:
    """The worker processes, which live as long as this one."""

    def __init__(self, workers: int) -> None:
        self.pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), begin_worker)
        with born_deaf(), _without_main():
            self._starting = [self.pool.submit(os.getpid) for _ in range(workers)]

    @property
    def is_up(self) -> bool:
        """Whether any worker has started, or failed to start."""
        return any(future.done() for future in self._starting)


@cache
def _team(workers: int) -> _Team:
    return _Team(workers)


@contextmanager
def born_deaf() -> Iterator[None]:
    """Start processes in the block that ignore Ctrl-C; this process receives it when the block ends."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep processes started in the block from importing the main module, which may need torch or be no file."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def begin_worker() -> None:
    """Prepare a worker: Ctrl-C is left to the parent process, and the worker ends when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
