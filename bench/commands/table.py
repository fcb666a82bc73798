"""`bench table`: the papers' tables, made of the records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import cast

import rich_click as click

from bench.common.errors import UserError
from bench.common.files import write_text
from bench.common.options import debug_option, json_option, records_option
from bench.results.store import ON_RECORD, read_records
from bench.results.tables.paper_table import PaperTable, Values
from bench.results.tables.published import published_table, table_files
from bench.results.tables.writers import FORMATS, SUFFIXES, text, write_table

FORMS = ("csv", "latex", "markdown", "html")


@click.command()
@click.argument("name", metavar="ID", required=False)
@click.option("--all", "everything", is_flag=True, help="Write every table into the folder named by -o.")
@click.option(
    "--values",
    type=click.Choice(["measured", "published", "both", "delta"]),
    default="measured",
    show_default=True,
    help="Our numbers, the paper's, both side by side, or ours minus theirs with a verdict.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *FORMS]),
    show_default="by the suffix of -o, else text; with --all, csv, latex, markdown and html",
    help="Format of the table.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write, or folder with --all.")
@records_option("results/records, and results/costs of the suite")
@click.option("--protocol", help="Use records of this protocol instead of the one the table names.")
@json_option
@debug_option
def command(
    *,
    name: str | None,
    everything: bool,
    values: str,
    form: str | None,
    output: Path | None,
    folders: tuple[Path, ...],
    protocol: str | None,
    as_json: bool,
) -> None:
    """Print one of the papers' tables; `bench list tables` names them.

    Measured numbers come from full runs of the papers' networks with trained weights, costs from `bench profile`.
    Where there is none, the cell is blank and a footnote says why. A published number is always marked as one.

    Example: bench table inade-1 --values both
    """
    if everything == (name is not None):
        raise UserError("Name one table, or give --all and a folder: bench table inade-1, or bench table --all -o DIR.")
    names = [name] if name is not None else list(table_files())
    records = read_records(folders or ON_RECORD)
    tables = [PaperTable(published_table(each), records, protocol) for each in names]
    shown = cast(Values, values)
    if everything:
        _write_all(tables, shown, form, output)
        return
    form = "json" if as_json else form or _form_of(output)
    if output is None:
        click.echo(_written(tables[0], shown, form, color=sys.stdout.isatty()), nl=False)
    else:
        write_text(output, _written(tables[0], shown, form))


def _write_all(tables: list[PaperTable], values: Values, form: str | None, folder: Path | None) -> None:
    if folder is None:
        raise UserError("--all writes files: name a folder with -o DIR.")
    for table in tables:
        forms = (form,) if form else FORMS
        for path in write_table(folder / table.table.id, table.grid(values), table.csv(values), forms):
            click.echo(path)


def _form_of(output: Path | None) -> str:
    forms = {suffix: form for form, suffix in SUFFIXES.items()}
    return forms.get(output.suffix, "text") if output else "text"


def _written(table: PaperTable, values: Values, form: str, color: bool = False) -> str:
    if form == "csv":
        return table.csv(values)
    if form == "json":
        return json.dumps(table.lines(values), indent=1) + "\n"
    if form == "text":
        return text(table.grid(values), color)
    return FORMATS[form][1](table.grid(values))
