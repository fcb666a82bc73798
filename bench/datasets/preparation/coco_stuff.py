"""COCO-Stuff: instance maps, drawn from the polygons of COCO's annotations over the label map.

An id is the number of an object or, elsewhere, a label, and after 255 numbers begin at 0 again: the maps are good for
the edges between objects, as the SPADE family uses them, and for nothing else.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rich_click as click
from numpy.typing import NDArray

from bench.common.errors import UserError
from bench.common.options import FOLDER, data_root_option, debug_option, processes_option
from bench.datasets.parts.folders import folder_of
from bench.datasets.parts.reading import read_labels
from bench.datasets.preparation.parts.polygons import polygon_mask
from bench.datasets.preparation.parts.work import Item, Made, prepare

NAME = "coco-stuff"
NUM_VALUES = 256  # of the label maps: 182 classes, and 255 for unlabelled
Polygon = NDArray[np.float64]  # x0, y0, x1, y1 ... in pixels, the first pixel being 1
Thing = Sequence[Polygon]  # the polygons of one object


@dataclass(frozen=True)
class Scene:
    """A label map, and the things in it in the order of the annotation file."""

    labels: Path
    things: Sequence[Thing]


@click.command()
@click.option(
    "--from",
    "source",
    type=FOLDER,
    show_default="coco-stuff/annotations",
    help="Folder of the annotation files.",
)
@data_root_option
@processes_option
@debug_option
def command(source: Path | None, data_root: Path, processes: int) -> None:
    """Draw instance maps from COCO's annotations, as the SPADE family reads them.

    Read are instances_train2017.json and instances_val2017.json, and the label maps in train_label and val_label.
    Written are train_inst and val_inst: the label map, with every object filled with its number in the image. A part
    whose label maps are not there is left out. Reading train's annotations takes about 1.5 GB of memory.

    Example: bench data prepare coco-stuff --from /downloads/annotations
    """
    target = folder_of(NAME, data_root)
    folder = source or target / "annotations"
    parts = [part for part in ("train", "val") if (target / f"{part}_label").is_dir()]
    if not parts:
        raise UserError(f"{target} has no label maps: expected the folders train_label and val_label, or one of them.")
    items = [item for part in parts for item in _items(folder / f"instances_{part}2017.json", target, part)]
    prepare(NAME, target, items, make, processes)


def _items(annotations: Path, target: Path, part: str) -> list[Item[Scene]]:
    return [
        Item(
            Scene(target / f"{part}_label" / f"{image:012d}.png", things),
            (target / f"{part}_inst" / f"{image:012d}.png",),
        )
        for image, things in _things(annotations).items()
    ]


def _things(annotations: Path) -> dict[int, Sequence[Thing]]:
    """Read the objects of every image that the file lists; crowds, which have no polygons, do not count."""
    try:
        with annotations.open(encoding="utf-8") as file:
            content = json.load(file, object_hook=_compact)
        things: dict[int, list[Thing]] = defaultdict(list)
        for image, polygons in filter(None, content["annotations"]):
            things[int(image)].append(polygons)
        return {image: things[image] for image in (int(row["id"]) for row in content["images"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{annotations} cannot be read as COCO's instance annotations ({type(error).__name__}: {error}); it is "
            "part of annotations_trainval2017.zip, name its folder with --from."
        ) from error


def _compact(content: dict[str, Any]) -> Any:  # noqa: ANN401 - any object of the json
    """Reduce an annotation to its image and polygons while it is read, as the text has half a gigabyte."""
    if "segmentation" not in content:
        return content
    if not isinstance(content["segmentation"], list):
        return None  # a crowd, run-length encoded
    polygons = [np.array(polygon, np.float64) for polygon in content["segmentation"]]
    if not all(polygon.ndim == 1 and polygon.size % 2 == 0 and np.isfinite(polygon).all() for polygon in polygons):
        raise ValueError("a polygon is not a list of x, y, x, y ...")
    return content["image_id"], [polygon for polygon in polygons if polygon.size]


def make(scene: Scene) -> Made:
    """Fill every object with its number in the image, later ones over earlier ones; the rest is the label map."""
    instances = read_labels(scene.labels, None, NUM_VALUES)
    for number, polygons in enumerate(scene.things):
        for polygon in polygons:
            inside = polygon_mask(polygon[1::2] - 1, polygon[0::2] - 1, instances.shape)
            instances[inside] = number % 256
    return Made([instances])
