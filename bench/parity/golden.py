"""A golden on disk, and how far a recomputed value is from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.catalog import UserError
from bench.parity.fill import fill_network


@dataclass(frozen=True)
class Comparison:
    """One value of a golden against ours."""

    name: str
    error: float  # largest absolute difference, divided by `scale`
    tolerance: float

    @property
    def is_equal(self) -> bool:
        """Whether the error is within tolerance; NaN is not."""
        return self.error <= self.tolerance


def compare(
    name: str, ours: object, golden: object, *, tolerance: float = 1e-4, relative: bool = True
) -> Comparison:
    """Measure the largest difference, relative to the golden's largest magnitude or (tanh outputs) absolute."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(golden, dtype=np.float64)
    if a.shape != b.shape:
        return Comparison(f"{name}: shape {a.shape}, golden {b.shape}", float("inf"), tolerance)
    scale = max(float(np.abs(b).max()), 1e-30) if relative else 1.0
    return Comparison(name, float(np.abs(a - b).max()) / scale, tolerance)


@dataclass(frozen=True)
class Golden:
    """One json and its arrays."""

    path: Path
    meta: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, path: Path) -> Golden:
        """Read `path` (.json) and the .npz beside it; no pickles."""
        try:
            meta = json.loads(path.read_text())
            beside = path.with_suffix(".npz")
            arrays: dict[str, np.ndarray] = {}
            if beside.exists():
                with np.load(beside, allow_pickle=False) as stored:
                    arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read as a golden ({error}); see CONTRIBUTING.md, 'Goldens'.") from error
        if not isinstance(meta, dict):
            raise UserError(f"{path}: a golden's json is an object; see CONTRIBUTING.md, 'Goldens'.")
        return cls(path, meta, arrays)

    @property
    def config(self) -> Mapping[str, Any]:
        """Constructor-level numbers of the authors' network."""
        config: Mapping[str, Any] = self.meta["config"]
        return config

    @property
    def network(self) -> str:
        """Which network it is of; "training step" in whatever spelling is "training_step"."""
        return str(self.meta.get("network", "")).replace(" ", "_")

    def tensor(self, name: str) -> Tensor:
        """An input array; integers come as int64."""
        array = self.arrays[name]
        return torch.from_numpy(array.astype(np.int64) if array.dtype.kind in "iu" else array)

    def batch(self, name: str, ndim: int) -> Tensor:
        """An input array with a batch axis in front if it was stored without one."""
        value = self.tensor(name)
        return value if value.ndim == ndim else value[None]

    def fill(self, network: nn.Module, name: str | None = None, prefix: str = "") -> list[Comparison]:
        """Give a network its named weights and compare keys, shapes and trainable parameters with the golden's.

        `name` is the network's key in the mappings of a golden with several networks.
        """

        def of(field: str, default: object) -> Any:  # noqa: ANN401 - JSON
            value = self.meta.get(field, default)
            return value.get(name, default) if isinstance(value, dict) and name is not None else value

        fill_network(network, of("salt", ""), of("gain", 1.0), [tuple(rule) for rule in of("gain_rules", [])], prefix)
        expected = of("state_dict", {})
        ours = {key: list(value.shape) for key, value in network.state_dict().items()}
        wrong = sorted(key for key in {*ours, *expected} if ours.get(key) != expected.get(key))
        label = f"{name} " if name else ""
        results = [Comparison(f"{label}keys and shapes" + (f" ({wrong[0]} ...)" if wrong else ""), len(wrong), 0.0)]
        count = of("param_count", None)
        if count is not None:
            trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
            results.append(Comparison(f"{label}parameters", abs(trainable - count), 0.0))
        return results

    def statistics(self, name: str, full: Tensor, *, correction: int = 0) -> list[Comparison]:
        """Compare mean and standard deviation of a full output, where the golden has them."""
        results = []
        for suffix, value in (("mean", full.mean()), ("std", full.std(correction=correction))):
            key = f"{name}_{suffix}"
            if key in self.arrays:
                results.append(compare(key, float(value), self.arrays[key], relative=False))
        return results
