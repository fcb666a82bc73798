"""`bench parity`: stored outputs of the authors' networks against this installation."""

from __future__ import annotations

import json
import sys
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from bench.common.errors import UserError
from bench.common.options import FOLDER, debug_option, json_option
from bench.common.progress import progress_bar

if TYPE_CHECKING:
    from bench.parity.verdict import Status, Verdict


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--only",
    metavar="PATTERN",
    default="*",
    help="Replay goldens with such names only, e.g. 'models/spade_*' or '*netG*'.",
)
@click.option("--strict", is_flag=True, help="Fail also if a golden is unknown.")
@json_option
@debug_option
@click.pass_context
def command(context: click.Context, folder: Path, *, only: str, strict: bool, as_json: bool) -> None:
    """Compare this installation with goldens, stored inputs and outputs of the authors' code.

    A golden is a json that describes a network or function, and an npz of the same name with its arrays. Its outputs
    are computed again with weights that follow from the names of their keys: no weight files are needed.

    Printed is one line per golden: ok, OFF (differs), unknown (nothing to compare with) or error (a bad file), and
    the value that is furthest off, measured by its tolerance. Exit code 1 if any is OFF or error.

    Example: bench parity tests/goldens
    """
    found = _goldens(folder, only)
    from bench.parity.verdict import judge  # torch, only now that there is something to do

    width = max(map(len, found))
    verdicts: list[Verdict] = []
    lines = None if sys.stdout.isatty() else sys.stdout  # else the bar would print them on standard error
    with progress_bar() as progress:
        task = progress.add_task("goldens", total=len(found), status="")
        for name, path in found.items():
            progress.update(task, status=name)
            verdicts.append(judge(path, name, folder))
            progress.advance(task)
            if not as_json:
                click.echo(_line(verdicts[-1], width), file=lines)
    counts = Counter(verdict.status for verdict in verdicts)
    if as_json:
        click.echo(json.dumps([verdict.json() for verdict in verdicts], indent=1))
    else:
        click.echo(_summary(verdicts, counts))
    if counts["OFF"] or counts["error"] or (strict and counts["unknown"]):
        context.exit(1)


def _goldens(folder: Path, only: str) -> dict[str, Path]:
    """Find goldens by name: the path within the folder, without suffix."""
    if not folder.is_dir():
        raise UserError(f"No folder {folder}; name one that holds goldens (json and npz files).")
    every = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*.json"))
        if path.is_file()
    }
    if not every:
        raise UserError(
            f"{folder} holds no golden; expected json files, most with an npz of the same name beside them."
        )
    chosen = {name: path for name, path in every.items() if fnmatch(name, only)}
    if not chosen:
        raise UserError(
            f"None of the {len(every)} goldens in {folder} is named like '{only}'; the first is {next(iter(every))}."
        )
    return chosen


def _line(verdict: Verdict, width: int) -> str:
    return f"{verdict.name:{width}}  {verdict.status:7}  {verdict.detail}  ({verdict.seconds:.1f} s)"


def _summary(verdicts: list[Verdict], counts: Counter[Status]) -> str:
    parts = [f"{count} {status}" for status, count in counts.most_common()]
    values, seconds = sum(v.compared for v in verdicts), sum(v.seconds for v in verdicts)
    return f"{len(verdicts)} goldens: {', '.join(parts)}; {values} values compared in {seconds:.0f} s"
