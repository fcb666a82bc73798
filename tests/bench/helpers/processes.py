"""The command line as a process of its own, to be stopped, and the processes that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]


def start(*words: str | Path) -> subprocess.Popen[str]:
    """Start the command line as a terminal does: a signal to its group reaches all its processes."""
    program = [sys.executable, "-c", "from bench import cli; cli.main()", *map(str, words)]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        program, cwd=CHECKOUT, env=surroundings, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def wait_until(seen: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Return as soon as something is seen."""
    for _ in range(20000):
        if seen():
            return
        if process is not None and process.poll() is not None:
            raise AssertionError(f"ended before it was seen: {process.communicate()}")
        time.sleep(0.003)
    raise AssertionError("never seen")


def workers_of(parent: int) -> list[int]:
    """List the running processes that make items for another one."""
    numbers = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [number for number in numbers if is_running(number) and _is_worker(number, parent)]


def is_running(number: int) -> bool:
    """Whether there is such a process; one that only waits to be counted out does not run."""
    status = _status(number)
    return bool(status) and status[0] != "Z"


def is_deaf(number: int, *ways: str) -> bool:
    """Whether Ctrl-C does nothing to a process: it is blocked (SigBlk) from its birth, ignored (SigIgn) later."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{number}/status").read_text().splitlines())
    return any(int(lines[way], 16) & 1 << (signal.SIGINT - 1) for way in ways)


def _is_worker(number: int, parent: int) -> bool:
    try:
        return int(_status(number)[1]) == parent and b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()
    except (OSError, IndexError):
        return False


def _status(number: int) -> list[str]:
    """Read state, parent and more of a process; nothing if it is gone."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
