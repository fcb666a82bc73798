"""The features of the golden fid_kid_is_public."""

import numpy as np
import torch


def golden_features(rule, size):
    """The json's feature_rule."""
    rng = np.random.Generator(np.random.PCG64(rule["seed"]))
    j = np.arange(size)
    x = rng.standard_normal((rule["N"], size)) * ((0.6 * np.exp(-j / (size / 8)) + 1e-3) * rule["scale"])
    x = x + 0.5 * np.roll(x, 1, axis=1) + 0.25 * np.roll(x, 7, axis=1)
    return torch.from_numpy((np.abs(x + 0.3) + rule["shift"] * np.cos(j)).astype(np.float32))
