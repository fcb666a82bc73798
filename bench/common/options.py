"""The options that commands share, each with the same name and meaning everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from bench.common.catalog import check_name, methods

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Decorator = Callable[[F], F]

POSITIVE = click.IntRange(min=1)
FOLDER = click.Path(file_okay=False, path_type=Path)


def available_cpus() -> int:
    """Count the CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output instead of a table.")
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all random numbers."
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Device to compute on: cpu, cuda, cuda:1, mps; auto is the first GPU, else the CPU.",
)
batch_size_option = click.option(
    "--batch-size",
    type=POSITIVE,
    default=32,
    show_default=True,
    help="Images per call of the generator; it changes speed and memory, not the numbers.",
)
num_workers_option = click.option(
    "--num-workers",
    type=click.IntRange(min=0),
    default=lambda: min(4, available_cpus()),
    show_default="CPUs, at most 4",
    help="Processes that read data in advance; 0 reads in the main process.",
)
processes_option = click.option(
    "--num-workers",
    "processes",
    type=click.IntRange(min=0),
    default=min(8, os.cpu_count() or 1),
    show_default="CPUs, at most 8",
    help="Processes that make files; 0 works in the main process. The files are the same for any number.",
)
limit_option = click.option(
    "--limit", type=POSITIVE, help="Use the first N label maps only; tables then say so, e.g. paperdolls2[:50]."
)
data_root_option = click.option(
    "--data-root",
    type=FOLDER,
    default=Path("data"),
    envvar="BENCH_DATA",
    show_default=True,
    show_envvar=True,
    help="Folder with the data sets; the built-in data needs no files.",
)
weights_root_option = click.option(
    "--weights-root",
    type=FOLDER,
    default=Path("weights"),
    envvar="BENCH_WEIGHTS",
    show_default=True,
    show_envvar=True,
    help="Folder with the weight files; those of the built-in data come with the suite.",
)
# For the help pages only: bench.commands.cli takes it off the command line and acts on it.
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback if there is an error."
)


def out_option(default: str) -> Decorator[Any]:
    """Make the option that names the folder for results; its default differs between commands."""
    return click.option(
        "--out", type=FOLDER, default=Path(default), show_default=True, help="Folder that results are written to."
    )


def records_option(default: str) -> Decorator[Any]:
    """Make the option that names folders of records; `default` says what the command reads without it."""
    return click.option(
        "--records",
        "folders",
        type=FOLDER,
        multiple=True,
        show_default=default,
        help="Folder that `bench run` wrote to, or any folder of records; may be repeated.",
    )


def common_options(out: str) -> Decorator[Any]:
    """Add the options that all computing commands share."""
    options = (
        data_root_option,
        limit_option,
        seed_option,
        device_option,
        batch_size_option,
        num_workers_option,
        out_option(out),
        json_option,
        debug_option,
    )

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def picked(kind: type[T], options: Mapping[str, Any]) -> T:
    """Make a dataclass of the options that have the names of its fields."""
    return kind(**{field.name: options[field.name] for field in fields(kind) if field.name in options})  # type: ignore[arg-type]


def names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Split a comma list into names; one given twice counts once."""
    parts = dict.fromkeys(part.strip() for part in value.split(",") if part.strip()) if value is not None else {}
    if value is not None and not parts:
        raise click.BadParameter("name at least one, or several with commas between them")
    return tuple(parts)


def assignments(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, Path]:
    """Read METHOD=FILE options into a table of files by method."""
    pairs = [value.partition("=") for value in values]
    for name, equals, path in pairs:
        if not (name and equals and path):
            raise click.BadParameter(
                f"write METHOD=FILE, for example inade=runs/inade/weights.safetensors, not '{name}'"
            )
        check_name("method", methods(), name)
    return {name: Path(path) for name, _, path in pairs}
