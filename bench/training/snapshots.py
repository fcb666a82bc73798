"""Sample pictures, written while a training runs, to see how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bench.datasets.base import Dataset
from bench.synthesis.batches import collate, stream
from bench.synthesis.grids import grid, paint_condition, save_png
from bench.synthesis.images import to_photos
from models.base import Method


@torch.no_grad()
def write_grid(path: Path, method: Method[Any], dataset: Dataset, device: torch.device) -> None:
    """Write a picture: per row a training item's layout, its photo, and six draws from the prior."""
    rows = []
    was_training = method.training
    method.eval()
    for index in range(min(4, len(dataset))):
        item = dataset[index]
        layout = collate([item], dataset.num_classes).layout.to(device)
        rngs = [stream("grid", index, draw) for draw in range(6)]
        style = method.sample_style(layout.select([0] * 6), rngs)
        images = to_photos(method.synthesize(layout, style))
        rows.append([paint_condition(item, dataset.palette), item.image, *images])
    method.train(was_training)
    save_png(path, grid(rows))
