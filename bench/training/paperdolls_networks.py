"""What the trainings of the two small networks of the built-in data share: photos, a schedule, scores and a record."""

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

from bench.common.files import whole_file, write_text
from bench.common.places import SHIPPED_WEIGHTS
from bench.common.progress import progress_bar
from bench.datasets.paperdolls.dataset import (
    CLASS_NAMES,
    PAPERDOLLS2,
    Paperdolls,
    open_paperdolls,
    open_paperdolls2,
)
from bench.synthesis.images import from_bytes
from bench.training import damage

WEIGHTS = SHIPPED_WEIGHTS / "paperdolls"
BATCH = 32
PEAK_RATE = 4e-3
NUM_CLASSES = len(CLASS_NAMES)
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
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
        """Images [M, 3, H, W] in [-1, 1], channels last in memory, and labels [M, H, W] int64."""
        return from_bytes(self.images[index]).permute(0, 3, 1, 2), self.labels[index].long()


def load_photos(dataset: Paperdolls, count: int) -> Photos:
    """The first `count` items, drawn."""
    items = [dataset[index] for index in range(count)]
    images = np.stack([item.image for item in items])
    labels = np.stack([item.labels for item in items])
    return Photos(torch.from_numpy(images), torch.from_numpy(labels))


def training_items(items: int) -> tuple[Paperdolls, Paperdolls]:
    """The data that both networks learn from: single persons, and for every fourth batch pairs."""
    two = Paperdolls(PAPERDOLLS2, "train", length=max(BATCH, items // 4), persons=2)
    return open_paperdolls("train"), two


def held_out() -> tuple[Paperdolls, Paperdolls]:
    """The data that both networks are scored on."""
    return open_paperdolls("val"), open_paperdolls2("val")


def degrade(images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """The images, a fifth of them blurred and a fifth noisy, and the strengths of both [N, 2]."""
    count = len(images)
    sigmas = damage.between(0.3, 1.5, count, rng) * damage.some(0.2, count, rng)
    strengths = 0.01 * 15 ** damage.between(0, 1, count, rng) * damage.some(0.2, count, rng)  # 0.01 to 0.15
    blurred = sigmas > 0
    images = images.clone()
    if blurred.any():
        images[blurred] = damage.blur(images[blurred], sigmas[blurred])
    return damage.add_noise(images, strengths, rng), torch.stack([sigmas, 10 * strengths], dim=1)


def class_weights(labels: Tensor) -> Tensor:
    """One over the root of every class's frequency: small networks do not learn shoes and socks without it."""
    counts = torch.bincount(labels.flatten().long(), minlength=NUM_CLASSES).double()
    weights = (counts.sum() / counts.clamp(min=1)).sqrt()
    return (weights / weights.mean()).float()


def seeded(seed: int, build: Callable[[], N]) -> N:
    """A network with first weights that the seed decides; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().to(memory_format=torch.channels_last)


def fit(network: nn.Module, loss: Callable[[], Tensor], steps: int, title: str) -> None:
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


@torch.no_grad()
def score_segmentation(read: Callable[[Tensor], Tensor], dataset: Paperdolls) -> dict[str, object]:
    """Pixel accuracy, mean IoU and the IoU of every class on all items of a split."""
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


def scores_on_held_out(read: Callable[[Tensor], Tensor]) -> dict[str, object]:
    """The scores of a segmentation, which maps images to labels, by the name of the data."""
    return {data.name: score_segmentation(read, data) for data in held_out()}


def write(network: nn.Module, file: Path, run: Run, scores: Mapping[str, object]) -> dict[str, object]:
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
