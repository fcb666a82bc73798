"""Train the two small networks of the built-in data: the segmenter, and the features behind FID-pd and LPIPS-pd."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from bench.common.files import whole_file, write_text
from bench.common.places import SHIPPED_WEIGHTS
from bench.common.progress import progress_bar
from bench.datasets.paperdolls.appearance import PATTERN_ODDS, PATTERNS, PLAIN, appearance
from bench.datasets.paperdolls.dataset import (
    CLASS_NAMES,
    PAPERDOLLS2,
    Paperdolls,
    appearance_seeds,
    open_paperdolls,
    open_paperdolls2,
)
from bench.synthesis.images import from_bytes
from bench.training import damage
from metrics.networks.paperdolls import PaperdollsFeatures
from segmenters.unet import Decoder, PaperdollsSegmenter

WEIGHTS = SHIPPED_WEIGHTS / "paperdolls"
BATCH = 32
PEAK_RATE = 4e-3
ATTRIBUTES = 2.0  # weight of the looks against the segmentation, when features are trained
NUM_CLASSES = len(CLASS_NAMES)
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Run:
    """What a training is told; its record repeats it."""

    command: str
    seed: int
    steps: int
    items: int
    start: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Photos:
    """Drawn items in memory."""

    images: Tensor  # [N, H, W, 3] uint8
    labels: Tensor  # [N, H, W] uint8

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Take images [M, 3, H, W] in [-1, 1], channels last in memory, and labels [M, H, W] int64."""
        return from_bytes(self.images[index]).permute(0, 3, 1, 2), self.labels[index].long()


def load_photos(dataset: Paperdolls, count: int) -> Photos:
    """Draw the first `count` items."""
    items = [dataset[index] for index in range(count)]
    images = np.stack([item.image for item in items])
    labels = np.stack([item.labels for item in items])
    return Photos(torch.from_numpy(images), torch.from_numpy(labels))


