"""`bench pack`: a finished study as few files."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from bench.common.errors import UserError
from bench.common.options import FOLDER, debug_option
from bench.results.store import store_of


@click.command()
@click.argument("folders", metavar="FOLDER...", type=FOLDER, nargs=-1, required=True)
@debug_option
def command(folders: tuple[Path, ...]) -> None:
    """Put the records of finished studies into one file each, so that they can be committed and reviewed.

    FOLDER is the --out of `bench run`: FOLDER/records becomes FOLDER/records.jsonl with one record a line,
    machines.json with what they were made on, and tables.npz with what lay beside them. All commands read both forms,
    and a run goes on in the folder as before: its new records lie in FOLDER/records until they are packed, and count
    before packed ones.

    Whatever stops it, no record is lost. Pack no folder that a run is writing to.

    Example: bench pack results/paperdolls
    """
    for folder in folders:
        store = store_of(folder)
        if store.loose == store.folder and store.loose_keys():
            raise UserError(f"{folder}: its records are not in a folder `records`: move them to {folder / 'records'}.")
        count, loose = store.pack()
        click.echo(f"{store.folder}: {count} records, {loose} of them were loose")
