"""`bench pack`: the records of a study put together in few files."""

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
    """Put the records of a finished study into one file, so that it can be committed and reviewed.

    Each FOLDER is the --out of `bench run`: FOLDER/records becomes FOLDER/records.jsonl with one record a line,
    machines.json with what they were made on, and tables.npz with what lay beside them. All commands read both forms,
    and a run can go on in the folder: its new records lie in FOLDER/records until they are packed, and replace packed
    ones of the same key.

    If it is interrupted, no record is lost. Do not pack a folder while a run writes to it.

    Example: bench pack results/paperdolls
    """
    for folder in folders:
        store = store_of(folder)
        if store.loose == store.folder and store.loose_keys():
            raise UserError(f"{folder}: its records are not in a folder `records`; move them to {folder / 'records'}.")
        count, loose = store.pack()
        click.echo(f"{store.folder}: {count} records, {loose} of them were loose")
