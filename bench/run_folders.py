"""A training's folder: what run.json says of it, and pictures of how far it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from bench.batches import collate
from bench.catalog import UserError
from bench.datasets.base import Dataset
from bench.files import write_text
from bench.images import to_photos
from bench.pictures import grid, paint_condition, save_png
from bench.seeds import stream_seed
from models.base import Method


def read_description(folder: Path) -> dict[str, Any]:
    """Read run.json."""
    path = folder / "run.json"
    try:
        result: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: there is no run to resume ({error}); start it without --resume.") from error
    return result


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write run.json."""
    write_text(folder / "run.json", json.dumps(description, indent=2, sort_keys=True) + "\n")


def check_same_run(folder: Path, description: Mapping[str, Any]) -> None:
    """Refuse to go on with other settings than the folder's."""
    now, then = _flat(description), _flat(read_description(folder))
    changed = sorted(key for key in now | then if now.get(key) != then.get(key))
    if changed:
        raise UserError(
            f"{folder / 'last.pt'} belongs to a run with other settings ({', '.join(changed)}); repeat its command "
            f"(see {folder / 'run.json'}) or start in another folder."
        )


def _flat(described: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name every entry as `recipe.epochs` does, so that what differs can be said."""
    flat: dict[str, Any] = {}
    for key, value in described.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def write_log(path: Path, log: Sequence[Mapping[str, float]]) -> None:
    """Write numbers of steps as CSV."""
    text = io.StringIO()
    if log:
        writer = csv.DictWriter(text, list(log[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(log)
    write_text(path, text.getvalue())


@torch.no_grad()
def write_grid(path: Path, method: Method[Any], dataset: Dataset, device: torch.device) -> None:
    """Write a picture: per row a training item's layout, its photo, and six draws from the prior."""
    rows = []
    was_training = method.training
    method.eval()
    for index in range(min(4, len(dataset))):
        item = dataset[index]
        layout = collate([item], dataset.num_classes).layout.to(device)
        rngs = [torch.Generator().manual_seed(stream_seed("grid", index, draw)) for draw in range(6)]
        style = method.sample_style(layout.select([0] * 6), rngs)
        images = to_photos(method.synthesize(layout, style))
        rows.append([paint_condition(item, dataset.palette), item.image, *images])
    method.train(was_training)
    save_png(path, grid(rows))
