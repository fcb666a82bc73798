"""Time FID's solve against scipy's matrix square root and the eigenvalues of S1 S2, in the same run and on one core.

`OMP_NUM_THREADS=1 python tests/benchmarks/frechet.py --json frechet.json`; `--cases 500/500` is a quick look.

Features are synthetic: 2048 correlated numbers with a spectrum that falls, as Inception's. Ours starts from the sums
that a run keeps and ends with the number, against a reference that comes from its file, with its factor; `fresh` has no
factor yet. The two peers start from covariances. Errors are relative to the exact distance, from the singular values of
the centred features themselves, which no covariance has rounded. Seconds are CPU time, the least of the repeats.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray

from bench.results.provenance import collect
from metrics.fid import frechet_distance
from metrics.parts.moments import Gaussian, Moments

SIZE = 2048
CASES = ("500/2975", "500/500", "2000/20210", "5000/5000")  # generated / real images: Cityscapes, ADE20K, COCO-Stuff
Array = NDArray[np.float64]


def features(seed: int, count: int, shift: float, scale: float) -> Array:
    """Draw correlated, positive features, [count, 2048]."""
    place = np.arange(SIZE)
    x = np.random.default_rng(seed).standard_normal((count, SIZE)) * (0.6 * np.exp(-place / 256) + 1e-3) * scale
    x = x + 0.5 * np.roll(x, 1, axis=1) + 0.25 * np.roll(x, 7, axis=1)
    return np.abs(x + 0.3) + shift * np.cos(place)


def exact_distance(fake: Array, real: Array) -> float:
    """Compute the distance without a covariance: the last trace is the nuclear norm of A B^T, A and B centred."""
    roots = []
    for x in (fake, real):
        centred = (x - x.mean(0)) / np.sqrt(len(x) - 1)
        roots.append(centred if len(x) < SIZE else np.linalg.qr(centred, mode="r"))  # [N, D] or [D, D]
    traces = sum((root**2).sum() for root in roots)
    shift = ((fake.mean(0) - real.mean(0)) ** 2).sum()
    return float(shift + traces - 2 * np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())


def by_square_root(fake: Gaussian, real: Gaussian) -> float:
    """Follow pytorch-fid and clean-fid."""
    return _distance(fake, real, scipy.linalg.sqrtm(fake.covariance.numpy() @ real.covariance.numpy()).trace().real)


def by_eigenvalues(fake: Gaussian, real: Gaussian) -> float:
    """Follow torch-fidelity and torchmetrics."""
    eigenvalues = scipy.linalg.eigvals(fake.covariance.numpy() @ real.covariance.numpy())
    return _distance(fake, real, np.sqrt(eigenvalues.astype(complex)).real.sum())


def _distance(fake: Gaussian, real: Gaussian, cross: float) -> float:
    shift = (fake.mean - real.mean).square().sum()
    return float(shift + fake.covariance.trace() + real.covariance.trace() - 2 * cross)


def timed(solve: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Return the number and the least CPU seconds of some repeats."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        value = solve()
        seconds.append(time.process_time() - start)
    return value, min(seconds)


def measure(case: str, repeats: int) -> dict[str, object]:
    """Time one case every way."""
    generated, real_count = map(int, case.split("/"))
    fake, real = features(1, generated, 0.0, 1.0), features(2, real_count, 0.02, 1.1)
    exact = exact_distance(fake, real)
    sums, kept = (Moments.of(torch.from_numpy(x)) for x in (fake, real))
    reference, ours = kept.gaussian(), sums.gaussian()
    stored = Gaussian(reference.mean, reference.covariance, reference.count, reference.factor)

    def fresh() -> float:
        return frechet_distance(sums.gaussian(), Gaussian(reference.mean, reference.covariance, reference.count))

    ways = {
        "ours": timed(lambda: frechet_distance(sums.gaussian(), stored), repeats),
        "fresh": timed(fresh, repeats),
        "sqrtm": timed(lambda: by_square_root(ours, reference), 1),
        "eigvals": timed(lambda: by_eigenvalues(ours, reference), 1),
    }
    return {
        "case": case,
        "exact": exact,
        "seconds": {name: seconds for name, (_, seconds) in ways.items()},
        "errors": {name: abs(value - exact) / exact for name, (value, _) in ways.items()},
    }


def main() -> None:
    """Run the cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    start, clock = datetime.now(timezone.utc), time.perf_counter()
    rows = []
    print("generated/real  ours s  fresh s  sqrtm s  eigvals s  sqrtm/ours  eigvals/ours  error ours  sqrtm  eigvals")
    for case in chosen.cases.split(","):
        row = measure(case, chosen.repeats)
        rows.append(row)
        seconds, errors = row["seconds"], row["errors"]
        print(
            f"{case:14}  {seconds['ours']:6.3f}  {seconds['fresh']:7.3f}  {seconds['sqrtm']:7.2f}  "
            f"{seconds['eigvals']:9.2f}  {seconds['sqrtm'] / seconds['ours']:10.1f}  "
            f"{seconds['eigvals'] / seconds['ours']:12.1f}  {errors['ours']:10.1e}  "
            f"{errors['sqrtm']:.0e}  {errors['eigvals']:.0e}",
            flush=True,
        )
    if chosen.json is not None:
        provenance = collect("cpu", start, time.perf_counter() - clock, 1, "float64")
        record = {"provenance": dataclasses.asdict(provenance), "threads": torch.get_num_threads(), "rows": rows}
        chosen.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
