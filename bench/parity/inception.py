"""Goldens of the networks of FID: every mode, three inner means, and logits, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from metrics.networks.inception import FIDInception, Inception, TorchvisionInception
from metrics.protocol import FidMode

_TOLERANCE = 2e-5


def fid(golden: Golden) -> list[Comparison]:
    """FID's network: the modes with its weights, the maps before three of its blocks, and the logits of IS."""
    network, results = golden.filled(FIDInception)
    ways: Mapping[FidMode, tuple[str, str]] = {
        "pytorch_fid": ("pytorch_fid", "pt"),
        "clean": ("clean", "clean"),
        "legacy_tensorflow": ("tf1", "tf1"),
    }
    for mode, (name, short) in ways.items():
        taps = _taps(network, golden, mode)
        found = {f"pool3_{name}": taps["pool3"], f"resized_{short}": _stored(taps["resized"], mode)}
        if mode == "pytorch_fid":
            found |= {tap: taps[tap] for tap in ("d64", "d192", "d768")}
            found |= {"pool3_legacy_pytorch": _taps(network, golden, "legacy_pytorch")["pool3"]}
        if mode == "legacy_tensorflow":
            found["logits_unbiased_tf1"] = network.logits(taps["pool3"])
        results += _compared(golden, found)
    return results


def torchvision(golden: Golden) -> list[Comparison]:
    """torchvision's network as pytorch-fid had it before 2019-05-27, and before 2019-02-16."""
    network, results = golden.filled(TorchvisionInception)
    ways: Mapping[FidMode, str] = {
        "torchvision": "pool3_legacy_pm1",
        "torchvision_imagenet": "pool3_legacy_imagenet_affine",
    }
    for mode, name in ways.items():
        results += _compared(golden, {name: _taps(network, golden, mode)["pool3"]})
    return results


def _compared(golden: Golden, found: Mapping[str, Tensor]) -> list[Comparison]:
    results = []
    for name, value in found.items():
        stored = "pool3_pytorch_fid" if name == "pool3_legacy_pytorch" else name  # both are equal
        if stored in golden.arrays:
            results.append(compare(name, value, golden.array(stored), tolerance=_TOLERANCE))
        statistics = {f"out_mean_{name}": value.mean(), f"out_std_{name}": value.std(correction=0)}
        results += [
            compare(key, float(number), golden.array(key), tolerance=_TOLERANCE)
            for key, number in statistics.items()
            if key in golden.arrays
        ]
    return results


def _taps(network: Inception, golden: Golden, mode: FidMode) -> dict[str, Tensor]:
    """Run the folded network and keep its resized input, three inner means and its output."""
    network.fold()
    network.mode = mode
    taps: dict[str, list[Tensor]] = {}
    places = {
        "resized": network.Conv2d_1a_3x3,
        "d64": network.Conv2d_3b_1x1,
        "d192": network.Mixed_5b,
        "d768": network.Mixed_7a,
    }
    hooks = [module.register_forward_pre_hook(_keep(taps, name)) for name, module in places.items()]
    taps["pool3"] = [network(_image(golden.array(name))) for name in golden.names("inputs")]
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(values) for name, values in taps.items()}


def _keep(taps: dict[str, list[Tensor]], name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        taps.setdefault(name, []).append(inputs[0].mean((2, 3)) if name.startswith("d") else inputs[0])

    return hook


def _image(array: np.ndarray) -> Tensor:
    """An 8-bit image [H, W, 3] as [1, 3, H, W] in [-1, 1]."""
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size > 3 * 2**22:
        raise GoldenError(f"an image is {array.dtype} {list(array.shape)}, expected uint8 [H, W, 3]")
    return torch.from_numpy(array).movedim(-1, 0)[None] / 127.5 - 1


def _stored(resized: Tensor, mode: FidMode) -> Tensor:
    """Every 23rd pixel before the values are centred: from 0 to 1 for pytorch-fid, else from 0 to 255."""
    values = (resized + 1) / 2 if mode == "pytorch_fid" else resized * 128 + 128
    return values[:, :, ::23, ::23]
