"""Preparation of many items in several processes; it may be stopped at any moment and resumed later."""

from __future__ import annotations

import contextlib
import multiprocessing
import shlex
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import rich_click as click
from click import get_current_context
from numpy.typing import NDArray
from PIL import Image

from bench.common.errors import UserError
from bench.common.files import link_or_copy, whole_file, write_text
from bench.common.progress import progress_bar
from bench.common.workers import begin_worker, born_deaf
from bench.datasets.parts.folders import UNFINISHED

Source = TypeVar("Source")
RECIPE_NOTE = "recipe.txt"  # in a folder with items that can be made in several ways
_AHEAD = 4  # items that wait for each process


@dataclass(frozen=True)
class Item(Generic[Source]):
    """An item to be made: its source, and the files that it becomes."""

    source: Source
    outputs: tuple[Path, ...]

    @property
    def is_made(self) -> bool:
        """Whether all files are there; they were written whole."""
        return all(path.exists() for path in self.outputs)


@dataclass(frozen=True)
class Made:
    """The contents of an item's files, in the order of its outputs; a path stands for an equal file."""

    contents: Sequence[NDArray[np.uint8] | Path]
    remark: str = ""  # what the user should know of an item that was made all the same


@dataclass(frozen=True)
class Outcome:
    """The result of making one item; at most one of the two texts is there."""

    damage: str = ""
    remark: str = ""


Make = Callable[[Source], Made]  # raises UserError where the source is damaged


def prepare(name: str, target: Path, items: Sequence[Item[Source]], make: Make[Source], processes: int) -> None:
    """Make the items that are missing, and print a summary; exit code 1 if any source is damaged.

    While items are missing the target holds a marker, which `check_finished` looks for.
    """
    todo = [item for item in items if not item.is_made]
    marker = target / UNFINISHED
    if todo:
        write_text(marker, _own_command() + "\n")
    outcomes = _run(name, todo, partial(_make, make), processes)
    damaged = [outcome.damage for outcome in outcomes if outcome.damage]
    remarks = [outcome.remark for outcome in outcomes if outcome.remark]
    for line in (*remarks, *damaged):
        click.echo(line)
    counts = f"{len(items)} items in {target}, {len(todo) - len(damaged)} made now"
    counts += f", {len(remarks)} with a remark" if remarks else ""
    if damaged:
        click.echo(f"{name}: {counts}, {len(damaged)} damaged; replace them and run the command again")
        raise SystemExit(1)
    marker.unlink(missing_ok=True)
    click.echo(f"{name}: {counts}")


def claim(target: Path, recipe: str, first_folder: str) -> None:
    """Note the recipe in the target, so that items of two recipes never mix."""
    note = target / RECIPE_NOTE
    if not note.exists() and not (target / first_folder).exists():
        write_text(note, recipe + "\n")
    found = note.read_text(encoding="utf-8").strip() if note.exists() else "an unknown recipe"
    if found != recipe:
        raise UserError(f"{target} holds items of {found}, expected {recipe}; name another folder.")


def _own_command() -> str:
    """Find the command line as the user typed it."""
    words: list[str] = get_current_context().find_root().obj
    return shlex.join(["bench", *words])


def _make(make: Make[Source], item: Item[Source]) -> Outcome:
    if item.is_made:  # by another process meanwhile
        return Outcome()
    try:
        made = make(item.source)
    except UserError as error:
        return Outcome(damage=str(error))
    for path, content in zip(item.outputs, made.contents, strict=True):
        if isinstance(content, Path):
            link_or_copy(content, path)
        else:
            _write_png(path, content)
    return Outcome(remark=made.remark)


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    with whole_file(path) as file:
        Image.fromarray(pixels).save(file, format="png")


def _run(
    name: str, todo: Sequence[Item[Source]], make: Callable[[Item[Source]], Outcome], processes: int
) -> list[Outcome]:
    """Make all items and show progress; with 0 processes in this one."""
    outcomes, damaged = [], 0
    with progress_bar() as progress, contextlib.closing(_outcomes(todo, make, min(processes, len(todo)))) as coming:
        task = progress.add_task(f"Preparing {name}", total=len(todo), status="")
        for outcome in coming:
            outcomes.append(outcome)
            damaged += bool(outcome.damage)
            progress.update(task, advance=1, status=f"{damaged} damaged" if damaged else "")
    return outcomes


def _outcomes(
    todo: Sequence[Item[Source]], make: Callable[[Item[Source]], Outcome], processes: int
) -> Generator[Outcome]:
    if not processes:
        yield from map(make, todo)
        return
    # Forked processes would share the locks of this one's threads; spawned ones begin clean.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), begin_worker)
    waiting: deque[Future[Outcome]] = deque()
    try:
        for item in todo:
            with born_deaf():
                waiting.append(pool.submit(make, item))
            if len(waiting) > _AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise UserError(
            "A process that made items was ended from outside, probably as memory ran out; what is there is kept: run "
            "again with a smaller --num-workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
