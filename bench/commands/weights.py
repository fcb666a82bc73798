"""`bench weights`: weight files, listed, fetched and verified."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import rich_click as click
from rich.progress import TaskID

from bench.catalog import check_name, resolve
from bench.files import sha256_of
from bench.lines import aligned
from bench.options import debug_option, json_option, weights_root_option
from bench.progress import progress_bar
from bench.weight_files import SHIPPED, WEIGHT_FILES, fetch, recorded_hash
from models import METHODS


@click.group()
@debug_option
def command() -> None:
    """List, fetch or verify weight files.

    Networks that look at images (for FID, LPIPS, training) are named and can be fetched; those of the built-in data
    are shipped. The weights of methods are their authors' to give: `list` says where to put them.
    """


@command.command("list")
@weights_root_option
@json_option
@debug_option
def list_files(weights_root: Path, as_json: bool) -> None:
    """List every file: what it is for, whether it is there, where it belongs, and its licence.

    Below them: where the weights of the methods at the papers' sizes belong.
    """
    files = [
        {
            "name": weights.name,
            "use": weights.use,
            "state": weights.state(weights_root),
            "path": str(weights.path(weights_root)),
            "licence": weights.licence,
        }
        for weights in WEIGHT_FILES.values()
    ]
    methods = [row for name in METHODS for row in _method_rows(name, weights_root)]
    if as_json:
        click.echo(json.dumps({"files": files, "methods": methods}, indent=1))
        return
    click.echo(aligned(files))
    click.echo(
        f"\nWeights of methods at the papers' sizes: put the authors' files, or weights.safetensors of `bench train`,\n"
        f"into {weights_root}/<method>/<data set>/."
    )
    click.echo(aligned(_per_method(methods)))


def _per_method(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Make one line per method of the lines per data set; data sets whose files are there are marked."""
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        line = lines.setdefault(row["method"], {"method": row["method"], "files": row["files"], "data sets": ""})
        mark = "" if row["state"] == "missing" else " (there)"
        line["data sets"] += f"{', ' if line['data sets'] else ''}{row['dataset']}{mark}"
    return list(lines.values())


def _method_rows(name: str, root: Path) -> Iterator[dict[str, str]]:
    """Say of every data set of a method which of its files are there."""
    from bench.method_weights import weights_folder

    spec = resolve("method", METHODS, name)
    for folder in dict.fromkeys(weights_folder(spec, dataset, root) for dataset in spec.configs):
        names = ["weights.safetensors", *(file for files in spec.files.values() for file in files)]
        found = [file for file in names if (folder / file).is_file()]
        wanted = "; ".join(f"{network}: {' or '.join(files)}" for network, files in spec.files.items() if files)
        yield {
            "method": name,
            "dataset": folder.name,
            "state": ", ".join(found) or "missing",
            "folder": str(folder),
            "files": wanted,
        }


@command.command("fetch")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@weights_root_option
@debug_option
def fetch_files(names: Sequence[str], weights_root: Path) -> None:
    """Download files and print where they are.

    A file is checked against its published SHA-256 while it comes, and kept whole or not at all; one that is there
    already is not fetched again. Without a network: the error names the address and the place, so that you can bring
    the file by other means, and `bench weights verify` checks it.
    """
    for name in names:
        check_name("weight file", WEIGHT_FILES, name)
    with progress_bar() as progress:
        paths = []
        for name in names:
            task = progress.add_task(f"Fetching {name}", total=None, status="MB")

            def report(count: int, total: int, task: TaskID = task) -> None:
                progress.update(task, total=total / 1e6 or None, advance=count / 1e6)

            paths.append(fetch(name, weights_root, report))
    for path in paths:
        click.echo(path)


@command.command("verify")
@weights_root_option
@json_option
@debug_option
def verify_files(weights_root: Path, as_json: bool) -> None:
    """Check the SHA-256 of every file that is on disk; exit code 1 if one is wrong.

    Named files have a published hash; files that the suite trained have one in the record beside them. A file with
    neither is listed with its hash and counts as right.
    """
    rows = []
    expected = _expected_hashes(weights_root)
    with progress_bar() as progress:
        for path, wanted in progress.track(expected.items(), task_id=progress.add_task("Verifying", status="")):
            sha256 = sha256_of(path)
            state = "unknown" if wanted is None else "ok" if sha256 == wanted else "wrong"
            rows.append({"state": state, "sha256": sha256, "path": str(path)})
    click.echo(json.dumps(rows, indent=1) if as_json else aligned(rows))
    wrong = [row for row in rows if row["state"] == "wrong"]
    for row in wrong:
        click.echo(f"error: {row['path']} is not the expected file; delete it and get it again.", err=True)
    if wrong:
        raise SystemExit(1)


def _expected_hashes(root: Path) -> dict[Path, str | None]:
    """Find all weight files on disk, with the hash each should have if anyone has said so."""
    named = {weights.path(root): weights.sha256 for weights in WEIGHT_FILES.values()}
    trained = (path for folder in (SHIPPED, root) for path in sorted(folder.rglob("*.safetensors")))
    known = {**dict.fromkeys(trained), **named}
    return {path: sha256 or recorded_hash(path) for path, sha256 in known.items() if path.is_file()}
