"""The small feature network of the built-in data, trained: what FID-pd, LPIPS-pd and their kin compare images by.

It learns to tell labels, looks and damage of drawn persons; what it is asked besides the labels is `AttributeHead`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.datasets.paperdolls.appearance import PATTERN_ODDS, PATTERNS, PLAIN, appearance
from bench.datasets.paperdolls.dataset import Paperdolls, appearance_seeds
from bench.training import damage
from bench.training.paperdolls_networks import (
    BATCH,
    NUM_CLASSES,
    WEIGHTS,
    Photos,
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
from metrics.networks.paperdolls import PaperdollsFeatures
from segmenters.unet import Decoder

ATTRIBUTES = 2.0  # weight of the looks against the segmentation


class AttributeHead(nn.Module):
    """What the features are trained to tell of every class besides its pixels, and how damaged the photo is."""

    sizes = (1, 3, 3, 1, 1, len(PATTERNS), 3)  # presence, colour, second colour, shading, period, pattern, angle

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classes = nn.Linear(width, NUM_CLASSES * sum(self.sizes))
        self.damage = nn.Linear(width, 2)

    def loss(self, pooled: Tensor, truth: Tensor) -> Tensor:
        """Compare the reading of pooled features [N, D] with attributes [N, C, A] of photos with one person."""
        read = torch.split(self.classes(pooled).view(len(pooled), NUM_CLASSES, -1), list(self.sizes), dim=2)
        true = torch.split(truth, list(self.sizes), dim=2)
        present, patterned = true[0][..., 0] > 0, (true[0][..., 0] > 0) & (true[5][..., PLAIN] == 0)
        total = F.binary_cross_entropy_with_logits(read[0], true[0])
        for guess, target, where in zip(read[1:5], true[1:5], (present, present, present, patterned), strict=True):
            total = total + F.smooth_l1_loss(guess[where], target[where], beta=0.1)
        varied = present & torch.tensor([part in PATTERN_ODDS for part in range(NUM_CLASSES)])
        for guess, target, where in zip(read[5:], true[5:], (varied, patterned), strict=True):
            total = total + F.cross_entropy(guess[where], target[where])
        return total


def attributes(dataset: Paperdolls, count: int, labels: Tensor) -> Tensor:
    """The looks of the first `count` items as `AttributeHead` is to read them, [N, C, A]."""
    rows = []
    for index in range(count):
        seeds = appearance_seeds(dataset.seed(index))
        present = torch.bincount(labels[index].flatten().long(), minlength=NUM_CLASSES) > 0
        for part in range(NUM_CLASSES):
            look = appearance(part, int(seeds[part + 1]))
            pattern, angle = [0.0] * len(PATTERNS), [0.0] * 3
            pattern[look.pattern], angle[look.angle] = 1.0, 1.0
            shading, period = 5 * look.shading, 10 * (look.period - 0.1)  # both to about 0..1
            rows.append([float(present[part]), *look.colour, *look.second, shading, period, *pattern, *angle])
    return torch.tensor(rows).view(count, NUM_CLASSES, -1)


def train_features(seed: int, steps: int, items: int, folder: Path = WEIGHTS) -> dict[str, object]:
    """Train the feature network, write its encoder with a record to `folder`, and return the record."""
    run = Run(command="bench train-features", seed=seed, steps=steps, items=items)
    rng = torch.Generator().manual_seed(seed)
    data, pairs = training_items(items)
    one, two = load_photos(data, min(items, len(data))), load_photos(pairs, len(pairs))
    truth, weights = attributes(data, len(one.labels), one.labels), class_weights(one.labels)
    network = seeded(seed, PaperdollsFeatures)
    decoder = seeded(seed + 1, lambda: Decoder(network.widths, NUM_CLASSES))
    head = seeded(seed + 2, lambda: AttributeHead(sum(network.widths[-2:])))

    def loss() -> Tensor:
        single = not damage.some(0.25, 1, rng).item()
        photos = one if single else two
        index = torch.randint(len(photos.labels), (BATCH,), generator=rng)
        images, labels = photos.batch(index)
        images, strengths = degrade(images, rng)
        stages = network.stages(images)
        pooled = torch.cat([stage.mean((2, 3)) for stage in stages[-2:]], dim=1)  # what FID-pd compares
        total = 2 * F.cross_entropy(decoder(stages), labels, weights)
        total = total + F.smooth_l1_loss(head.damage(pooled), strengths, beta=0.1)
        return total + ATTRIBUTES * head.loss(pooled, truth[index]) if single else total

    fit(nn.ModuleList([network, decoder, head]), loss, steps, "Training the features")
    set_fid_scale(network, one)

    def segment(images: Tensor) -> Tensor:
        labels: Tensor = decoder(network.stages(images)).argmax(1)
        return labels

    return write(network, folder / "features", run, scores_on_held_out(segment))


@torch.no_grad()
def set_fid_scale(network: PaperdollsFeatures, photos: Photos, count: int = 2000) -> None:
    """Store the standard deviation of every pooled feature over the first `count` photos."""
    index = torch.arange(min(count, len(photos.labels)))
    pooled = torch.cat([network.pooled(photos.batch(part)[0]) for part in torch.split(index, 100)]).double()
    deviation = pooled.std(0)
    network.fid_scale.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))  # dead = constant
