"""`bench weights`: weight files, listed, fetched and verified."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import rich_click as click
from rich.progress import Progress, TaskID

from bench.common.catalog import check_name
from bench.common.errors import UserError
from bench.common.files import sha256_of
from bench.common.lines import aligned
from bench.common.options import debug_option, json_option, weights_root_option
from bench.common.places import SHIPPED_WEIGHTS
from bench.common.progress import progress_bar
from bench.datasets.find import training_name
from bench.results.tables import published
from bench.weights.fetch import Fetched, fetch
from bench.weights.known import KINDS, WEIGHT_FILES, WeightFile, method_folder, size_text
from bench.weights.trust import expected_hash
from models import METHODS

TO_TRAIN = """
Released by nobody, or in a form that the suite does not read: `bench train` makes weights.safetensors,
to be put into <method>/<data set>/.
"""


@click.group()
@debug_option
def command() -> None:
    """List, fetch or verify weight files.

    A file is identified by its SHA-256. If its publisher gives none, it is trusted on first use: its hash is then
    written beside it (FILE.sha256), and later uses must match it. Only `fetch` uses the network.
    """


# List


@command.command("list")
@click.option("--kind", type=click.Choice(list(KINDS)), help="List files of this kind only.")
@click.option("--for", "method", metavar="METHOD", help="List files of one method only.")
@weights_root_option
@json_option
@debug_option
def list_files(kind: str | None, method: str | None, weights_root: Path, as_json: bool) -> None:
    """List every weight file: state, size, hash, use, place, licence, origin, and the way to get it.

    A hash is given by its first eight digits; "first use" marks one that no publisher gave. At the end are the weights
    that the papers' tables need and nobody released.

    Example: bench weights list --for inade
    """
    if method is not None:
        check_name("method", _methods(), method)
    files = [
        weights
        for weights in WEIGHT_FILES.values()
        if kind in (None, weights.kind) and (method is None or f"/{method}/" in f"/{weights.place}")
    ]
    to_train = [
        {"method": name, "dataset": dataset, **_trained(method_folder(name, dataset, weights_root))}
        for name, dataset in cells_without_release()
        if kind in (None, "methods") and method in (None, name)
    ]
    if as_json:
        rows = [_everything(weights, weights_root) for weights in files]
        click.echo(json.dumps({"files": rows, "to_train": to_train}, indent=1))
        return
    click.echo(f"Name, state, size, SHA-256, use, and place below {weights_root}, where it is not the name.")
    click.echo("\n".join(_paragraphs(files, weights_root)))
    if to_train:
        click.echo(TO_TRAIN)
        by_method = groupby(to_train, key=lambda row: row["method"])
        click.echo(
            aligned([{"method": name, "data sets": _data_sets(list(rows))} for name, rows in by_method], head=False)
        )


def _methods() -> dict[str, None]:
    """Name the methods of the suite, and those of which only weight files are known."""
    released = (name.split("/")[0] for name, weights in WEIGHT_FILES.items() if weights.kind == "methods")
    return dict.fromkeys([*METHODS, *released])


def cells_without_release() -> list[tuple[str, str]]:
    """Find method and data set of the papers' tables for which nobody released images or readable weights."""
    cells = {
        (row.method, training_name(dataset)): None
        for table in map(published.published_table, published.table_files())
        for row in table.rows
        for (dataset, _), printed in zip(table.places, row.values, strict=True)
        if row.method in METHODS and not printed.absent
    }
    places = [weights.place.removeprefix("images/").split("/") for weights in WEIGHT_FILES.values()]
    released = {tuple(parts[:2]) for parts in places if len(parts) == 3}  # method, data set, file
    return sorted((cell for cell in cells if cell not in released), key=lambda cell: list(METHODS).index(cell[0]))


def _trained(folder: Path) -> dict[str, str]:
    path = folder / "weights.safetensors"
    return {"path": str(path), "state": "there" if path.is_file() else "missing"}


