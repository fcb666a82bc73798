"""Which pairs of images a diversity metric compares."""

from __future__ import annotations

import itertools
import random

from metrics.protocol import PairRule


def choose_pairs(rule: PairRule, images: int) -> list[tuple[int, int]]:
    """List pairs of different images; the random ones are the same in every run of the suite."""
    if images < 2:
        raise ValueError(f"Diversity compares pairs of images and the protocol draws {images}; set at least 2.")
    every = list(itertools.combinations(range(images), 2))
    if rule == "all":
        return every
    if rule == "consecutive":
        return [(first, first + 1) for first in range(images - 1)]
    if rule == "disjoint":
        return [(first, first + 1) for first in range(0, images - 1, 2)]
    if rule == "repeated10":
        return sorted(random.Random(0).choices(every, k=10))
    wanted = int(rule.removeprefix("random"))
    return sorted(random.Random(0).sample(every, min(wanted, len(every))))
