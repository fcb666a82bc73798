"""What a generator costs: parameters, multiply-adds, seconds and memory."""

from __future__ import annotations

import itertools
import logging
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from metrics.base import Column, MetricSpec, Probe

Run = Callable[[], object]  # draws one image
log = logging.getLogger(__name__)


class Parameters(Probe):
    """Count the trainable numbers; spectral norm's vectors and running statistics are buffers and no parameters."""

    def measure(self, network: nn.Module, run: Run) -> dict[str, float]:
        """Count each once, in millions; whether the network is frozen at the moment does not matter."""
        return {"params_m": sum(parameter.numel() for parameter in network.parameters()) / 1e6}


class Macs(Probe):
    """Count multiply-adds of one image in 1e9: all that run, and those the INADE paper's Table 3 counts."""

    def measure(self, network: nn.Module, run: Run) -> dict[str, float]:
        """Draw one image under both counters; torch's counts two operations per multiply-add."""
        paper: list[float] = []
        hooks = [
            layer.register_forward_hook(lambda layer, _, output: paper.append(_paper_macs(layer, output)))
            for layer in network.modules()
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.LeakyReLU))
        ]
        try:
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                run()
        finally:
            for hook in hooks:
                hook.remove()
        return {"gmacs": counter.get_total_flops() / 2e9, "gmacs_paper": sum(paper) / 1e9}


def _paper_macs(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.LeakyReLU, output: Tensor) -> float:
    """Apply the rule of thop 0.0.31: biases count, transposed convolutions on the output grid, functions not at all.

    Of the activations only leaky ReLU counts, one per number, and only where it is a layer.
    """
    if isinstance(layer, nn.LeakyReLU):
        return output.numel()
    if isinstance(layer, nn.Linear):
        return output.numel() * layer.in_features
    kernel = layer.kernel_size[0] * layer.kernel_size[1]
    return output.numel() * (layer.in_channels // layer.groups * kernel + (layer.bias is not None))


class Seconds(Probe):
    """Time the drawing of one image, batch 1, inputs in place: the median after a warm-up."""

    def measure(self, network: nn.Module, run: Run) -> dict[str, float]:
        """Use events on a GPU, the wall clock elsewhere."""
        with torch.inference_mode():
            times = _cuda_times(run) if _device(network).type == "cuda" else _cpu_times(run)
        return {"seconds": statistics.median(times)}


def _cuda_times(run: Run, warm_up: int = 10, repeats: int = 100) -> list[float]:
    for _ in range(warm_up):
        run()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]  # type: ignore[no-untyped-call]
    marks[0].record()
    for mark in marks[1:]:
        run()
        mark.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) / 1000 for start, end in itertools.pairwise(marks)]  # from milliseconds


def _cpu_times(run: Run, warm_up: int = 2, repeats: int = 5) -> list[float]:
    for _ in range(warm_up):
        run()
    times = []
    cpu = time.process_time()
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    share = (time.process_time() - cpu) / sum(times)
    if share < 0.95:
        log.warning("The process had the CPU for %.0f %% of the timed span: others use this machine.", 100 * share)
    return times


class Memory(Probe):
    """Find the peak of a GPU's memory while one image is drawn: the network and all that is alive with it."""

    def measure(self, network: nn.Module, run: Run) -> dict[str, float]:
        """Return MB, or nothing on a CPU, where no counter tells this call from the rest of the process."""
        device = _device(network)
        if device.type != "cuda":
            return {}
        with torch.inference_mode():
            run()  # let libraries set up their workspaces
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            run()
            torch.cuda.synchronize(device)
        tensors = (*network.parameters(), *network.buffers())
        own = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return {"memory_mb": (torch.cuda.max_memory_allocated(device) - before + own) / 1e6}


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters(), torch.empty(0)).device


PARAMETERS = MetricSpec("params", 1, (Column("params_m", "Params", "lower", 2, "M"),), lambda _: Parameters())
MACS = MetricSpec(
    "macs",
    2,  # 1 left leaky ReLU out of the papers' count
    (Column("gmacs", "MACs", "lower", 2, "G"), Column("gmacs_paper", "FLOPs (INADE paper)", "lower", 2, "G")),
    lambda _: Macs(),
)
SECONDS = MetricSpec("seconds", 1, (Column("seconds", "Time", "lower", 4, "s"),), lambda _: Seconds())
MEMORY = MetricSpec("memory", 1, (Column("memory_mb", "Memory", "lower", 0, "MB"),), lambda _: Memory())
