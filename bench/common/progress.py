"""Progress on standard error: what is being done, how far it is, and when it will be done."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def progress_bar(*, shown: bool = True) -> Progress:
    """Make a bar with count, elapsed time and ETA; its tasks take a `status` text. Silent where nobody watches."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}", style="dim"),
        console=console,
        transient=False,
        disable=not (shown and (console.is_terminal or console.is_jupyter)),
    )


@dataclass
class Reporter:
    """One line per stage of the work, in order; without a bar to show them on it is silent."""

    progress: Progress | None = None
    _task: TaskID | None = None

    def stage(self, title: str, total: int) -> None:
        """Finish the line of the stage before and begin one."""
        self.finish()
        if self.progress is not None:
            self._task = self.progress.add_task(title, total=total, status="")

    def advance(self, count: int) -> None:
        """Count what is done."""
        if self.progress is not None and self._task is not None:
            self.progress.advance(self._task, count)

    def finish(self) -> None:
        """Fill the current line, whose total may have been an estimate."""
        if self.progress is not None and self._task is not None:
            task = self.progress.tasks[self._task]
            self.progress.update(self._task, total=task.completed or task.total, completed=task.completed or task.total)
            self._task = None