def training_items(items: int) -> tuple[Paperdolls, Paperdolls]:
    """Open what both networks learn from: one person, and for every fourth batch two."""
    two = Paperdolls(PAPERDOLLS2, "train", length=max(BATCH, items // 4), persons=2)
    return open_paperdolls("train"), two


# The segmenter


def train_segmenter(seed: int, steps: int, items: int, folder: Path = WEIGHTS) -> dict[str, object]:
    """Train the segmenter, write it with its record to `folder`, and return the record."""
    run = Run("bench train-segmenter --dataset paperdolls", seed, steps, items)
    rng = torch.Generator().manual_seed(seed)
    one, two = (load_photos(data, min(items, len(data))) for data in training_items(items))
    network = _seeded(seed, PaperdollsSegmenter)
    weights = class_weights(one.labels)

    def loss() -> Tensor:
        photos = two if damage.some(0.25, 1, rng).item() else one
        images, labels = photos.batch(torch.randint(len(photos.labels), (BATCH,), generator=rng))
        images, labels = _augment(images, labels, rng)
        return F.cross_entropy(network.logits(images), labels, weights)

    _fit(network, loss, steps, "Training the segmenter")
    scores = {
        data.name: score_segmentation(lambda images: network.logits(images).argmax(1), data) for data in _held_out()
    }
    return _write(network, folder / "segmenter", run, scores)


def _augment(images: Tensor, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    count = len(images)
    flip = damage.some(0.5, count, rng)
    images = torch.where(flip[:, None, None, None], images.flip(3), images)
    labels = torch.where(flip[:, None, None], labels.flip(2), labels)
    images = damage.turn_hue(images, damage.between(-25, 25, count, rng) * damage.some(0.3, count, rng))
    chosen = damage.some(0.3, count, rng)
    factors = 1 + damage.between(-0.4, 0.2, count, rng) * chosen
    images = damage.change_contrast(images, factors, damage.between(-0.2, 0.2, count, rng) * chosen)
    images, _ = _degrade(images, rng)
    return images, labels


def _degrade(images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Blur a fifth of the images and add noise to a fifth; the strengths come back as [N, 2]."""
    count = len(images)
    sigmas = damage.between(0.3, 1.5, count, rng) * damage.some(0.2, count, rng)
    strengths = 0.01 * 15 ** damage.between(0, 1, count, rng) * damage.some(0.2, count, rng)  # 0.01 to 0.15
    blurred = sigmas > 0
    images = images.clone()
    if blurred.any():
        images[blurred] = damage.blur(images[blurred], sigmas[blurred])
    return damage.add_noise(images, strengths, rng), torch.stack([sigmas, 10 * strengths], dim=1)


def class_weights(labels: Tensor) -> Tensor:
    """Weigh every class by one over the root of its frequency; small nets do not learn shoes and socks without it."""
    counts = torch.bincount(labels.flatten().long(), minlength=NUM_CLASSES).double()
    weights = (counts.sum() / counts.clamp(min=1)).sqrt()
    return (weights / weights.mean()).float()


@torch.no_grad()
def score_segmentation(read: Callable[[Tensor], Tensor], dataset: Paperdolls) -> dict[str, object]:
    """Measure pixel accuracy, mean IoU and the IoU of every class on all items of a split."""
    photos = load_photos(dataset, len(dataset))
    confusion = torch.zeros(NUM_CLASSES * NUM_CLASSES, dtype=torch.int64)
    for index in torch.split(torch.arange(len(dataset)), BATCH):
        images, labels = photos.batch(index)
        pairs = labels * NUM_CLASSES + read(images)
        confusion += torch.bincount(pairs.flatten(), minlength=NUM_CLASSES * NUM_CLASSES)
    table = confusion.view(NUM_CLASSES, NUM_CLASSES).double()
    hits = table.diagonal()
    ious = hits / (table.sum(0) + table.sum(1) - hits)
    per_class = {name: round(iou, 4) for name, iou in zip(CLASS_NAMES, ious.tolist(), strict=True)}
    accuracy = float(hits.sum() / table.sum())
    return {"accuracy": round(accuracy, 4), "miou": round(float(ious.nanmean()), 4), "iou": per_class}


# The features


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
    """Tabulate the looks of the first `count` items as `AttributeHead` is to read them, [N, C, A]."""
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
    run, rng = Run("bench train-features", seed, steps, items), torch.Generator().manual_seed(seed)
    data, pairs = training_items(items)
    one, two = load_photos(data, min(items, len(data))), load_photos(pairs, len(pairs))
    truth, weights = attributes(data, len(one.labels), one.labels), class_weights(one.labels)
    network = _seeded(seed, PaperdollsFeatures)
    decoder = _seeded(seed + 1, lambda: Decoder(network.widths, NUM_CLASSES))
    head = _seeded(seed + 2, lambda: AttributeHead(sum(network.widths[-2:])))

    def loss() -> Tensor:
        single = not damage.some(0.25, 1, rng).item()
        photos = one if single else two
        index = torch.randint(len(photos.labels), (BATCH,), generator=rng)
        images, labels = photos.batch(index)
        images, strengths = _degrade(images, rng)
        stages = network.stages(images)
        pooled = torch.cat([stage.mean((2, 3)) for stage in stages[-2:]], dim=1)  # what FID-pd compares
        total = 2 * F.cross_entropy(decoder(stages), labels, weights)
        total = total + F.smooth_l1_loss(head.damage(pooled), strengths, beta=0.1)
        return total + ATTRIBUTES * head.loss(pooled, truth[index]) if single else total

    _fit(nn.ModuleList([network, decoder, head]), loss, steps, "Training the features")
    set_fid_scale(network, one)

    def segment(images: Tensor) -> Tensor:
        labels: Tensor = decoder(network.stages(images)).argmax(1)
        return labels

    scores = {data.name: score_segmentation(segment, data) for data in _held_out()}
    return _write(network, folder / "features", run, scores)


@torch.no_grad()
def set_fid_scale(network: PaperdollsFeatures, photos: Photos, count: int = 2000) -> None:
    """Store the standard deviation of every pooled feature over the first `count` photos."""
    index = torch.arange(min(count, len(photos.labels)))
    pooled = torch.cat([network.pooled(photos.batch(part)[0]) for part in torch.split(index, 100)]).double()
    deviation = pooled.std(0)
    network.fid_scale.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))  # dead = constant


# What both share


def _held_out() -> tuple[Paperdolls, Paperdolls]:
    return open_paperdolls("val"), open_paperdolls2("val")


def _seeded(seed: int, build: Callable[[], N]) -> N:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().to(memory_format=torch.channels_last)


def _fit(network: nn.Module, loss: Callable[[], Tensor], steps: int, title: str) -> None:
    """Take AdamW steps on a one-cycle schedule, then switch to evaluation."""
    optimizer = torch.optim.AdamW(network.parameters(), PEAK_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps)
    network.train()
    with progress_bar() as progress:
        for _ in progress.track(range(steps), task_id=progress.add_task(title, total=steps, status="")):
            optimizer.zero_grad()
            torch.autograd.backward(loss())
            optimizer.step()
            schedule.step()
    network.eval()


def _write(network: nn.Module, file: Path, run: Run, scores: Mapping[str, object]) -> dict[str, object]:
    """Save the weights, and beside them what made them."""
    weights = save({name: value.contiguous() for name, value in network.state_dict().items()})
    with whole_file(file.with_suffix(".safetensors")) as output:
        output.write(weights)
    record = {
        "command": f"{run.command} --seed {run.seed} --steps {run.steps} --items {run.items}",
        "seed": run.seed,
        "steps": run.steps,
        "data": [
            {
                "dataset": data.name,
                "split": data.split,
                "items": min(run.items, len(data)),
                "fingerprint": data.fingerprint(),
            }
            for data in training_items(run.items)
        ],
        "scores": scores,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "torch": torch.__version__,
        "seconds": round(time.monotonic() - run.start),
    }
    write_text(file.with_suffix(".json"), json.dumps(record, indent=2) + "\n")
    return record
