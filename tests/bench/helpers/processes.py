"""Programs as processes of their own: started as from a terminal, and ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
PYTHON = (sys.executable, "-c")  # the program, then the words of its command line
BENCH = (*PYTHON, "from bench.commands.cli import main; main()")  # the words of the command line
SECONDS = 200.0  # then a process that still runs is killed, so that nobody who reads from it or waits for it hangs

# A shell's background jobs ignore Ctrl-C, under nohup also the end of the terminal, and what they start inherits that.
AS_FROM_A_TERMINAL = """if True:
    import os, signal, sys
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execvp(sys.argv[1], sys.argv[1:])
"""


@contextlib.contextmanager
def running(*command: str | Path, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """A process that leads a group, as in a terminal; after the block neither it nor what it started runs."""
    mark = uuid.uuid4().hex
    with subprocess.Popen(
        [*PYTHON, AS_FROM_A_TERMINAL, *map(str, command)],
        cwd=CHECKOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "STARTED_BY_TEST": mark},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        watch = threading.Timer(SECONDS, _end, (process.pid, mark))
        watch.start()
        try:
            yield process
        finally:
            watch.cancel()
            _end(process.pid, mark)


def finished(*command: str | Path, text: str = "") -> tuple[int, str, str]:
    """Exit code, output and errors of a process that reads `text`."""
    with running(*command, stdin=subprocess.PIPE) as process:
        output, errors = process.communicate(text)
        return process.returncode, output, errors


def stop_when(process: subprocess.Popen[str], seen: Callable[[], object], number: int) -> tuple[str, str]:
    """Send a signal to the group as soon as something is seen, as a terminal does, and return what it had printed."""
    wait_until(seen, process)
    os.killpg(process.pid, number)
    return process.communicate()


def wait_until(seen: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Return as soon as something is seen."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if seen():
            return
        if process is not None and process.poll() is not None:
            raise AssertionError(f"ended before it was seen: {process.communicate()}")
        time.sleep(0.003)
    raise AssertionError("never seen")


def workers_of(parent: int) -> list[int]:
    """List the running processes that make items for another one."""
    return [number for number in children_of(parent) if _is_worker(number)]


def children_of(parent: int) -> list[int]:
    """List the running processes that another one has started, the oldest first."""
    return sorted(number for number in _processes() if _status(number)[1:2] == [str(parent)] and is_running(number))


def is_running(number: int) -> bool:
    """Whether there is such a process; one that only waits to be counted out does not run."""
    status = _status(number)
    return bool(status) and status[0] != "Z"


def is_deaf(number: int, *ways: str) -> bool:
    """Whether Ctrl-C does nothing to a process: it is blocked (SigBlk) from its birth, ignored (SigIgn) later."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{number}/status").read_text().splitlines())
    return any(int(lines[way], 16) & 1 << (signal.SIGINT - 1) for way in ways)


def _is_worker(number: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False


def _status(number: int) -> list[str]:
    """Read state, parent and more of a process; nothing if it is gone."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _processes() -> list[int]:
    proc = Path("/proc")
    return [int(folder.name) for folder in proc.iterdir() if folder.name.isdigit()] if proc.is_dir() else []


def _end(group: int, mark: str) -> None:
    """End a group, and what has left it for one of its own, as the workers of torchrun do."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    for number in _processes():
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{number}/environ").read_bytes():
                os.kill(number, signal.SIGKILL)
