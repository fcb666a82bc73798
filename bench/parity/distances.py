"""Goldens of FID, KID and IS, computed from features that rules in the json describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden, read_arrays
from bench.parity.options import Config, GoldenError, Json
from metrics.fid import frechet_distance
from metrics.inception_score import part_scores, part_sums, split_of
from metrics.kid import draw_subsets, kernel_distance, within
from metrics.parts.moments import Moments

Sets = Mapping[str, tuple[Tensor, Tensor]]
_EXACT = 1e-9  # of an exact value
_PEER = 3e-6  # of packages that take the square root of a product in which zeros became rounding noise
_FLOAT32 = 2e-6  # absolute, of products in float32
_LARGEST = 2**24  # numbers in a set of features


def feature_distances(golden: Golden) -> list[Comparison]:
    """FID, KID and IS of three packages, and exact values."""
    sets = {str(case["name"]): _pair(case) for case in _cases(golden, "fid")}
    logits = {str(case["name"]): _logits(case) for case in _cases(golden, "isc")}
    made = {f"{name}_{side}": rows for name, pair in sets.items() for side, rows in zip("XY", pair, strict=True)}
    results = [
        compare(name, (made | logits)[name], stored, tolerance=1e-6)
        for name, stored in _stored(golden).items()
        if name in made | logits
    ]
    results += [result for case in _cases(golden, "fid") for result in _fid(case, *sets[case["name"]])]
    results += [result for case in _cases(golden, "kid") for result in _kid(case, sets)]
    return results + [result for case in _cases(golden, "isc") for result in _score(case, logits[case["name"]])]


def _stored(golden: Golden) -> Mapping[str, NDArray[Any]]:
    """Read the arrays of a file that the json names, beside its own npz."""
    name = str(golden.meta.get("npz"))
    path = golden.path.parent / name
    if path.resolve().parent != golden.path.resolve().parent:
        raise GoldenError(f"npz {name!r:.40} is no file beside the json")
    return read_arrays(path)


def _cases(golden: Golden, name: str) -> list[dict[str, Json]]:
    cases = golden.meta.get(name)
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise GoldenError(f"the json's '{name}' is no list of cases")
    return cases


def _pair(case: Mapping[str, Json]) -> tuple[Tensor, Tensor]:
    size = Config(case).whole("D")
    fake, real = (_features(Config(case[side]), size) for side in "XY")
    return fake, real


def _features(rule: Config, size: int) -> Tensor:
    """Correlated features with a spectrum that falls, as the json's feature_rule says; [N, size] float32."""
    count, place = _bounded(rule.whole("N", at_most=10**5), size), np.arange(size)
    scale = (0.6 * np.exp(-place / (size / 8)) + 1e-3) * rule.real("scale")
    x = _random(rule).standard_normal((count, size)) * scale
    x = x + 0.5 * np.roll(x, 1, axis=1) + 0.25 * np.roll(x, 7, axis=1)
    return torch.from_numpy((np.abs(x + 0.3) + rule.real("shift") * np.cos(place)).astype(np.float32))


def _random(rule: Config) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(rule.whole("seed", at_most=2**31)))


def _bounded(count: int, size: int) -> int:
    if count * size > _LARGEST:
        raise GoldenError(f"{count} x {size} features, more than {_LARGEST}")
    return count


