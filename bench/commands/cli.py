"""The command line: a table of commands, each imported when it is used, and errors as one line."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import rich_click as click

from bench.common.catalog import Table, resolve
from bench.common.errors import OK, explained
from bench.common.options import debug_option
from bench.common.version import version

COMMANDS: Table = {
    "run": ("bench.commands.run:command", "Measure methods on data sets and print the table."),
    "train": ("bench.commands.train:command", "Train a method on a data set."),
    "miniature": ("bench.commands.miniature:command", "Train and measure all methods on the built-in data."),
    "bank": ("bench.commands.bank:command", "Gather the training photos that a method draws from."),
    "profile": ("bench.commands.profile:command", "Count parameters and operations, measure time and memory."),
    "parity": ("bench.commands.parity:command", "Compare networks with stored outputs of the authors' code."),
    "sample": ("bench.commands.sample:command", "Draw pictures of what methods can vary, edit, morph and mix."),
    "data": ("bench.commands.data:command", "Prepare, verify or show data sets."),
    "weights": ("bench.commands.weights:command", "List, fetch or verify weight files."),
    "doctor": ("bench.commands.doctor:command", "Check that everything is there for a run."),
    "list": ("bench.commands.list:command", "List methods, data sets, metrics, protocols, tables, weights."),
    "table": ("bench.commands.table:command", "Print a paper's table: measured, published or both."),
    "check": ("bench.commands.check:command", "Measure again, and fail if a number moved since the baseline."),
    "compare": ("bench.commands.compare:command", "Compare two results, and fail if a number moved."),
    "export": ("bench.commands.export:command", "Write all records as one CSV file."),
    "pack": ("bench.commands.pack:command", "Put the records of a finished study into one file."),
    "claims": ("bench.commands.claims:command", "Judge the papers' sentences by printed and by measured numbers."),
    "report": ("bench.commands.report:command", "Write one HTML file: tables, charts, pictures, provenance."),
    "confusion": ("bench.commands.confusion:command", "Compute mean IoUs and accuracies from confusion matrices."),
    "protocols": ("bench.commands.protocols:command", "List evaluation protocols or explain one."),
    "train-segmenter": ("bench.commands.train_segmenter:command", "Train a segmenter that scores images."),
    "train-features": ("bench.commands.train_features:command", "Train the feature network of the built-in data."),
}


class NamedCommands(click.RichGroup):
    """A group that knows its commands by name and help line, and imports the one that is used."""

    def __init__(self, *args: Any, kind: str, table: Table, **settings: Any) -> None:  # noqa: ANN401 - the signature of click
        super().__init__(*args, **settings)
        self.kind, self.table = kind, table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help page."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give a stand-in for the help page, which imports no command."""
        return click.RichCommand(name=cmd_name, help=self.table[cmd_name][1]) if cmd_name in self.table else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the command that is to run."""
        name, *rest = args
        if name.startswith("-"):
            return super().resolve_command(ctx, args)
        return name, resolve(self.kind, self.table, name), rest


class Bench(NamedCommands):
    """The command line as a whole."""

    def main(self, *args: Any, **settings: Any) -> Any:  # noqa: ANN401 - the signature of click
        """Run a command and exit; every error is one line and an exit code."""
        words: Sequence[str] | None = args[0] if args else settings.pop("args", None)
        words = sys.argv[1:] if words is None else words
        ours = [word for word in words if word != "--debug"]  # handled here for every command
        try:
            code = super().main(ours, *args[1:], **{**settings, "standalone_mode": False, "obj": list(words)})
        except (Exception, KeyboardInterrupt) as error:
            if len(ours) < len(words):
                traceback.print_exc()
            message, code = explained(error)
            click.echo(message, err=True)
        sys.exit(code or OK)


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"bench {version()}")
        context.exit()


@click.group(
    cls=Bench,
    kind="command",
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@debug_option
def cli() -> None:
    """Evaluate semantic image synthesis: every method, every metric, named protocols, the papers' tables.

    Exit codes: 0 ok, 1 a check or a measurement failed, 2 wrong usage or a missing file, 130 interrupted.

    Example, without data or weights: bench run --methods truth,inade --dataset paperdolls2
    """


def main() -> None:
    """Run the command line of this process."""
    cli.main(prog_name="bench")
