"""Images that show what a method can vary: one layout, with new styles for a part of it."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.synthesis.batches import stream
from bench.synthesis.easel import Easel
from bench.synthesis.regions import Part
from bench.synthesis.styles import draw_style


@torch.inference_mode()
def draw(easel: Easel, index: int, part: Part, samples: int) -> Tensor:
    """Draw one layout [K, 3, H, W] with new styles of a part, from the random streams that the metrics use."""
    method, seed = easel.method, easel.seed
    single = easel.batch(easel.dataset[index])
    batch, draws = single.repeated(samples), range(samples)
    if part.vary == "image":
        style = draw_style(method, batch, [stream(seed, index, "image", k) for k in draws])
    else:
        base = draw_style(method, batch, easel.streams(samples, index, "base"))
        other = draw_style(method, batch, [stream(seed, index, part.vary, part.id, k) for k in draws])
        style = method.mix_styles(base, other, batch.layout, part.region(batch.layout))
    return method.synthesize(single.layout, style).expand(samples, -1, -1, -1)  # without styles there is one image
