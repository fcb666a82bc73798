"""A table as text, Markdown or HTML; equal tables give equal bytes. LaTeX has a module of its own."""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from bench.common.files import write_text
from bench.common.lines import drawn
from bench.results.tables.grid import Entry, Grid, Number
from bench.results.tables.latex import latex

LEGEND = "* marks the best and _ the second best number of a {}."


def text(grid: Grid, color: bool = False) -> str:
    """Draw for a terminal; without color the best number is marked by * and the second best by _."""
    letters = grid.letters
    table = Table(box=SIMPLE, title=None, pad_edge=False)
    corner = ("\n" if any(group.title for group in grid.groups) else "") + grid.corner
    table.add_column(Text(corner), no_wrap=True)
    for group in grid.groups:
        for index, column in enumerate(group.columns):
            above = f"{group.title if index == 0 else ''}\n" if any(each.title for each in grid.groups) else ""
            table.add_column(Text(above + column.head), justify="right", no_wrap=True)
    for index, row in enumerate(grid.rows):
        entries = [
            Text(" ").join(_text(number, letters, color, len(entry) > 1) for number in entry) for entry in row.entries
        ]
        title = row.title + "".join(f" [{letters[note]}]" for note in row.notes)
        ends = index + 1 < len(grid.rows) and grid.rows[index + 1].rule
        table.add_row(Text(title), *entries, end_section=ends)
    marked = any(number.mark for row in grid.rows for entry in row.entries for number in entry)
    notes = [*([LEGEND.format(grid.ranked)] if marked and not color else []), *grid.notes]
    notes += [f"[{letter}] {note}" for note, letter in letters.items()]
    return "\n".join([f"{grid.name}: {grid.caption}", drawn(table, color=color), *notes]) + "\n"


def _text(number: Number, letters: dict[str, str], color: bool, beside: bool) -> Text:
    style = {"": "", "best": "bold", "second": "underline"}[number.mark]
    sign = "" if color else {"": "", "best": "*", "second": "_"}[number.mark]
    shown = Text(sign + number.text, style=style if color else "")
    if number.spread:
        shown.append(f" ± {number.spread}")
    if number.note:
        shown.append(f"{' ' if number.text else ''}[{letters[number.note]}]", style="")
    return Text("(") + shown + Text(")") if number.published and beside else shown


@dataclass(frozen=True)
class _Markup:
    """How Markdown or HTML writes a number: its text, the best of a column, and one that a paper published."""

    escape: Callable[[str], str]
    best: tuple[str, str]
    published: tuple[str, str]


def markdown(grid: Grid) -> str:
    """Write for GitHub: a pipe table with the groups in the column heads, notes below."""
    letters = grid.letters
    heads = [f"{group.title} {column.head}".strip() for group in grid.groups for column in group.columns]
    rows = [[_markdown_text(grid.corner), *map(_markdown_text, heads)], ["---", *["---:"] * len(heads)]]
    for row in grid.rows:
        entries = [_entry(entry, letters, _MARKDOWN) for entry in row.entries]
        rows.append([_markdown_text(row.title) + _letters(row.notes, letters), *entries])
    lines = [f"**{_markdown_text(grid.name)}**: {_markdown_text(grid.caption)}", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    lines += ["", *(f"- {_markdown_text(note)}" for note in grid.notes)]
    lines += [f"- <sup>{letter}</sup> {_markdown_text(note)}" for note, letter in letters.items()]
    return "\n".join(lines) + "\n"


def html(grid: Grid) -> str:
    """Write one <figure> to be put into a page; published numbers have the class "published"."""
    letters = grid.letters
    above = "".join(f'<th colspan="{len(group.columns)}">{escaping.escape(group.title)}</th>' for group in grid.groups)
    heads = "".join(f"<th>{escaping.escape(column.head)}</th>" for column in grid.columns)
    lines = [f'<figure class="table" id="{escaping.escape(grid.name)}">', "<table>"]
    lines += [f"<caption>{escaping.escape(grid.caption)}</caption>", "<thead>"]
    if any(group.title for group in grid.groups):
        lines.append(f"<tr><th></th>{above}</tr>")
    lines += [f"<tr><th>{escaping.escape(grid.corner)}</th>{heads}</tr>", "</thead>", "<tbody>"]
    for row in grid.rows:
        cells = "".join(f"<td>{_entry(entry, letters, _HTML)}</td>" for entry in row.entries)
        kind = ' class="rule"' if row.rule else ""
        lines.append(f"<tr{kind}><th>{escaping.escape(row.title)}{_letters(row.notes, letters)}</th>{cells}</tr>")
    notes = [
        *map(escaping.escape, grid.notes),
        *(f"<sup>{letter}</sup> {escaping.escape(note)}" for note, letter in letters.items()),
    ]
    lines += ["</tbody>", "</table>", "<figcaption>", *(f"<p>{note}</p>" for note in notes), "</figcaption>"]
    return "\n".join([*lines, "</figure>"]) + "\n"


def _entry(entry: Entry, letters: dict[str, str], markup: _Markup) -> str:
    shown = []
    for number in entry:
        mark, unmark = {"": ("", ""), "best": markup.best, "second": ("<u>", "</u>")}[number.mark]
        spread = f" ± {number.spread}" if number.spread else ""
        text = (
            f"{mark}{markup.escape(number.text)}{unmark}{spread}{_letters([number.note] * bool(number.note), letters)}"
        )
        text = f"({text})" if number.published and len(entry) > 1 else text
        shown.append(text.join(markup.published) if number.published else text)
    return " ".join(shown)


def _letters(notes: Sequence[str], letters: dict[str, str]) -> str:
    return f"<sup>{','.join(letters[note] for note in notes)}</sup>" if notes else ""


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)


_MARKDOWN = _Markup(_markdown_text, ("**", "**"), ("", ""))
_HTML = _Markup(escaping.escape, ("<b>", "</b>"), ('<span class="published">', "</span>"))

FORMATS: dict[str, tuple[str, Callable[[Grid], str]]] = {  # name -> (suffix of files, writer)
    "text": (".txt", text),
    "latex": (".tex", latex),
    "markdown": (".md", markdown),
    "html": (".html", html),
}
SUFFIXES = {"csv": ".csv", **{name: suffix for name, (suffix, _) in FORMATS.items()}}


def write_table(stem: Path, grid: Grid, csv: str, forms: Iterable[str]) -> list[Path]:
    """Write a table in several forms, each to a file named by the stem and its suffix; `csv` is its long form."""
    written = []
    for form in forms:
        path = stem.with_name(stem.name + SUFFIXES[form])
        write_text(path, csv if form == "csv" else FORMATS[form][1](grid))
        written.append(path)
    return written
