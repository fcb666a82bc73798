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
    """Make a bar with count, elapsed time and ETA, for terminals and notebooks; its tasks take a `status` text."""
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
    """A progress line per stage of the work, in order; silent if it has no bar to show them on."""

    progress: Progress | None = None
    _task: TaskID | None = None

    def stage(self, title: str, total: int) -> None:
        """Finish the line of the previous stage and begin a new one."""
        self.finish()
        if self.progress is not None:
            self._task = self.progress.add_task(title, total=total, status="")

    def advance(self, count: int) -> None:
        """Add `count` to what is done."""
        if self.progress is not None and self._task is not None:
            self.progress.advance(self._task, count)

    def finish(self) -> None:
        """Fill the current line to its end, as its total may have been an estimate."""
        if self.progress is not None and self._task is not None:
            task = self.progress.tasks[self._task]
            self.progress.update(self._task, total=task.completed or task.total, completed=task.completed or task.total)
            self._task = None