def _data_sets(rows: Sequence[dict[str, str]]) -> str:
    return ", ".join(row["dataset"] + (" (there)" if row["state"] == "there" else "") for row in rows)


def _everything(weights: WeightFile, root: Path) -> dict[str, object]:
    path = weights.path(root)
    expected = expected_hash(path, weights.sha256)
    return {
        "name": weights.name,
        "kind": weights.kind,
        "use": weights.use,
        "state": weights.state(root),
        "path": str(path),
        "megabytes": weights.megabytes,
        "sha256": expected and expected.sha256,
        "sha256_from": expected and expected.source,
        "licence": weights.licence,
        "origin": weights.origin,
        "get": weights.way(root),
        "note": weights.note,
    }


def _paragraphs(files: Sequence[WeightFile], root: Path) -> Iterator[str]:
    """Write a paragraph per publisher and way to get the files, below the heading of their kind."""
    lines = iter(aligned([_line(weights, root) for weights in files], head=False).splitlines())
    for kind, of_kind in groupby(files, key=lambda weights: weights.kind):
        yield f"\n{KINDS[kind]}"
        for about, group in groupby(of_kind, key=_about):
            yield f"\n{about}"
            yield from (f"  {next(lines)}" for _ in group)


def _about(weights: WeightFile) -> str:
    way = (
        f"Comes with {weights.ships_with}."
        if weights.ships_with
        else f"Made by `{weights.command}`."
        if weights.command
        else "Direct: `bench weights fetch`."
        if weights.url
        else f"By hand: {weights.click}."
    )
    return " ".join(filter(None, [f"{weights.origin}. Licence: {weights.licence}. {way}", weights.note]))


def _line(weights: WeightFile, root: Path) -> dict[str, str]:
    expected = expected_hash(weights.path(root), weights.sha256)
    own_name = weights.name != weights.place
    return {
        "name": weights.name,
        "state": weights.state(root),
        "size": size_text(weights.megabytes) if weights.megabytes else "-",
        "sha256": "-" if expected is None else expected.sha256[:8],
        "from": "" if expected is None or expected.source == "published" else expected.source,
        "use": "" if weights.kind == "methods" else weights.use,  # which the name says
        "place": weights.place if own_name and not weights.ships_with else "",
    }


# Fetch


@command.command("fetch")
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Fetch every file that has a direct link.")
@weights_root_option
@debug_option
def fetch_files(names: Sequence[str], everything: bool, weights_root: Path) -> None:
    """Download files and print where they are.

    NAME is one of `bench weights list`, or a method, or METHOD/DATASET. A download that was cut off goes on where it
    was when the command is run again. A file with a published SHA-256 is kept only if it has it. For one without, the
    hash is printed and kept beside the file: it is trusted on this first use, and from then on it must stay the same.
    The same is done with a file that you put in its place by hand.

    If a program cannot fetch a file, the command says where to click and where to put it (exit code 2). Without a
    network: bring the file by other means, and run the command again.
    """
    wanted = [name for given in names for name in _named(given)]
    wanted += [weights.name for weights in WEIGHT_FILES.values() if everything and weights.url]
    if not wanted:
        raise click.UsageError("Name a file of `bench weights list`, or give --all.")
    by_hand = [
        name for name in wanted if WEIGHT_FILES[name].click and WEIGHT_FILES[name].state(weights_root) == "missing"
    ]
    found, failures = [], []
    with progress_bar() as progress:
        for name in dict.fromkeys(wanted):
            if name in by_hand:
                continue
            try:
                found.append(_fetched(name, weights_root, progress))
            except UserError as error:
                failures.append(f"error: {error}")
    for fetched in found:
        click.echo(_said(fetched))
    for line in [*failures, *_where_to_click(by_hand, weights_root)]:
        click.echo(line, err=True)
    if failures or by_hand:
        raise SystemExit(2)


