"""What a generator costs: parameters, multiply-adds, seconds, memory and energy."""

from __future__ import annotations

import importlib
import itertools
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from metrics.base import MetricSpec, Probe
from metrics.columns import columns

Run = Callable[[], object]  # draws one image


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
    """Time the drawing of one image, batch 1, inputs in place, after a warm-up."""

    def __init__(self, rounds: int = 1) -> None:
        self.rounds = rounds  # of 100 calls on a GPU, of 5 elsewhere

    def measure(self, network: nn.Module, run: Run) -> dict[str, float]:
        """Return median, 10th and 90th percentile of all calls; on a CPU also the share of it that the process had.

        A GPU is timed by its own events, everything else by the wall clock.
        """
        with torch.inference_mode():
            device = _device(network).type
            if device == "cuda":
                times, share = _cuda_times(run, 100 * self.rounds), {}
            else:
                synchronize = torch.mps.synchronize if device == "mps" else lambda: None
                times, cpu = _wall_times(run, 5 * self.rounds, synchronize)
                share = {"cpu_share": cpu / sum(times)} if device == "cpu" else {}
        tenths = statistics.quantiles(times, n=10, method="inclusive")
        spread = {"seconds_p10": tenths[0], "seconds_p90": tenths[-1]}
        return {"seconds": statistics.median(times), **spread, "calls": len(times), **share}


def _cuda_times(run: Run, repeats: int, warm_up: int = 10) -> list[float]:
    for _ in range(warm_up):
        run()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]  # type: ignore[no-untyped-call]
    marks[0].record()
    for mark in marks[1:]:
        run()
        mark.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) / 1000 for start, end in itertools.pairwise(marks)]  # from milliseconds


def _wall_times(run: Run, repeats: int, synchronize: Callable[[], None], warm_up: int = 2) -> tuple[list[float], float]:
    """Seconds of every call, and the CPU time of this thread in all; with several threads it is the one that waits."""
    for _ in range(warm_up):
        run()
    times, cpu = [], 0.0
    synchronize()
    for _ in range(repeats):
        start, cpu_start = time.perf_counter(), time.thread_time()
        run()
        synchronize()
        cpu += time.thread_time() - cpu_start
        times.append(time.perf_counter() - start)
    return times, cpu


def _doubt_time(values: Mapping[str, float]) -> str:
    """Mark times of a machine that others used: the process waited for more than 5 % of them."""
    share = values.get("cpu_share", 1.0)
    return (
        f"Timed while others used the machine: the process had the CPU {share:.0%} of the time." if share < 0.95 else ""
    )


class Memory(Probe):
    """Find the peak of a GPU's memory while one image is drawn: the network and all that is alive with it."""

    def measure(self, network: nn.Module, run: Run) -> dict[str, float]:
        """Return MB, or nothing on a CPU, where no counter tells this call from the rest of the process.

        `memory_mb` is the network and what the call needs beside it, which is `memory_beside_mb`; `memory_reserved_mb`
        is what torch took from the device for everything it holds.
        """
        device = _device(network)
        if device.type != "cuda":
            return {}
        with torch.inference_mode():
            run()  # let libraries set up their workspaces
            torch.cuda.synchronize(device)
            torch.cuda.empty_cache()  # what an earlier network left
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            run()
            torch.cuda.synchronize(device)
        beside = torch.cuda.max_memory_allocated(device) - before
        tensors = (*network.parameters(), *network.buffers())
        own = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return {
            "memory_mb": (own + beside) / 1e6,
            "memory_beside_mb": beside / 1e6,
            "memory_reserved_mb": torch.cuda.max_memory_reserved(device) / 1e6,
        }


class Energy(Probe):
    """Read the energy that a GPU spends on one image from its own counter; idle power and other users are in it."""

    def measure(self, network: nn.Module, run: Run) -> dict[str, float]:
        """Return joules, or nothing where no counter is at hand."""
        counter = energy_counter(_device(network))
        if counter is None:
            return {}
        with torch.inference_mode():
            return {"joules": _joules(run, counter, torch.cuda.synchronize)}


def energy_counter(device: torch.device) -> Callable[[], int] | None:
    """Find the counter of millijoules; None on a CPU, without the package of NVML, or on a GPU that has none."""
    if device.type != "cuda":
        return None
    try:
        nvml = importlib.import_module("pynvml")  # of nvidia-ml-py, which the suite does not ask for
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:
        return None
    return lambda: int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))


def _joules(run: Run, counter: Callable[[], int], synchronize: Callable[[], None], span: float = 5.0) -> float:
    """Draw for `span` seconds, long against the counter's steps, and divide by the number of images."""
    run()
    synchronize()
    first, start, calls = counter(), time.perf_counter(), 0
    while time.perf_counter() - start < span:
        run()
        synchronize()
        calls += 1
    return (counter() - first) / 1000 / calls


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters(), torch.empty(0)).device


PARAMETERS = MetricSpec("params", 1, columns("params_m"), lambda _: Parameters())
MACS = MetricSpec(
    "macs",
    2,  # 1 left leaky ReLU out of the papers' count
    columns("gmacs", "gmacs_paper"),
    lambda _: Macs(),
)
SECONDS = MetricSpec(
    "seconds",
    2,  # 1 had no percentiles
    columns("seconds"),
    lambda _: Seconds(),
    of_machine=True,
    doubt=_doubt_time,
)
MEMORY = MetricSpec(
    "memory",
    2,  # 1 had no parts
    columns("memory_mb"),
    lambda _: Memory(),
    of_machine=True,
)
ENERGY = MetricSpec("energy", 1, columns("joules"), lambda _: Energy(), of_machine=True)
