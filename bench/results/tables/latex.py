"""A table as LaTeX, for a stock installation with booktabs and xcolor."""

from __future__ import annotations

from collections.abc import Sequence

from bench.results.tables.grid import Grid, Number, Row
from metrics.columns import Better, Column

HEAD = r"""% Needs \usepackage{booktabs} and \usepackage{xcolor}.
\providecommand{\published}[1]{\textcolor{gray}{#1}} % numbers of a paper, not measured
\begin{table}
\centering
\small
\setlength{\tabcolsep}{4pt}"""

_ARROWS: dict[Better, str] = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after a line end it would open an optional argument
    "]": "{]}",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "ℓ": r"$\ell$",
    **{sign: f"\\{sign}" for sign in "#$%&_{}"},
}


def escape(text: str) -> str:
    """Write text so that LaTeX shows it as it is."""
    return "".join(_SPECIAL.get(sign, sign) for sign in text)


def latex(grid: Grid) -> str:
    """Write a table environment; published numbers are set by the command \\published (gray)."""
    letters = grid.letters
    lines = [HEAD, f"\\caption{{{escape(grid.caption)}}}", f"\\label{{tab:{grid.name}}}"]
    lines += [f"\\begin{{tabular}}{{l{''.join('r' * len(group.columns) for group in grid.groups)}}}", r"\toprule"]
    if any(group.title for group in grid.groups):
        lines += _group_heads(grid)
    lines += [_line([escape(grid.corner), *map(_head, grid.columns)]), r"\midrule"]
    for index, row in enumerate(grid.rows):
        if row.rule and index:
            lines.append(r"\midrule")
        lines.append(_row(row, letters))
    lines += [r"\bottomrule", r"\end{tabular}", "", r"\smallskip", r"\begin{minipage}{\linewidth}", r"\footnotesize"]
    lines += [f"{escape(note)}\\par" for note in grid.notes]
    lines += [f"\\textsuperscript{{{letter}}} {escape(note)}\\par" for note, letter in letters.items()]
    return "\n".join([*lines, r"\end{minipage}", r"\end{table}"]) + "\n"


def _group_heads(grid: Grid) -> list[str]:
    cells, rules, start = [""], [], 2
    for group in grid.groups:
        width = len(group.columns)
        cells.append(f"\\multicolumn{{{width}}}{{c}}{{{escape(group.title)}}}")
        if group.title:
            rules.append(f"\\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return [_line(cells), " ".join(rules)]


def _head(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    return escape(column.title + unit) + _ARROWS[column.better]


def _row(row: Row, letters: dict[str, str]) -> str:
    entries = (" ".join(_number(number, letters, len(entry) > 1) for number in entry) for entry in row.entries)
    return _line([escape(row.title) + _letters(row.notes, letters), *entries])


def _number(number: Number, letters: dict[str, str], beside: bool) -> str:
    command = {"": "{}", "best": r"\textbf{{{}}}", "second": r"\underline{{{}}}"}[number.mark]
    sign = "$-$" if number.text.startswith("-") else ""
    shown = command.format(sign + escape(number.text.removeprefix("-"))) if number.text else ""
    shown += f" $\\pm$ {number.spread}" if number.spread else ""
    shown += _letters([number.note] if number.note else [], letters)
    if number.published:
        return f"\\published{{({shown})}}" if beside else f"\\published{{{shown}}}"
    return shown


def _letters(notes: Sequence[str], letters: dict[str, str]) -> str:
    return f"\\textsuperscript{{{','.join(letters[note] for note in notes)}}}" if notes else ""


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