def _named(name: str) -> list[str]:
    """Find the files that a name means: one, or all of a method, or of a method on a data set."""
    if name in WEIGHT_FILES:
        return [name]
    groups = {"/".join(file.split("/")[:depth]): None for file in WEIGHT_FILES if "/" in file for depth in (1, 2)}
    check_name("weight file", {**WEIGHT_FILES, **groups}, name)
    return [file for file in WEIGHT_FILES if file.startswith(f"{name}/")]


def _fetched(name: str, root: Path, progress: Progress) -> Fetched:
    task = progress.add_task(f"Fetching {name}", total=None, status="MB")

    def report(count: int, total: int) -> None:
        progress.update(task, total=total / 1e6 or None, advance=count / 1e6)

    return fetch(name, root, report)


def _said(fetched: Fetched) -> str:
    if not fetched.first_use:
        return str(fetched.path)
    return (
        f"{fetched.path}\n  SHA-256 {fetched.sha256}, which nobody has published: trusted on this first use and kept "
        f"in {fetched.path.name}.sha256; from now on it must match."
    )


def _where_to_click(names: Sequence[str], root: Path) -> Iterator[str]:
    files = [WEIGHT_FILES[name] for name in dict.fromkeys(names)]
    for (click_at, origin), group in groupby(files, key=lambda weights: (weights.click, weights.origin)):
        yield f"error: {origin} cannot be fetched by a program. Get it by hand from {click_at}. Then put"
        yield from (f"  {weights.inside or weights.path(root).name} at {weights.path(root)}" for weights in group)
    if files:
        yield "and run the command again: it keeps the hashes of what it finds."


# Verify


@command.command("verify")
@weights_root_option
@json_option
@debug_option
def verify_files(weights_root: Path, as_json: bool) -> None:
    """Hash every weight file on disk again; exit code 1 if one is wrong.

    A file must have the hash that its publisher gives, that was noted when it was trained, or that it had at its first
    use. A file without any of these is listed as unknown. Known files that are missing are named at the end.

    Example: bench weights verify
    """
    found = _on_disk(weights_root)
    rows = []
    with progress_bar() as progress:
        task = progress.add_task("Verifying", total=sum(path.stat().st_size for path in found) / 1e6, status="MB")
        for path, published_hash in found.items():
            rows.append(_verdict(path, published_hash, progress, task))
    missing = [weights.name for weights in WEIGHT_FILES.values() if weights.state(weights_root) == "missing"]
    if as_json:
        absent = [{"state": "missing", "path": str(WEIGHT_FILES[name].path(weights_root))} for name in missing]
        click.echo(json.dumps([*rows, *absent], indent=1))
    else:
        click.echo(aligned(rows))
        click.echo(f"\nmissing, {len(missing)} of {len(WEIGHT_FILES)} known files: {', '.join(missing)}")
    wrong = [row for row in rows if row["state"] == "wrong"]
    for row in wrong:
        click.echo(
            f"error: {row['path']} is not the file it should be ({row['by']}); delete it, get it again.", err=True
        )
    if wrong:
        raise SystemExit(1)


def _on_disk(root: Path) -> dict[Path, str | None]:
    """Find all weight files, each with the hash that its publisher gave it."""
    named = {weights.path(root): weights.sha256 for weights in WEIGHT_FILES.values()}
    shipped = sorted(SHIPPED_WEIGHTS.rglob("*.safetensors"))
    notes = {".json", ".sha256", ".part", ".version"}
    own = sorted(path for path in root.rglob("*") if path.suffix not in notes and root / "images" not in path.parents)
    return {path: sha256 for path, sha256 in {**dict.fromkeys([*shipped, *own]), **named}.items() if path.is_file()}


def _verdict(path: Path, published_hash: str | None, progress: Progress, task: TaskID) -> dict[str, str]:
    sha256 = sha256_of(path, lambda count: progress.advance(task, count / 1e6))
    expected = expected_hash(path, published_hash)
    state = "unknown" if expected is None else "ok" if expected.sha256 == sha256 else "wrong"
    return {"state": state, "by": "" if expected is None else expected.source, "sha256": sha256, "path": str(path)}
