"""`bench miniature`: the papers' comparisons on the built-in data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from bench.common.catalog import REFERENCES, check_name, choose_protocol, methods
from bench.common.errors import UserError
from bench.common.options import POSITIVE, available_cpus, debug_option, device_option, names, out_option, picked
from bench.common.progress import progress_bar
from bench.results.averages import across_trainings
from bench.results.records import Record
from bench.results.store import RecordStore
from bench.results.tables.columns import columns_of
from bench.results.tables.published import published_table, table_files
from bench.results.tables.run_table import RunTable
from bench.results.tables.writers import write_table

if TYPE_CHECKING:
    from bench.training.miniature import Study


@click.command()
@click.option(
    "--methods", "wanted", callback=names, help="Names with commas between them [default: all that can be trained]."
)
@click.option(
    "--trainings",
    type=POSITIVE,
    default=1,
    show_default=True,
    help="Trainings of every method, each with another seed.",
)
@click.option("--steps", type=POSITIVE, default=3000, show_default=True, help="Length of every training, in steps.")
@click.option("--batch-size", type=POSITIVE, default=8, show_default=True, help="Images per step of training.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="bfloat16",
    show_default=True,
    help="Numbers that the networks compute with in training.",
)
@click.option(
    "--dataset",
    "datasets",
    callback=names,
    default="paperdolls,paperdolls2",
    show_default=True,
    help="Data sets to measure on, with commas between them.",
)
@click.option(
    "--protocol", default="inade2021", show_default=True, help="Protocol to measure by; see `bench protocols`."
)
@click.option(
    "--jobs",
    type=click.IntRange(min=0),
    default=available_cpus,
    show_default="CPUs",
    help="Trainings at a time, each in a process of its own; 0 trains one after the other in the main process.",
)
@click.option(
    "--tables-only", is_flag=True, help="Train and measure nothing, only write the tables of what was measured before."
)
@device_option
@out_option("results/paperdolls")
@debug_option
def command(
    wanted: tuple[str, ...],
    trainings: int,
    jobs: int,
    tables_only: bool,
    out: Path,
    **options: Any,  # noqa: ANN401 - those of `Study`
) -> None:
    """Compare all methods in little: train each on the built-in data for equally long, measure it, and write tables.

    In the folder OUT lie then: in tables/ every table of the papers, with the rows that were trained, and truth and
    real beside them; in records/ what was measured; in runs/ weights and losses; in trainings.json a list of the
    trainings. Every method is trained once before any is trained a second time.

    A study that was stopped goes on where it was. A training that is listed in trainings.json counts as done, even if
    its weights are not in runs/.
    """
    for name in wanted:
        check_name("method", methods(), name)
    choose_protocol(options["protocol"], ())
    failures: list[str] = []
    if not tables_only:
        from bench.training.miniature import Study  # torch, only now that there is something to do

        study = picked(Study, {"out": out, **options})
        failures = _run(study, wanted, trainings, jobs)
    records = across_trainings(RecordStore(out))
    if not records and not failures:
        raise UserError(f"{out} holds no records: run the study first, without --tables-only.")
    for path in write_tables(out / "tables", records):
        click.echo(path)
    if failures:
        click.echo("\n".join(failures), err=True)
        raise SystemExit(1)


def _run(study: Study, wanted: Sequence[str], trainings: int, processes: int) -> list[str]:
    """Work on all jobs, under a progress bar with ETA; return what went wrong."""
    from bench.training.miniature import jobs_of, run_jobs, training_items

    jobs = jobs_of(wanted, trainings)
    failures, finished = [], []
    with progress_bar() as progress:
        rendering = progress.add_task("Rendering the training items", total=None, status="")
        items = training_items(processes, lambda: progress.advance(rendering))
        progress.update(rendering, total=len(items))
        task = progress.add_task("Trainings", total=len(jobs), status="")
        for job, error in run_jobs(jobs, partial(study.work, items), processes):
            progress.update(task, advance=1, status=f"{job.method}-{job.training}")
            if error:
                failures.append(f"{job.method}, training {job.training}: {error.removeprefix('error: ')}")
                progress.console.print(failures[-1], highlight=False)
            else:
                finished.append(job)
    study.note(finished)
    return failures


def write_tables(folder: Path, records: Sequence[Record]) -> list[Path]:
    """Write, for every table of the papers, the rows that were measured, and one table of all rows."""
    measured = {record.cell.method for record in records}
    written = []
    for name in [*table_files(), "all"]:
        rows = list(methods()) if name == "all" else [row.method for row in published_table(name).rows]
        compared = [row for row in dict.fromkeys(rows) if row in measured and row not in REFERENCES]
        if len(compared) > 1:
            written += _write_table(folder, name, [*(r for r in REFERENCES if r in measured), *compared], records)
    return written


def _write_table(folder: Path, name: str, rows: Sequence[str], records: Sequence[Record]) -> list[Path]:
    chosen = [record for record in records if record.cell.method in rows]
    chosen.sort(key=lambda record: (record.cell.dataset, record.metric))
    table = RunTable(chosen, columns_of(chosen), rows)
    return write_table(
        folder / name, table.grid(f"miniature-{name}"), table.csv(), ("text", "csv", "latex", "markdown")
    )
