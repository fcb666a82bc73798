"""`bench sample`: pictures of what methods can vary, of one region re-styled, and of styles read from photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import rich_click as click

from bench.common.catalog import methods, resolve, title_of
from bench.common.errors import UserError
from bench.common.options import (
    POSITIVE,
    assignments,
    data_root_option,
    debug_option,
    device_option,
    names,
    seed_option,
    weights_root_option,
)
from bench.common.progress import progress_bar
from bench.datasets.base import Dataset
from bench.datasets.find import find_dataset
from bench.results.records import Preset
from bench.synthesis.devices import choose_device
from bench.synthesis.easel import Easel
from bench.synthesis.grids import Photo, captioned, grid, save_gif, save_png
from bench.synthesis.images import to_photos
from bench.synthesis.methods import build_method, find_method_weights
from bench.synthesis.regions import parse_part, parse_region
from bench.synthesis.sample_kinds import (
    STYLES_OF,
    Edited,
    Kind,
    Mixed,
    Morphed,
    Sampled,
    check_index,
    parse_loans,
    parse_pair,
)
from bench.synthesis.sizes import config_for, default_preset
from bench.synthesis.styles import check_reader
from models.base import Scope

ENDINGS = (".png", ".gif")
FRAME = 400  # milliseconds
GAP = 2  # pixels between images, before they are enlarged


@click.command()
@click.option(
    "--methods", "--method", "method_names", required=True, callback=names, help="Method, or comma list of methods."
)
@click.option(
    "--dataset", "dataset_name", default="paperdolls2", show_default=True, help="Data set whose val split is drawn."
)
@click.option(
    "--vary", show_default="image", metavar="WHAT", help="Part with new styles: image, class:NAME or instance:ID."
)
@click.option("--edit", metavar="WHAT", help="Re-style this region, CLASS or instance:ID, and keep everything else.")
@click.option(
    "--morph", metavar="A,B", help="Draw steps from the style of photo A to that of photo B; needs an encoder."
)
@click.option("--mix", metavar="CLASS=ITEM,...", help="Take the style of each CLASS from photo ITEM; needs an encoder.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File to write: .png, or .gif for an animation.",
)
@click.option(
    "--index", type=click.IntRange(min=0), show_default="0", help="Draw this layout, counted from 0, with captions."
)
@click.option(
    "--items", type=POSITIVE, show_default="4", help="Without --index: draw this many layouts, from the first on."
)
@click.option("--styles", "--samples", type=POSITIVE, default=6, show_default=True, help="Images per layout.")
@click.option("--steps", type=click.IntRange(min=2), default=8, show_default=True, help="Images of --morph.")
@click.option("--scale", type=POSITIVE, default=2, show_default=True, help="Enlarge every pixel this many times.")
@click.option(
    "--preset",
    type=click.Choice(["tiny", "paper"]),
    show_default="tiny on paperdolls, else paper",
    help="Network sizes.",
)
@click.option(
    "--weights", callback=assignments, multiple=True, help="METHOD=FILE, weights of `bench train`; may be repeated."
)
@click.option("--untrained", is_flag=True, help="Use random weights, to see what a network draws before training.")
@weights_root_option
@data_root_option
@seed_option
@device_option
@debug_option
def command(
    method_names: tuple[str, ...],
    dataset_name: str,
    vary: str | None,
    edit: str | None,
    morph: str | None,
    mix: str | None,
    output: Path,
    index: int | None,
    items: int | None,
    styles: int,
    steps: int,
    scale: int,
    preset: Preset | None,
    weights: dict[str, Path],
    untrained: bool,
    weights_root: Path,
    data_root: Path,
    seed: int,
    device: str,
) -> None:
    """Draw pictures of what methods can vary, edit, morph and mix.

    With --index, --edit, --morph or --mix one layout is drawn, with one named row per method. The columns are new
    styles of the whole image (or of the part that --vary names); or the region of --edit in new styles; or the steps
    of --morph; or the layout in the style of its own photo, then with one more style of --mix in each column. The
    images are those that the metrics of `bench run` see with the same seed. A method changes a region as finely as it
    can: one that styles whole images changes everything, one without styles nothing; the picture and a line say so. A
    .gif shows the columns one after the other.

    Otherwise the first --items layouts are drawn, a block of rows per method, without captions.

    Example: bench sample --methods truth,vspade,inade --edit top --index 3 -o edit.png
    """
    check_ending(output)
    alone = index is not None or (edit, morph, mix) != (None, None, None)
    if alone and items is not None:
        raise UserError("--items draws several layouts; --index, --edit, --morph and --mix draw one.")
    data = find_dataset(dataset_name, data_root)
    specs = [resolve("method", methods(), name) for name in method_names]
    preset = preset or default_preset(data.name)
    where = choose_device(device)
    dataset = data.open("val", data_root)
    kind = choose_kind({"--vary": vary, "--edit": edit, "--morph": morph, "--mix": mix}, dataset, styles, steps)
    indices = [index or 0] if alone else list(range(min(items or 4, len(dataset))))
    for number in indices:
        check_index(number, dataset)
        kind.check(dataset, number)
    found = [
        find_method_weights(spec, data.name, preset, weights_root, weights.get(spec.name), untrained=untrained)
        for spec in specs
    ]
    rows: list[Row] = []
    with progress_bar() as progress:
        task = progress.add_task("Drawing", total=len(specs), status="")
        for spec, files in zip(specs, found, strict=True):
            method = build_method(spec, config_for(spec, data, preset), files, where)
            if kind.reads_photos:
                check_reader(spec, method, files)
            title = f"{title_of(spec.name)}{' (untrained)' if files.untrained else ''}"
            rows += draw_rows(kind, title, Easel(method=method, dataset=dataset, seed=seed, device=where), indices)
            progress.update(task, advance=1, status=title_of(spec.name))
    save(output, rows, kind.heads if alone else (), scale, there_and_back=morph is not None)
    click.echo(f"{output}: {kind.title}")
    for number in range(0, len(rows), len(indices)):
        place = f"row {number + 1}" if alone else f"rows {number + 1}-{number + len(indices)}"
        note = kind.note(rows[number].scope)
        click.echo(f"{place}: {rows[number].title}{f'; it {note}' if note else ''}")


def check_ending(path: Path) -> None:
    """Refuse a file of another format before anything is drawn."""
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path}: name a file that ends in .png (a grid) or .gif (an animation).")


def choose_kind(asked: Mapping[str, str | None], dataset: Dataset, styles: int, steps: int) -> Kind:
    """Choose the kind of picture by the one option that is given; without any, samples of whole images."""
    given = [(option, text) for option, text in asked.items() if text is not None]
    if len(given) > 1:
        raise UserError(f"{' and '.join(option for option, _ in given)} are different pictures: give one of them.")
    match given:
        case [("--edit", text)]:
            return Edited(parse_region(text, dataset.spec), styles)
        case [("--morph", text)]:
            return Morphed(parse_pair(text, dataset), steps)
        case [("--mix", text)]:
            return Mixed(parse_loans(text, dataset.spec))
        case _:
            return Sampled(parse_part(given[0][1] if given else "image", dataset.spec), styles)


@dataclass(frozen=True)
class Row:
    """A row of the picture: one method on one layout, with what its images are drawn from, and the images."""

    title: str
    name: str  # what stands beside it
    scope: Scope
    given: list[Photo]
    drawn: list[Photo]


def draw_rows(kind: Kind, title: str, easel: Easel, indices: Sequence[int]) -> list[Row]:
    """Draw the rows of one method."""
    name, scope = title.replace(" (", "\n("), easel.method.scope
    if not isinstance(kind, Sampled):
        name = f"{name}\n{STYLES_OF[scope]}"
    return [
        Row(title, name, scope, kind.given(easel.dataset, index), list(to_photos(kind.draw(easel, index))))
        for index in indices
    ]


def save(path: Path, rows: Sequence[Row], heads: Sequence[str], scale: int, *, there_and_back: bool) -> None:
    """Write all columns side by side, or one after the other; without heads there are no captions."""

    def arranged(columns: slice) -> Photo:
        shown = [[*row.given, *row.drawn[columns]] for row in rows]
        picture = grid(shown, gap=GAP, scale=scale)
        if not heads:
            return picture
        first = len(rows[0].given)
        shown_heads = [*heads[:first], *heads[first:][columns]]
        return captioned(picture, [row.name for row in rows], shown_heads, gap=GAP * scale)

    if path.suffix.lower() == ".png":
        save_png(path, arranged(slice(None)))
        return
    frames = [arranged(slice(number, number + 1)) for number in range(len(rows[0].drawn))]
    save_gif(path, frames + frames[-2:0:-1] if there_and_back else frames, milliseconds=FRAME)