def _fid(case: Mapping[str, Json], fake: Tensor, real: Tensor) -> list[Comparison]:
    name, stated = case["name"], Config(case)
    results = [
        compare(f"{name} {key}", found, case["check"][key], tolerance=1e-6)
        for key, found in (("X_sum", float(fake.double().sum())), ("Y_sum", float(real.double().sum())))
    ]
    gaussians = Moments.of(fake).gaussian(), Moments.of(real).gaussian()
    distance, exact = frechet_distance(*gaussians), stated.real("exact_nuclear_norm")
    scale = exact or stated.real("trace_S1")  # the distance of equal sets is 0
    results.append(Comparison(f"{name} FID", abs(distance - exact) / scale, _EXACT))
    parts = {
        "trace_S1": gaussians[0].covariance.trace(),
        "trace_S2": gaussians[1].covariance.trace(),
        "mean_term": (gaussians[0].mean - gaussians[1].mean).square().sum(),
    }
    results += [
        compare(f"{name} {part}", float(value), case[part], tolerance=_EXACT)
        for part, value in parts.items()
        if part in case
    ]
    peers = [peer for peer in ("pytorch_fid", "clean_fid", "torch_fidelity", "torchmetrics") if peer in stated]
    return results + [
        Comparison(f"{name} FID of {peer}", abs(distance - stated.real(peer)) / scale, _PEER) for peer in peers
    ]


def _kid(case: Mapping[str, Json], sets: Sets) -> list[Comparison]:
    name, stated = case["features"], Config(case)
    if name not in sets:
        raise GoldenError(f"KID is of features {name!r:.40}, which no case of FID makes")
    fake, real = sets[name]
    count, size = stated.whole("subsets"), stated.whole("subset_size", at_most=min(len(fake), len(real)))
    drawn = draw_subsets(len(fake), len(real), count, size)
    found = kernel_distance(fake, real, drawn, within(real, drawn[1]))
    label = f"{name} KID {count} x {size}"
    values = {
        "torch_fidelity_mean": float(found.subsets.mean()),
        "torch_fidelity_std": float(found.subsets.std(correction=0)),
    }
    if "clean_fid_np_random_seed0" in case:
        drawn = _drawn_by_clean_fid(len(fake), len(real), count, size)
        subsets = kernel_distance(fake, real, drawn, within(real, drawn[1])).subsets
        values["clean_fid_np_random_seed0"] = float(subsets.mean())
    return [
        *(compare(f"{label} {k}", v, case[k], tolerance=_FLOAT32, relative=False) for k, v in values.items()),
        compare(f"{label} all", found.whole, case["full_unbiased_float64"], tolerance=_EXACT),
    ]


def _drawn_by_clean_fid(fakes: int, reals: int, subsets: int, size: int) -> tuple[Tensor, Tensor]:
    """Draw as clean-fid does: the second set first, from numpy's global stream, which the golden seeded with 0."""
    random = np.random.RandomState(0)
    members = torch.zeros(subsets, fakes, dtype=torch.float64), torch.zeros(subsets, reals, dtype=torch.float64)
    for subset in range(subsets):
        for side in reversed(members):
            side[subset, random.choice(side.shape[1], size, replace=False)] = 1
    return members


def _logits(case: Mapping[str, Json]) -> Tensor:
    rule = Config(case)
    classes = rule.whole("C")
    count, random = _bounded(rule.whole("N", at_most=10**5), classes), _random(rule)
    logits: NDArray[Any] = (random.standard_normal((count, classes)) * 2).astype(np.float32)
    logits[np.arange(count), random.integers(0, classes, count)] += 4
    return torch.from_numpy(logits)


def _score(case: Mapping[str, Json], logits: Tensor) -> list[Comparison]:
    name, splits = case["name"], Config(case).whole("splits")
    in_order = (torch.arange(1, len(logits) + 1) * splits - 1) // len(logits)  # part p ends at (p + 1) N // splits
    ways = {"shuffle_True": split_of(len(logits), splits), "shuffle_False": in_order}
    results = []
    for way in [way for way in ways if way in case]:
        scores, label = part_scores(*part_sums(logits[None], ways[way], splits))[0], f"{name} {way}"
        mean, deviation = float(scores.mean()), float(scores.std(correction=0))
        results += [
            compare(f"{label} mean", mean, case[way]["mean"], tolerance=_EXACT),
            compare(f"{label} std", deviation, case[way]["std"], tolerance=_EXACT, relative=False),
        ]
    return results
