"""Inception Score (Salimans et al., NeurIPS 2016): how sure a classifier is of every image, and how unlike they are.

exp of the mean divergence of an image's class probabilities from those of all images, per part of the images. With
`inception_score.network=fid` these are the 1008 classes of FID's network (torch-fidelity's score where fid.mode is
legacy_tensorflow, as it resizes like that); `torchvision` is the score of SC-GAN's Table 7.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from metrics.base import Metric, MetricSpec, Samples, Setting, View
from metrics.columns import columns
from metrics.networks.inception import Inception, inception, torchvision_inception
from metrics.parts.intervals import bootstrap
from metrics.protocol import Protocol

SEED = 2020  # torch-fidelity's


class InceptionScore(Metric):
    """Sum up probabilities and their entropies by part, which is all the score needs."""

    def __init__(self, network: Inception, runs: int, splits: int, layouts: int) -> None:
        super().__init__(View("image", runs))
        self.network = network
        self.split = split_of(layouts, splits)
        self.add_sum("count", splits)
        self.add_sum("certainty", runs, splits)  # of p log p
        self.add_sum("probability", runs, splits, network.classes)

    def update(self, samples: Samples) -> None:
        """Add every run's images to their parts."""
        logits = samples.per_layout(self.network.logits(samples.once(self.network))).detach().cpu()  # [N, R, C]
        sums = part_sums(logits.movedim(1, 0), self.split[samples.index.cpu()], len(self.sums["count"]))
        for name, value in zip(self.sums, sums, strict=True):
            self.sums[name] += value

    def compute(self) -> dict[str, list[float]]:
        """Average the parts' scores of every run."""
        return {"is": part_scores(*self.sums.values()).mean(1).tolist()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Resample the parts, where there are several."""
        scores = part_scores(*self.sums.values()).mean(0)
        return {"is": bootstrap(scores)} if len(scores) > 1 else {}


def part_sums(logits: Tensor, split: Tensor, splits: int) -> tuple[Tensor, Tensor, Tensor]:
    """Count the images of every part [S], and sum p log p [R, S] and p [R, S, C], for logits [R, N, C]."""
    logs = logits.double().log_softmax(2)
    probability = logs.exp()
    runs, _, classes = logits.shape
    count = torch.bincount(split, minlength=splits).double()
    certainty = torch.zeros(runs, splits, dtype=torch.float64).index_add_(1, split, (probability * logs).sum(2))
    total = torch.zeros(runs, splits, classes, dtype=torch.float64).index_add_(1, split, probability)
    return count, certainty, total


def part_scores(count: Tensor, certainty: Tensor, probability: Tensor) -> Tensor:
    """Score every part of every run by those sums, [R, S]."""
    if not count.all():
        raise ValueError(
            f"IS needs an image in each of {len(count)} parts and has {int(count.sum())}; "
            "set inception_score.splits lower."
        )
    mean = probability / count[:, None]  # [R, S, C]
    scores: Tensor = (certainty / count - torch.special.xlogy(mean, mean).sum(2)).exp()
    return scores


def split_of(images: int, splits: int) -> Tensor:
    """Assign images to parts as torch-fidelity does: shuffled, then cut evenly; [images] int64."""
    order = np.random.RandomState(SEED).permutation(images)
    split = torch.empty(images, dtype=torch.int64)
    for part in range(splits):
        split[order[part * images // splits : (part + 1) * images // splits]] = part
    return split


def _network_name(protocol: Protocol) -> str:
    return "torchvision" if protocol.inception_score.network == "torchvision" else "inception"


def _weights(protocol: Protocol) -> tuple[str, ...]:
    network = torchvision_inception if _network_name(protocol) == "torchvision" else inception
    return network(protocol).weights


def _build(setting: Setting) -> InceptionScore:
    network = cast(Inception, setting.extractor(_network_name(setting.protocol)))
    choices = setting.protocol.inception_score
    return InceptionScore(network, setting.protocol.repeats, choices.splits, setting.num_layouts)


INCEPTION_SCORE = MetricSpec("is", 1, columns("is"), _build, needs=_weights)
