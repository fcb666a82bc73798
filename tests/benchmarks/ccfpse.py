"""Time and weigh CC-FPSE's convolutions by pixel against the plain form of the same network, in the same run.

`python tests/benchmarks/ccfpse.py --json ccfpse.json`; `--datasets ade20k --repeats 1` is a quick look.

The plain form unfolds the features into nine copies, predicts all nine maps of weights at once, for every image, and
multiplies and adds, as the authors' code does. Ours goes tap by tap and shares the weights between the K styles of a
layout. Everything else is equal. Peaks are measured in a process of its own for each form.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from synthesis import timed
from torch import Tensor, nn
from torch.nn import functional as F

from bench.evaluation.costs import probe_layout
from bench.results.provenance import collect
from bench.synthesis.devices import choose_device
from models import ccfpse
from models.parts.spectral import Spectral, fold_spectral
from models.training.initial_weights import initialise

TOLERANCE = 1e-4


class Case(NamedTuple):
    """One network at the paper's size and how many images of one layout it draws."""

    dataset: str
    styles: int
    device: str


def unfolded(x: Tensor, hidden: Tensor, predictor: ccfpse.TapPredictor) -> Tensor:
    """Sum the unfolded product, [N * K, C, h, w]."""
    copies = len(x) // len(hidden)
    hidden = hidden.repeat_interleave(copies, 0)
    weights = F.conv2d(hidden, predictor.weight, predictor.bias, padding=1).unflatten(1, (-1, 9))
    return (F.unfold(x, 3, padding=1).view(weights.shape) * weights).sum(2)


@contextmanager
def form(name: str) -> Iterator[None]:
    """Let the network compute in one of the two forms."""
    if name == "ours":
        yield
    else:
        with patch.object(ccfpse, "convolve_by_pixel", unfolded):
            yield


def prepare(case: Case) -> Callable[[], Tensor]:
    """Build the network with random weights whose singular vectors have settled; returns what draws K images."""
    device = choose_device(case.device)
    config = ccfpse.CCFPSE.configs[case.dataset]
    method = ccfpse.Ccfpse(config)
    method.encoder = None
    rng = torch.Generator().manual_seed(0)
    initialise(method, 1.0, rng)
    for parameter in (value for name, value in method.named_parameters() if name.endswith("bias")):
        nn.init.normal_(parameter, std=0.1, generator=rng)  # zeros would prove nothing
    for layer in [module for module in method.modules() if isinstance(module, Spectral)]:
        for _ in range(5):
            layer.normalized_weight()
    method.eval().requires_grad_(False)
    fold_spectral(method)
    method.to(device, memory_format=torch.channels_last)
    sizes = {"height": config.height, "width": config.width, "classes": config.num_classes, "instances": 16}
    layout = probe_layout(sizes).to(device)
    rngs = [torch.Generator().manual_seed(number) for number in range(case.styles)]
    style = method.sample_style(layout.select([0] * case.styles), rngs)
    return lambda: method.synthesize(layout, style)


@torch.inference_mode()
def compare(case: Case, repeats: int) -> dict[str, Any]:
    """Time both forms in turns after a cold one, which shows that they draw the same; seconds are per image.

    On a machine that does other work, too, the ratio of the CPU's seconds is the fairer one.
    """
    draw, device = prepare(case), choose_device(case.device)
    images, seconds = {}, {"ours": [], "plain": []}
    for turn in range(repeats + 1):
        for name, times in seconds.items():
            with form(name):
                images[name], *both = timed(draw, device)
            if turn:
                times.append([value / case.styles for value in both])
    difference, spread = float((images["ours"] - images["plain"]).abs().max()), float(images["ours"].std())
    if not difference <= TOLERANCE * min(spread, 1):
        raise SystemExit(f"{case}: the two forms differ by {difference:.2g} in images of deviation {spread:.2g}.")
    row: dict[str, Any] = {"largest_difference": difference, "image_deviation": spread}
    for number, clock in enumerate(("wall", "cpu")):
        ours, plain = (statistics.median(pair[number] for pair in times) for times in seconds.values())
        row |= {f"ours_{clock}_seconds": ours, f"plain_{clock}_seconds": plain, f"{clock}_ratio": plain / ours}
    return row


@torch.inference_mode()
def peak_memory(case: Case, name: str) -> tuple[float, float]:
    """Draw once and return, in MB, what was held before and the peak: of the GPU, or on a CPU of the whole process."""
    draw, device = prepare(case), choose_device(case.device)
    before = _peak(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with form(name):
        draw()
    return before, _peak(device)


def _peak(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage hands the parent's peak down
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def peaks(case: Case) -> dict[str, float]:
    """Measure each form in a fresh process, so that one's peak does not hide the other's."""
    measured = {}
    for name in ("ours", "plain"):
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            before, peak = pool.apply(peak_memory, (case, name))
        measured |= {f"{name}_mb_before": before, f"{name}_peak_mb": peak}
    return measured


TIMES = ("ours_cpu_seconds", "plain_cpu_seconds", "cpu_ratio", "wall_ratio")
COLUMNS = (*TIMES, "ours_peak_mb", "plain_peak_mb", "largest_difference")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted(ccfpse.CCFPSE.configs)
    parser.add_argument("--datasets", nargs="+", choices=known, default=["ade20k", "cityscapes"])
    parser.add_argument("--styles", nargs="+", type=int, default=[1, 4], help="styles per layout (K)")
    parser.add_argument("--repeats", type=int, default=3, help="timed turns of both forms")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="write the rows with their provenance")
    return parser.parse_args()


def main() -> None:
    """Measure the chosen cases one after the other and print each as it is done."""
    options, start = parse(), datetime.now(timezone.utc)
    rows = []
    print(f"{'data set':<12}{'K':>4}" + "".join(f"{column:>20}" for column in COLUMNS), flush=True)
    for case in [Case(name, count, options.device) for name in options.datasets for count in options.styles]:
        row = {**case._asdict(), **peaks(case), **compare(case, options.repeats)}
        rows.append(row)
        numbers = "".join(f"{row[column]:>20.3g}" for column in COLUMNS)
        print(f"{case.dataset:<12}{case.styles:>4}{numbers}", flush=True)
        if options.json is not None:
            seconds = (datetime.now(timezone.utc) - start).total_seconds()
            where = torch.cuda.get_device_name() if torch.cuda.is_available() and options.device != "cpu" else "cpu"
            provenance = asdict(collect(where, start, seconds, max(options.styles)))
            record = {"provenance": provenance, "threads": torch.get_num_threads(), "rows": rows}
            options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
