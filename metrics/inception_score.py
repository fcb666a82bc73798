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

from metrics._features import inception_weights
from metrics._inception import Inception
from metrics._intervals import bootstrap
from metrics._resize import WAYS
from metrics.base import Column, Metric, MetricSpec, Samples, Setting, View
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
        logits = self.network.logits(samples.once(self.network)).detach().cpu().double()
        logs = samples.per_layout(logits.log_softmax(1)).movedim(1, 0)  # [R, N, C]
        split = self.split[samples.index.cpu()]
        self.sums["count"].index_add_(0, split, torch.ones(len(split), dtype=torch.float64))
        self.sums["certainty"].index_add_(1, split, (logs.exp() * logs).sum(2))
        self.sums["probability"].index_add_(1, split, logs.exp())

    def compute(self) -> dict[str, list[float]]:
        """Average the parts' scores of every run."""
        return {"is": self._scores().mean(1).tolist()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Resample the parts, where there are several."""
        scores = self._scores().mean(0)
        return {"is": bootstrap(scores)} if len(scores) > 1 else {}

    def _scores(self) -> Tensor:
        """Score every part of every run, [R, S]."""
        count = self.sums["count"]
        if not count.all():
            raise ValueError(
                f"IS needs an image in each of {len(count)} parts and has {int(count.sum())}; "
                "set inception_score.splits lower."
            )
        mean = self.sums["probability"] / count[:, None]  # [R, S, C]
        scores: Tensor = (self.sums["certainty"] / count - torch.special.xlogy(mean, mean).sum(2)).exp()
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
    name = _network_name(protocol)
    return (WAYS["torchvision"].weights,) if name == "torchvision" else inception_weights(protocol)


def _build(setting: Setting) -> InceptionScore:
    network = cast(Inception, setting.extractor(_network_name(setting.protocol)))
    choices = setting.protocol.inception_score
    return InceptionScore(network, setting.protocol.repeats, choices.splits, setting.num_layouts)


INCEPTION_SCORE = MetricSpec("is", 1, (Column("is", "IS", "higher", 3),), _build, needs=_weights)
