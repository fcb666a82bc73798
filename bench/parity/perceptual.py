"""Goldens of LPIPS, and of mCSD and mOCD, which are computed from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.weights.known import default_root, find
from bench.weights.tensors import read_weights
from metrics.base import Samples
from metrics.networks.alexnet import AlexNet
from metrics.networks.perceptual import distance_map, squared_distance
from metrics.protocol import PROTOCOLS, Protocol, RegionMask, derive
from metrics.region_diversity import MCSD, RegionDiversity

_ABSOLUTE = 1e-5
_PIXELS = 2**24


def _alexnet(golden: Golden) -> tuple[AlexNet, list[Comparison]]:
    """The trunk with named weights behind the shipped linear layers."""
    linear = read_weights(find("lpips_alex", default_root()))
    network = AlexNet(linear).eval().requires_grad_(False)
    golden.fill(network)
    return network, golden.check(network) if golden.meta.get("state_dict") else []


def distances(golden: Golden) -> list[Comparison]:
    """Distances and distance maps of pairs, whole and masked."""
    network, results = _alexnet(golden)
    pairs = [name.removeprefix("lpips") for name in golden.names("outputs") if name.startswith("lpips")]
    for pair in pairs:
        a, b = _image(golden, f"a{pair}"), _image(golden, f"b{pair}")
        mask = golden.tensor(f"mask{pair}", *a.shape[2:]) > 0
        found = _distances(network, a, b, mask)
        results += [
            compare(name + pair, value, golden.array(name + pair), tolerance=_ABSOLUTE, relative=False)
            for name, value in found.items()
            if name + pair in golden.arrays
        ]
    return results


def _distances(network: AlexNet, a: Tensor, b: Tensor, mask: Tensor) -> dict[str, Tensor]:
    def distance(x: Tensor, y: Tensor) -> Tensor:
        return squared_distance(network.embed(x), network.embed(y))[0]

    def within(region: Tensor, fill: float) -> Tensor:
        return distance(torch.where(region, a, fill), torch.where(region, b, fill))

    taps = network.taps(a), network.taps(b)
    full = distance_map(*taps, a.shape[-2:])[0]
    return {
        "lpips": distance(a, b),
        "layers": torch.stack([(x - y).square().sum(1).mean() for x, y in zip(*taps, strict=True)]),
        "spatial": full[::4, ::4],
        "spatial_mean": full.mean(),
        "map_in_mask_sum_over_hw": (full * mask).sum() / mask.numel(),
        "map_in_mask_mean": full[mask].mean(),
        "masked_in": within(mask, 0.0),
        "masked_out": within(~mask, 0.0),
        "masked_in_black": within(mask, -1.0),
    }


def _image(golden: Golden, name: str) -> Tensor:
    array = golden.array(name)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size > _PIXELS:
        raise GoldenError(f"array '{name}' is {array.dtype} {list(array.shape)}, expected uint8 [H, W, 3]")
    return torch.from_numpy(array).movedim(-1, 0)[None] / 127.5 - 1


@dataclass
class _Setting:
    """The setting that region diversity is built from."""

    network: nn.Module
    protocol: Protocol
    num_classes: int
    num_layouts: int
    ignored_classes: tuple[int, ...] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def extractor(self, name: str) -> nn.Module:
        return self.network


def regions(golden: Golden) -> list[Comparison]:
    """Distances inside and outside of every class of every label map, and their means in three orders."""
    network, results = _alexnet(golden)
    samples = _regions_of(golden)
    for mask in get_args(RegionMask):
        inside, outside = _per_region(network, samples, golden, mask)
        for side, values in (("L", inside), ("O", outside)):
            name = f"out_{side}_{mask}"
            if name in golden.arrays:
                results.append(compare(name, values, golden.array(name), tolerance=_ABSOLUTE, relative=False))
    for name, value in golden.mapping("results").items():
        results.append(compare(name, _mean(network, samples, golden, name), value, tolerance=_ABSOLUTE, relative=False))
    return results


def _regions_of(golden: Golden) -> Samples:
    labels = golden.ids("label")
    array = golden.array("images")  # [N, C, K, H, W, 3]
    wanted = (len(labels), *labels.shape[1:], 3)
    if array.ndim != 6 or (len(array), *array.shape[3:]) != wanted or array.size > _PIXELS:
        raise GoldenError(f"array 'images' has shape {list(array.shape)}, expected [N, C, K, H, W, 3]")
    classes = array.shape[1]
    images = torch.from_numpy(array).movedim(-1, 3).flatten(0, 1) / 127.5 - 1
    labels = labels.repeat_interleave(classes, 0)
    region_id = torch.arange(classes).repeat(wanted[0])
    index = torch.arange(wanted[0]).repeat_interleave(classes)
    return Samples(images, images[:, 0], labels, labels, index, labels == region_id[:, None, None], region_id)


def _metric(network: AlexNet, samples: Samples, golden: Golden, mask: str, rules: list[str]) -> RegionDiversity:
    assert samples.region_id is not None
    pairs = golden.config.word("pairs", "consecutive")
    choices = [f"region.images={samples.fake.shape[1]}", f"region.pairs={pairs}", f"region.mask={mask}", *rules]
    classes = int(samples.region_id.max()) + 1
    setting = _Setting(network, derive(PROTOCOLS["mini"], choices), classes, int(samples.index.max()) + 1)
    metric = MCSD.build(setting)  # type: ignore[arg-type]
    assert isinstance(metric, RegionDiversity)
    metric.update(samples)
    return metric


def _per_region(network: AlexNet, samples: Samples, golden: Golden, mask: str) -> tuple[Tensor, Tensor]:
    """Feed every region as its own group, so that the metric's sums are the distances of regions, [N, C] each."""
    alone = Samples(
        samples.fake, samples.real, samples.labels, samples.instances,
        torch.arange(len(samples.fake)), samples.region, samples.region_id,
    )  # fmt: skip
    metric = _metric(network, alone, golden, mask, ["region.absent=count", "region.average=per_image"])
    layouts = int(samples.index.max()) + 1
    return metric.sums["inside"].view(layouts, -1), metric.sums["outside"].view(layouts, -1)


_ORDERS = {
    "absent_counts": ["region.absent=count"],
    "skip_per_class": ["region.average=per_class"],
    "skip_per_image": ["region.average=per_image"],
}


def _mean(network: AlexNet, samples: Samples, golden: Golden, name: str) -> float:
    column, mask, order = name.split("/")
    return _metric(network, samples, golden, mask, _ORDERS[order]).compute()[column.lower()][0]
