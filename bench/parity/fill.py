"""The named fill: weights that follow from the names of their keys, so that a golden stores none."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

GainRule = tuple[str, float, str]  # a regex on the key, a value, "fan" or "abs"; the last match wins


def raw_fill(key: str, shape: Sequence[int], salt: str = "") -> np.ndarray:
    """Standard normal numbers that depend on the name alone."""
    seed = int.from_bytes(hashlib.sha256((salt + key).encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(tuple(shape), dtype=np.float32)


def named_fill(
    key: str, shape: Sequence[int], salt: str = "", gain: float = 1.0, rules: Sequence[GainRule] = ()
) -> Tensor:
    """Fill one entry of a state dict; spectral vectors are `fill_network`'s business."""
    leaf = key.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return torch.zeros(tuple(shape), dtype=torch.int64)
    x = raw_fill(key, shape, salt)
    if leaf == "running_mean":
        x = 0.1 * x
    elif leaf == "running_var":
        x = 0.5 + np.abs(x)
    elif x.ndim <= 1:
        x = 1 + 0.1 * x if leaf == "weight" else 0.1 * x
    else:
        x = x * _scale(key, shape, gain, rules)
    return torch.from_numpy(np.asarray(x, dtype=np.float32))


def _scale(key: str, shape: Sequence[int], gain: float, rules: Sequence[GainRule]) -> float:
    fan = math.sqrt(math.prod(shape[1:]))
    for pattern, value, kind in reversed(rules):
        if re.search(pattern, key):
            return value / fan if kind == "fan" else value
    return gain / fan


def fill_network(
    network: nn.Module, salt: str = "", gain: float = 1.0, rules: Sequence[GainRule] = (), prefix: str = ""
) -> None:
    """Load the named fill into every entry of a network; spectral u and v come from one step on the fill of u.

    `prefix` is put before every key where a golden names the network inside a larger one.
    """
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    state = {
        key: named_fill(prefix + key, shape, salt, gain, rules)
        for key, shape in shapes.items()
        if not key.endswith(("weight_u", "weight_v"))
    }
    for key in [key for key in shapes if key.endswith("weight_u")]:
        stem = key.removesuffix("u")
        matrix = state[stem + "orig"].flatten(1).double()
        if len(matrix) != shapes[key][0]:  # transposed convolution: the outputs are dimension 1
            matrix = state[stem + "orig"].transpose(0, 1).flatten(1).double()
        u = torch.from_numpy(raw_fill(prefix + key, shapes[key], salt)).double()
        v = F.normalize(matrix.T @ F.normalize(u, dim=0), dim=0)
        state[stem + "v"] = v.float()
        state[key] = F.normalize(matrix @ v, dim=0).float()
    network.load_state_dict(state, strict=True)
