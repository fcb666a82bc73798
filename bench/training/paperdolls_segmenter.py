"""The small segmenter of the built-in data, trained: it reads label maps off drawn persons, for metrics named -pd."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.training import damage
from bench.training.paperdolls_networks import (
    BATCH,
    WEIGHTS,
    Run,
    class_weights,
    degrade,
    fit,
    load_photos,
    scores_on_held_out,
    seeded,
    training_items,
    write,
)
from segmenters.unet import PaperdollsSegmenter


def train_segmenter(seed: int, steps: int, items: int, folder: Path = WEIGHTS) -> dict[str, object]:
    """Train the segmenter, write it with its record to `folder`, and return the record."""
    run = Run(command="bench train-segmenter --dataset paperdolls", seed=seed, steps=steps, items=items)
    rng = torch.Generator().manual_seed(seed)
    one, two = (load_photos(data, min(items, len(data))) for data in training_items(items))
    network = seeded(seed, PaperdollsSegmenter)
    weights = class_weights(one.labels)

    def loss() -> Tensor:
        photos = two if damage.some(0.25, 1, rng).item() else one
        images, labels = photos.batch(torch.randint(len(photos.labels), (BATCH,), generator=rng))
        images, labels = _augment(images, labels, rng)
        return F.cross_entropy(network.logits(images), labels, weights)

    fit(network, loss, steps, "Training the segmenter")
    scores = scores_on_held_out(lambda images: network.logits(images).argmax(1))
    return write(network, folder / "segmenter", run, scores)


def _augment(images: Tensor, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Images and labels as they might have been: some mirrored, some recoloured, some damaged."""
    count = len(images)
    flip = damage.some(0.5, count, rng)
    images = torch.where(flip[:, None, None, None], images.flip(3), images)
    labels = torch.where(flip[:, None, None], labels.flip(2), labels)
    images = damage.turn_hue(images, damage.between(-25, 25, count, rng) * damage.some(0.3, count, rng))
    chosen = damage.some(0.3, count, rng)
    factors = 1 + damage.between(-0.4, 0.2, count, rng) * chosen
    images = damage.change_contrast(images, factors, damage.between(-0.2, 0.2, count, rng) * chosen)
    images, _ = degrade(images, rng)
    return images, labels
