"""ADE20K-outdoor: the outdoor scenes of ADE20K by somebody's list. There is no official one."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import rich_click as click

from bench.common.errors import UserError
from bench.common.files import write_text
from bench.common.options import data_root_option, debug_option
from bench.datasets.parts.folders import folder_of, natural

NAME = "ade20k-outdoor"


@click.command()
@click.option(
    "--subset",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Text file with one scene a line, e.g. ADE_val_00000001.",
)
@data_root_option
@debug_option
def command(subset: Path, data_root: Path) -> None:
    """Check a list of outdoor scenes against ade20k and keep it as ade20k-outdoor.txt in the data root.

    There is no official list: SPADE and SIMS published none, CLADE its own selection. Scores on different lists do not
    compare. A line may end in .jpg or .png, and empty lines do not count.

    Example: bench data prepare ade20k-outdoor --subset outdoor.txt
    """
    stems = _stems(subset)
    _check(stems, folder_of("ade20k", data_root), subset)
    target = data_root / f"{NAME}.txt"
    write_text(target, "".join(f"{stem}\n" for stem in stems))
    counts = Counter(_part(stem) for stem in stems)
    click.echo(f"{NAME}: {counts['training']} training and {counts['validation']} validation scenes in {target}")


def _stems(path: Path) -> list[str]:
    """Read the scenes of a list, each once, in natural order."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read ({type(error).__name__}); expected a text file, one scene a line."
        ) from error
    stems = {line.removesuffix(".jpg").removesuffix(".png") for line in lines if line}
    wrong = sorted(stem for stem in stems if not re.fullmatch(r"ADE_(train|val)_[0-9]{8}", stem))
    if wrong:
        raise UserError(f"{path} names '{wrong[0][:60]}'; expected scenes such as ADE_val_00000001, one a line.")
    if not stems:
        raise UserError(f"{path} names no scene; expected some such as ADE_val_00000001, one a line.")
    return sorted(stems, key=lambda stem: natural(Path(stem)))


def _check(stems: list[str], ade20k: Path, subset: Path) -> None:
    """Refuse scenes that ade20k does not have."""
    wanted = [
        path
        for stem in stems
        for path in (
            ade20k / "images" / _part(stem) / f"{stem}.jpg",
            ade20k / "annotations" / _part(stem) / f"{stem}.png",
        )
    ]
    missing = [path for path in wanted if not path.is_file()]
    if missing:
        raise UserError(
            f"{subset} names scenes of which {len(missing)} files are not there, the first is {missing[0]}; complete "
            "ade20k or correct the list."
        )


def _part(stem: str) -> str:
    return "training" if stem.startswith("ADE_train_") else "validation"
