"""`bench protocols`: the named sets of evaluation choices, and where each choice comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import rich_click as click

from bench.common.catalog import choose_protocol
from bench.common.errors import UserError
from bench.common.lines import aligned
from bench.common.options import debug_option, json_option
from metrics.protocol import PROTOCOLS, explain


@click.command()
@click.option("--explain", "name", metavar="NAME", help="Print every choice of a protocol with its source.")
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="With --explain: change a choice; may be repeated."
)
@json_option
@debug_option
def command(name: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """List the evaluation protocols, or explain one: field, value, source and certainty of each choice.

    With --set the explained protocol is a derived one, and its name shows each change,
    e.g. inade2021+fid.real_split=val.

    Example: bench protocols --explain inade2021
    """
    if name is None:
        if settings:
            raise UserError("--set changes one protocol: name it with --explain NAME.")
        _print([{"name": each.name, "repeats": each.repeats} for each in PROTOCOLS.values()], as_json)
        return
    protocol = choose_protocol(name, settings)
    if not as_json:
        click.echo(f"{protocol.name}\n")
    order = ("field", "value", "certainty", "source")  # the long one last
    _print([{part: getattr(row, part) for part in order} for row in explain(protocol)], as_json)


def _print(rows: Sequence[Mapping[str, object]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    click.echo(aligned([{key: str(value) for key, value in row.items()} for row in rows]))  # None is a choice here
