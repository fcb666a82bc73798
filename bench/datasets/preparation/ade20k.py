"""ADE20K (the scene-parsing package with 150 classes): INADE's instance maps."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from bench.common.errors import UserError
from bench.common.options import data_root_option, debug_option, processes_option
from bench.datasets.parts.folders import folder_of
from bench.datasets.preparation.parts.instances import instance_items, instances_of_labels
from bench.datasets.preparation.parts.work import prepare

NAME = "ade20k"
NUM_VALUES = 151  # of the annotations: 0 is unlabelled, then the 150 classes


@click.command()
@data_root_option
@processes_option
@debug_option
def command(data_root: Path, processes: int) -> None:
    """Make instance maps from the annotations, as INADE reads them: every class that is present is one instance.

    Written is instances/{training,validation} beside annotations/{training,validation}.

    Example: bench data prepare ade20k --data-root /data
    """
    target = folder_of(NAME, data_root)
    items = [
        item
        for part in ("training", "validation")
        for item in instance_items(target / "annotations" / part, target / "instances" / part)
    ]
    if not items:
        raise UserError(
            f"{target} has no label maps: expected annotations/training and annotations/validation of the package "
            "ADEChallengeData2016; name the folder above ade20k with --data-root."
        )
    prepare(NAME, target, items, instances_of_labels(NUM_VALUES), processes)
