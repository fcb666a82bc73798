"""Time and weigh SC-GAN's blended convolutions against the plain form of the same network, in the same run.

`python tests/benchmarks/scgan.py --json scgan.json`; `--datasets ade20k --repeats 1` is a quick look.

The plain form computes spectral norms in every forward, keeps what all kernels of a convolution give until it sums them
up, makes the semantic vectors for every image, and draws the vector generator's image too, as the authors' code does.
The stacked form is ours but for the convolutions: one with all kernels, whose parts are then blended.

Seconds are those of the CPU, or of the wall clock on a GPU; ratios are to ours; megabytes are what drawing takes beyond
the prepared network, each form's in a process of its own.
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Sequence
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
from models.parts.decoder import per_layout
from models.parts.spectral import Spectral, fold_spectral
from models.scgan.conditional import ConditionalConv2d
from models.scgan.method import SCGAN, Scgan
from models.training.initial_weights import initialise

TOLERANCE = 1e-4
FORMS = ("ours", "plain", "stacked")


class Case(NamedTuple):
    """One network at the paper's size and how many images of one layout it draws."""

    dataset: str
    styles: int
    device: str


def summed_at_last(conv: ConditionalConv2d, x: Tensor, shares: Tensor) -> Tensor:
    """Weigh what every kernel gives, then sum."""
    parts = torch.stack([base(x) for base in conv.conv_bases], 1)  # [M, n, C, h, w]
    return (parts * shares.repeat_interleave(len(x) // len(shares), 0)[:, :, None]).sum(1)


def stacked(conv: ConditionalConv2d, x: Tensor, shares: Tensor) -> Tensor:
    """Convolve once with the kernels of all, stacked in advance."""
    parts = F.conv2d(x, conv.stack, padding=1).chunk(len(conv.conv_bases), 1)
    first, weight = per_layout(parts[0], shares[:, :1])
    total = first * weight
    for number, part in enumerate(parts[1:], start=1):
        total.addcmul_(*per_layout(part, shares[:, number : number + 1]))
    return total.flatten(0, 1)


@contextmanager
def form(name: str) -> Iterator[None]:
    """Let convolutions blend in one of the forms."""
    forward = {"ours": ConditionalConv2d.forward, "plain": summed_at_last, "stacked": stacked}[name]
    with patch.object(ConditionalConv2d, "forward", forward):
        yield


def prepare(case: Case, forms: Sequence[str]) -> dict[str, Callable[[], Tensor]]:
    """Build the network with random weights whose singular vectors have settled; returns what draws K images."""
    device, config = choose_device(case.device), SCGAN.configs[case.dataset]
    method = Scgan(config)
    method.encoder = None
    rng = torch.Generator().manual_seed(0)
    initialise(method, 1.0, rng)
    for name, parameter in method.named_parameters():
        if name.endswith(("bias", "affine_params_groups")):
            nn.init.normal_(parameter, std=0.1, generator=rng)  # zeros would prove nothing
    for layer in [module for module in method.modules() if isinstance(module, Spectral)]:
        for _ in range(5):
            layer.normalized_weight()
    method.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    plain = copy.deepcopy(method, {id(tensor): tensor for tensor in (*method.parameters(), *method.buffers())})
    if forms != ("plain",):
        fold_spectral(method)
    if "stacked" in forms:
        for conv in [module for module in method.modules() if isinstance(module, ConditionalConv2d)]:
            conv.stack = torch.cat([base.normalized_weight() for base in conv.conv_bases])
    sizes = {"height": config.height, "width": config.width, "classes": config.num_classes, "instances": 16}
    layout = probe_layout(sizes).to(device)
    rngs = [torch.Generator().manual_seed(number) for number in range(case.styles)]
    style = method.sample_style(layout.repeated(case.styles), rngs)
    copies = 1 if style is None else case.styles
    draws = {
        "ours": lambda: method.synthesize(layout, style),
        "plain": lambda: plain.draw(layout.repeated(copies), style)[0],
        "stacked": lambda: method.synthesize(layout, style),
    }
    return {name: draws[name] for name in forms}


@torch.inference_mode()
def compare(case: Case, repeats: int) -> dict[str, float]:
    """Time the forms in turns after a cold one, which shows that they draw the same; seconds are per image."""
    draws, device = prepare(case, FORMS), choose_device(case.device)
    images: dict[str, Tensor] = {}
    seconds: dict[str, list[float]] = {name: [] for name in FORMS}
    for turn in range(repeats + 1):
        for name, draw in draws.items():
            with form(name):
                images[name], wall, cpu = timed(draw, device)
            if turn:
                seconds[name].append((wall if device.type == "cuda" else cpu) / case.styles)
    differences = [float((images[name] - images["ours"]).abs().max()) for name in FORMS[1:]]
    spread = float(images["ours"].std())
    if not max(differences) <= TOLERANCE * min(spread, 1):
        raise SystemExit(f"{case}: the forms differ by {differences} in images of deviation {spread:.2g}.")
    medians = {f"{name}_seconds": statistics.median(times) for name, times in seconds.items()}
    ratios = {f"{name}_ratio": medians[f"{name}_seconds"] / medians["ours_seconds"] for name in FORMS[1:]}
    return {**medians, **ratios, "largest_difference": max(differences), "image_deviation": spread}


@torch.inference_mode()
def peak_memory(case: Case, name: str) -> tuple[float, float]:
    """Draw once and return, in MB, what was held before and the peak: of the GPU, or on a CPU of the whole process."""
    draw, device = prepare(case, (name,))[name], choose_device(case.device)
    before = _held(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Linux forgets the peak of preparing
    with form(name):
        draw()
    return before, _peak(device)


def _held(device: torch.device) -> float:
    return torch.cuda.memory_allocated(device) / 1e6 if device.type == "cuda" else _status("VmRSS:")


def _peak(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else _status("VmHWM:")


def _status(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(name)[2].split()[0]) / 1e3  # from kB


def peaks(case: Case) -> dict[str, float]:
    """Measure each form in a fresh process, so that one's peak does not hide the others'."""
    measured = {}
    for name in FORMS:
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            before, peak = pool.apply(peak_memory, (case, name))
        measured |= {f"{name}_mb_before": before, f"{name}_peak_mb": peak, f"{name}_mb": peak - before}
    return measured


COLUMNS = ("ours_seconds", "plain_ratio", "stacked_ratio", "ours_mb", "plain_mb", "stacked_mb", "largest_difference")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", choices=sorted(SCGAN.configs), default=["ade20k", "celebamask-hq"])
    parser.add_argument("--styles", nargs="+", type=int, default=[1, 4], help="styles per layout, where there are any")
    parser.add_argument("--repeats", type=int, default=3, help="timed turns of all forms")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="write the rows with their provenance")
    return parser.parse_args()


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """Cross data sets and styles; a network without a style draws one image."""
    styles = {name: options.styles if SCGAN.configs[name].z_size else [1] for name in options.datasets}
    return [Case(name, count, options.device) for name in options.datasets for count in styles[name]]


def main() -> None:
    """Measure the chosen cases one after the other and print each as it is done."""
    options, start = parse(), datetime.now(timezone.utc)
    rows: list[dict[str, Any]] = []
    print(f"{'data set':<14}{'K':>4}" + "".join(f"{column:>20}" for column in COLUMNS), flush=True)
    for case in chosen_cases(options):
        rows.append({**case._asdict(), **peaks(case), **compare(case, options.repeats)})
        numbers = "".join(f"{rows[-1][column]:>20.3g}" for column in COLUMNS)
        print(f"{case.dataset:<14}{case.styles:>4}{numbers}", flush=True)
        if options.json is not None:
            seconds = (datetime.now(timezone.utc) - start).total_seconds()
            where = torch.cuda.get_device_name() if torch.cuda.is_available() and options.device != "cpu" else "cpu"
            provenance = asdict(collect(where, start, seconds, max(options.styles)))
            record = {"provenance": provenance, "threads": torch.get_num_threads(), "rows": rows}
            options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
