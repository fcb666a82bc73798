"""Cityscapes: instance maps whose ids are 0, 1, 2 ... in every image, as INADE reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rich_click as click

from bench.common.errors import UserError
from bench.common.options import data_root_option, debug_option, processes_option
from bench.datasets.parts.folders import folder_of, natural
from bench.datasets.parts.reading import read_ids
from bench.datasets.preparation.parts.maps import renumbered
from bench.datasets.preparation.parts.work import Item, Made, prepare

NAME = "cityscapes"
STORED, DENSE = "_gtFine_instanceIds.png", "_gtFine_instanceReIds.png"


@click.command()
@data_root_option
@processes_option
@debug_option
def command(data_root: Path, processes: int) -> None:
    """Number the instances of every image anew, from 0, as INADE reads them.

    Written is *_gtFine_instanceReIds.png beside every *_gtFine_instanceIds.png in gtFine/train and gtFine/val. A region
    without instances keeps one id. Images with more than 256 ids, which 8 bits cannot tell apart, are named.

    Example: bench data prepare cityscapes --data-root /data
    """
    target = folder_of(NAME, data_root)
    stored = [path for part in ("train", "val") for path in (target / "gtFine" / part).glob(f"*/*{STORED}")]
    if not stored:
        raise UserError(
            f"{target} has no instance maps: expected gtFine/{{train,val}}/<city>/*{STORED} of the package "
            "gtFine_trainvaltest; name the folder above cityscapes with --data-root."
        )
    items = [_item(path) for path in sorted(stored, key=natural)]
    prepare(NAME, target, items, make, processes)


def _item(path: Path) -> Item[Path]:
    return Item(path, (path.with_name(path.name.removesuffix(STORED) + DENSE),))


def make(path: Path) -> Made:
    """Number the ids of one map; too many for 8 bits are no damage, but the user should know."""
    ids = read_ids(path)
    count = len(np.unique(ids))
    remark = f"{path} holds {count} ids, more than 256: from the 257th on they repeat." if count > 256 else ""
    return Made([renumbered(ids)], remark)
