"""Images that show what a method can vary: one style for a layout, and new ones for a part of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.datasets.base import Dataset
from bench.synthesis.batches import collate, stream
from bench.synthesis.regions import Part
from bench.synthesis.styles import draw_style
from models.base import Method


@torch.inference_mode()
def draw(
    method: Method[Any], dataset: Dataset, index: int, part: Part, samples: int, seed: int, device: torch.device
) -> Tensor:
    """Draw [K, 3, H, W] for one layout, from the random streams that the metrics use."""
    single = collate([dataset[index]], dataset.num_classes).to(device)
    batch, draws = single.repeated(samples), range(samples)
    if part.vary == "image":
        style = draw_style(method, batch, [stream(seed, index, "image", k) for k in draws])
    else:
        base = draw_style(method, batch, [stream(seed, index, "base") for _ in draws])
        other = draw_style(method, batch, [stream(seed, index, part.vary, part.id, k) for k in draws])
        style = method.mix_styles(base, other, batch.layout, part.region(batch.layout))
    return method.synthesize(single.layout, style).expand(samples, -1, -1, -1)  # without styles there is one image
