"""Time LPIPS and the diversity of a re-styled region over all pairs against the lpips package, pair by pair.

`OMP_NUM_THREADS=1 python tests/benchmarks/perceptual.py --json results/performance/perceptual-cpu.json`

Both have AlexNet with the same weights, made from names, keep images in memory, and give the same numbers (checked).
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _peers import Clock, alexnet, lpips_module
from torch import Tensor, nn

from bench.results.provenance import collect
from bench.synthesis.devices import choose_device
from metrics.base import Samples
from metrics.protocol import PROTOCOLS, derive
from metrics.region_diversity import MCSD


def package(module: nn.Module, images: Tensor) -> list[float]:
    """Compare all pairs with the lpips package."""
    return [float(module(a[None], b[None])) for a, b in itertools.combinations(images, 2)]


def lpips(clock: Clock, images: Tensor) -> None:
    """Compare all pairs of images in both ways."""
    module, network = lpips_module().to(images.device), alexnet().to(images.device, memory_format=torch.channels_last)

    def suite() -> list[float]:
        embedded = network.embed(images)
        return [float((a - b).square().sum()) for a, b in itertools.combinations(embedded, 2)]

    compare(clock, lambda: package(module, images), suite)


def mcsd(clock: Clock, images: Tensor) -> None:
    """Compare all pairs of images inside and outside of a region in both ways."""
    module, network = lpips_module().to(images.device), alexnet().to(images.device, memory_format=torch.channels_last)
    labels = torch.zeros(1, *images.shape[2:], dtype=torch.int64, device=images.device)
    labels[:, : images.shape[2] // 3] = 1
    region, one = labels == 1, torch.ones(1, dtype=torch.int64, device=images.device)

    class Setting:
        protocol = derive(PROTOCOLS["inade2021"], [f"region.images={len(images)}", "region.pairs=all"])
        num_classes, num_layouts, ignored_classes = 2, 1, ()

        def extractor(self, name: str) -> Any:
            return network

    def suite() -> list[float]:
        metric = MCSD.build(Setting())
        metric.update(Samples(images[None], images[:1], labels, labels, one - 1, region, one))
        return [values[0] for values in metric.compute().values()]

    def pair_by_pair() -> list[float]:
        sides = (torch.where(mask[:, None], images, 0.0) for mask in (region, ~region))
        return [float(np.mean(package(module, side))) for side in sides]

    compare(clock, pair_by_pair, suite)


def compare(clock: Clock, theirs: Callable[[], list[float]], ours: Callable[[], list[float]]) -> None:
    """Time both and refuse different numbers."""
    expected, found = clock.time("package", theirs), clock.time("suite", ours)
    if not np.allclose(found, expected, atol=1e-6):
        raise SystemExit(f"The two ways differ: {found[:3]} ... is not {expected[:3]} ...")


def main() -> None:
    """Measure in turns, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="turns; the first one is a warm-up and does not count")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    device, start, began = choose_device(words.device), datetime.now(timezone.utc), time.perf_counter()
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (20, 3, words.size, words.size), generator=rng).to(device) / 127.5 - 1
    rows = {}
    with torch.inference_mode():
        for name, run, count in (("LPIPS, all pairs", lpips, 10), ("mCSD and mOCD, all pairs", mcsd, 20)):
            turns = []
            for _ in range(words.repeats + 1):
                clock = Clock(device)
                run(clock, images[:count])
                turns.append(clock.seconds)
            seconds = {side: statistics.median(turn[side] for turn in turns[1:]) for side in ("package", "suite")}
            rows[name] = {"images": count, **seconds, "ratio": seconds["package"] / seconds["suite"]}
    provenance = asdict(collect(str(device), start, time.perf_counter() - began, 20))
    result = json.dumps({"rows": rows, "provenance": provenance}, indent=1)
    print(result)
    if words.json:
        words.json.write_text(result + "\n")


if __name__ == "__main__":
    main()
