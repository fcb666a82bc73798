"""Files with mean and covariance of features: the npz of pytorch-fid and clean-fid, INADE's pair of npy."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.common.errors import UserError
from bench.common.files import whole_file
from metrics.parts.moments import Gaussian

# What numpy raises for files that are missing, cut off, damaged or of another kind.
UNREADABLE = (
    OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, RuntimeError, zipfile.BadZipFile, zlib.error
)  # fmt: skip
PAIR = ("m.npy", "s.npy")  # INADE's names


def write_moments(path: Path, gaussian: Gaussian) -> None:
    """Write `mu` and `sigma` (and their `count`) to an npz, or a folder with INADE's pair."""
    if path.suffix == ".npz":
        arrays = {"mu": gaussian.mean.numpy(), "sigma": gaussian.covariance.numpy()}
        if gaussian.count is not None:
            arrays["count"] = np.array(gaussian.count)
        with whole_file(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        return
    for name, array in zip(PAIR, (gaussian.mean, gaussian.covariance), strict=True):
        with whole_file(path / name) as file:
            np.save(file, array.numpy())


def read_moments(path: Path) -> Gaussian:
    """Read a file of `write_moments` or of the other programs; only ours say the `count`."""
    try:
        mean, covariance, count = _arrays(path)
        return _checked(mean, covariance, count)
    except UNREADABLE as error:
        raise UserError(
            f"{path} holds no mean and covariance ({type(error).__name__}: {str(error)[:150]}); expected an npz with "
            f"`mu` and `sigma`, as pytorch-fid and clean-fid write, or a folder with INADE's {' and '.join(PAIR)}."
        ) from error


def _arrays(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic], int | None]:
    if path.is_dir():
        mean, covariance = (np.load(path / name, allow_pickle=False) for name in PAIR)
        return mean, covariance, None
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return arrays["mu"], arrays["sigma"], int(arrays["count"]) if "count" in arrays.files else None


def _checked(mu: NDArray[np.generic], sigma: NDArray[np.generic], count: int | None) -> Gaussian:
    if mu.ndim != 1 or not len(mu) or sigma.shape != (len(mu), len(mu)):
        raise ValueError(f"shapes {mu.shape} and {sigma.shape}, expected [D] and [D, D]")
    mean, covariance = (torch.from_numpy(array.astype(np.float64)) for array in (mu, sigma))
    if not (mean.isfinite().all() and covariance.isfinite().all()):
        raise ValueError("numbers that are not finite")
    slack = 1e-5 * covariance.abs().max()  # the files may be in float32
    if (covariance - covariance.T).abs().max() > slack or covariance.diagonal().min() < -slack:
        raise ValueError("the second is no covariance: not symmetric, or with negative variances")
    if count is not None and count < 2:
        raise ValueError(f"a count of {count}")
    return Gaussian(mean, covariance, count)
