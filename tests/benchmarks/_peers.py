"""Networks of the suite and of its peers with the same weights, made from names, and a clock for the benchmarks."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from bench.common.places import SHIPPED_WEIGHTS
from bench.parity.fill import fill_network
from bench.weights.known import default_root, find
from bench.weights.tensors import read_weights
from metrics.networks.alexnet import AlexNet
from metrics.networks.inception import FIDInception
from segmenters.unet import PaperdollsSegmenter


class Clock:
    """Add up seconds by part: of this process on a CPU, which others may use as well; else of the wall."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self.now = time.process_time if device.type == "cpu" else time.perf_counter

    def time(self, part: str, work: Callable[..., Any], *inputs: Any) -> Any:
        """Run `work` and add what it took."""
        start = self.now()
        result = work(*inputs)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds[part] = self.seconds.get(part, 0.0) + self.now() - start
        return result


def alexnet() -> AlexNet:
    """LPIPS's network with weights made from names."""
    network = AlexNet(read_weights(find("lpips_alex", default_root())))
    fill_network(network, "alexnet:", 1.0, [])
    return network.eval().requires_grad_(False)


def inception() -> FIDInception:
    """FID's network with weights made from names."""
    network = FIDInception()
    fill_network(network, "inception:", 1.45, [])
    return network.eval().requires_grad_(False)


def folded_inception() -> FIDInception:
    """It as the suite runs it: every batch norm in its convolution."""
    network = inception()
    network.fold()
    return network


def segmenter() -> PaperdollsSegmenter:
    """A segmenter so small that the rest of its script shows."""
    return PaperdollsSegmenter.from_states([read_weights(SHIPPED_WEIGHTS / "paperdolls" / "segmenter.safetensors")])


def pytorch_fid_network() -> nn.Module:
    """pytorch-fid's own network, given the same weights."""
    import pytorch_fid.inception as theirs

    state = inception().state_dict()
    theirs.load_state_dict_from_url = lambda *_, **__: state
    network: nn.Module = theirs.InceptionV3([3])
    return network.eval()


def lpips_module() -> nn.Module:
    """The lpips package's own module, given the same weights."""
    import lpips

    module: nn.Module = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = dict(alexnet().features.named_parameters())
    for name, parameter in module.net.named_parameters():  # slice1.0.weight holds features.0.weight
        parameter.data = trunk[name.partition(".")[2]].detach().clone()
    return module.eval()


def peak_mb(device: torch.device) -> float:
    """Peak of this process, or of the accelerator."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
