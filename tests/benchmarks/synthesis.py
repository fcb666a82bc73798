"""Time synthesis as the suite does it against the plain form of the same network, in the same run.

`python tests/benchmarks/synthesis.py --repeats 3 --json synthesis.json`; `--size 128 --classes 8` is a quick look.

Ours divides spectral weights once, makes gamma and beta once per layout however many styles it has, and modulates by
look-up. The plain form has the same weights, computes the spectral norm in every forward, makes gamma and beta for
every image, resizes the label planes in every norm, and modulates by dense products over one-hot planes, as INADE's
code does (CLADE's code looks up as well; its dense form shows what that saves).

Both forms keep what a batch of K styles needs alive at once, so memory grows with K and the suite's runner splits
K = 100 into batches. `--memory` measures, instead of the times, the peak of each form that draws all K in one call, in
a process of its own; for K = 100, `--memory --styles 100`.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.common.catalog import resolve
from bench.results.provenance import collect
from bench.synthesis.devices import choose_device
from models import METHODS
from models.base import Layout, Method
from models.clade import ClassNorm
from models.inade import InadeStyle, InstanceNoiseNorm
from models.parts.spatial import SpatialNorm
from models.parts.spectral import Spectral, fold_spectral
from models.training.initial_weights import initialise

NAMES = ("spade", "vspade", "groupdnet", "clade", "inade")
DATASETS = {8: "deepfashion", 151: "ade20k"}  # by their label planes
PRESENT = {8: 8, 151: 24}  # classes and instances of one layout
TOLERANCE = 1e-4


class PlainSpatialNorm(nn.Module):
    """SPADE's norm with maps of its own for every image."""

    def __init__(self, ours: SpatialNorm) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, x: Tensor, planes: Tensor) -> Tensor:
        hidden = self.ours.mlp_shared(F.interpolate(planes, size=x.shape[2:], mode="nearest"))
        gamma, beta = self.ours.mlp_gamma(hidden), self.ours.mlp_beta(hidden)
        return self.ours.param_free_norm(x) * (1 + gamma) + beta


class PlainClassNorm(nn.Module):
    """CLADE's norm as a product of one-hot planes and class rows."""

    def __init__(self, ours: ClassNorm) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, x: Tensor, planes: Tensor) -> Tensor:
        classes = F.interpolate(planes, size=x.shape[2:], mode="nearest")
        table = self.ours.class_specified_affine
        scale = torch.einsum("nlhw,lc->nchw", classes, table.weight)
        shift = torch.einsum("nlhw,lc->nchw", classes, table.bias)
        return self.ours.param_free_norm(x) * scale + shift


class PlainInstanceNoiseNorm(nn.Module):
    """INADE's norm as products of one-hot planes with class rows and with the instances' projected noise."""

    def __init__(self, ours: InstanceNoiseNorm) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, x: Tensor, condition: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        classes, instances, noise = condition
        classes = F.interpolate(classes, size=x.shape[2:], mode="nearest")
        instances = F.interpolate(instances, size=x.shape[2:], mode="nearest")
        maps = []
        for part in range(2):  # scale, shift
            own = torch.einsum("nihw,nic->nchw", instances, self.ours.fc_noise(noise[:, :, part]))
            weight = torch.einsum("nlhw,lc->nchw", classes, self.ours.weight[..., part])
            bias = torch.einsum("nlhw,lc->nchw", classes, self.ours.bias[..., part])
            maps.append(weight * own + bias)
        return self.ours.param_free_norm(x) * maps[0] + maps[1]


PLAIN_NORMS: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    SpatialNorm: PlainSpatialNorm,
    ClassNorm: PlainClassNorm,
    InstanceNoiseNorm: PlainInstanceNoiseNorm,
}


def plain_form(method: Method[Any]) -> Method[Any]:
    """Copy the modules, share the tensors, forget the divided weights and exchange the norms."""
    shared = {id(tensor): tensor for tensor in (*method.parameters(), *method.buffers())}
    plain = copy.deepcopy(method, shared)
    for module in list(plain.modules()):
        if isinstance(module, Spectral):
            module.folded = None
        for name, child in list(module.named_children()):
            if type(child) in PLAIN_NORMS:
                setattr(module, name, PLAIN_NORMS[type(child)](child))
    return plain


def draw_plain(plain: Method[Any], layout: Layout, style: Any) -> Tensor:
    """Repeat the layout for every style and decode with the plain norms."""
    generator, planes = plain.generator, layout.onehot()
    if isinstance(style, InadeStyle):
        instances = F.one_hot(layout.instances, style.noise.shape[1]).movedim(-1, 1).float()
        instances, planes = (x.repeat_interleave(len(style.noise), 0) for x in (instances, planes))
        first = generator.fc(style.start).unflatten(1, (-1, *generator.grid))
        return generator.decode(first, (planes, instances, style.noise))
    if style is None:
        return generator.decode(generator.fc(F.interpolate(planes, size=generator.grid, mode="nearest")), planes)
    first = generator.fc(style)
    if style.dim() == 2:  # VSPADE's vector; GroupDNet's style is a map
        first = first.unflatten(1, (-1, *generator.grid))
    return generator.decode(first, planes.repeat_interleave(len(style), 0))


class Case(NamedTuple):
    """One network and how many images of one layout it draws."""

    method: str
    classes: int
    styles: int
    size: int
    device: str


class Drawing(NamedTuple):
    """The two forms of one case, ready to call."""

    ours: Callable[[], Tensor]
    plain: Callable[[], Tensor]


def scattered_layout(classes: int, size: int) -> Layout:
    """Draw the cells of random points, each an instance of a class of its own, as [1, H, W]."""
    rng = torch.Generator().manual_seed(0)
    chosen = torch.randperm(classes, generator=rng)[: PRESENT[classes]]
    points = torch.rand(len(chosen), 2, generator=rng) * size
    grid = torch.cartesian_prod(torch.arange(size), torch.arange(size)).float()
    nearest = torch.cdist(grid, points).argmin(1).view(1, size, size)
    return Layout(chosen[nearest], nearest + 1, classes)


def prepare(case: Case) -> Drawing:
    """Build a network with random weights whose singular vectors have settled, as trained ones have."""
    spec, device = resolve("method", METHODS, case.method), choose_device(case.device)
    method = spec.build(dataclasses.replace(spec.configs[DATASETS[case.classes]], height=case.size, width=case.size))
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
    plain, layout = plain_form(method), scattered_layout(case.classes, case.size).to(device)
    rngs = [torch.Generator().manual_seed(number) for number in range(case.styles)]
    style = method.sample_style(layout.repeated(case.styles), rngs)
    return Drawing(lambda: method.synthesize(layout, style), lambda: draw_plain(plain, layout, style))


def timed(draw: Callable[[], Tensor], device: torch.device) -> tuple[Tensor, float, float]:
    """Draw, and measure the seconds of the wall clock and of the CPU."""
    _wait_for(device)
    wall, cpu = time.perf_counter(), time.process_time()
    images = draw()
    _wait_for(device)
    return images, time.perf_counter() - wall, time.process_time() - cpu


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.inference_mode()
def compare(case: Case, repeats: int, budget: float) -> dict[str, Any]:
    """Time both forms in turns, and check that they draw the same; seconds and multiply-adds are per image.

    The first turn is cold and also counts multiply-adds: with three turns or more the median leaves it out. No new turn
    begins once `budget` seconds have gone into those before it.
    """
    drawing, device, began = prepare(case), choose_device(case.device), time.perf_counter()
    with FlopCounterMode(display=False) as ours_counter:
        images, *ours = timed(drawing.ours, device)
    with FlopCounterMode(display=False) as plain_counter:
        plain_images, *plain = timed(drawing.plain, device)
    difference, spread = float((images - plain_images).abs().max()), float(images.std())
    if not difference <= TOLERANCE * min(spread, 1):
        raise SystemExit(f"{case}: the two forms differ by {difference:.2g} in images of deviation {spread:.2g}.")
    del images, plain_images
    times = {"ours": [ours], "plain": [plain]}
    while len(times["plain"]) < repeats and time.perf_counter() - began < budget:
        for form, draw in drawing._asdict().items():
            times[form].append(timed(draw, device)[1:])
    gmacs = {"ours": ours_counter.get_total_flops() / 2e9, "plain": plain_counter.get_total_flops() / 2e9}
    row: dict[str, Any] = {**case._asdict(), "turns": len(times["plain"]), "image_deviation": spread}
    row |= {"largest_difference": difference, "expected_ratio": gmacs["plain"] / gmacs["ours"]}
    for form, pairs in times.items():
        row[f"{form}_gmacs"] = gmacs[form] / case.styles
        for clock, values in zip(("wall", "cpu"), zip(*pairs, strict=True), strict=True):
            row[f"{form}_{clock}_seconds"] = statistics.median(values) / case.styles
    return row | {f"{c}_ratio": row[f"plain_{c}_seconds"] / row[f"ours_{c}_seconds"] for c in ("wall", "cpu")}


@torch.inference_mode()
def peak_memory(case: Case, form: str) -> float:
    """Draw once and return the peak in MB: of the GPU, or on a CPU of the whole process, libraries included."""
    draw, device = getattr(prepare(case), form), choose_device(case.device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    draw()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # Linux counts in kB


def memory_row(case: Case) -> dict[str, Any]:
    """Measure each form in a fresh process, so that one's peak does not hide the other's."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        peaks = {f"{form}_peak_mb": pool.apply(peak_memory, (case, form)) for form in Drawing._fields}
    return {**case._asdict(), **peaks}


TIMES = ("ours_wall_seconds", "plain_wall_seconds", "wall_ratio", "cpu_ratio", "expected_ratio", "largest_difference")
PEAKS = ("ours_peak_mb", "plain_peak_mb")


def line(row: dict[str, Any], columns: Sequence[str]) -> str:
    """Lay out one row of the table; seconds are per image, ratios plain / ours."""
    numbers = "".join(f"{row[column]:>20.3g}" for column in columns)
    return f"{row['method']:<10}{row['classes']:>8}{row['styles']:>4}{numbers}"


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """Cross methods, class counts and styles; a method without styles draws one image."""
    cases = []
    for classes in options.classes:
        for name in options.methods:
            has_style = resolve("method", METHODS, name).scope != "none"
            styles = options.styles if has_style else sorted({min(options.styles)})
            cases += [Case(name, classes, count, options.size, options.device) for count in styles]
    return cases


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--classes", nargs="+", type=int, choices=sorted(DATASETS), default=sorted(DATASETS))
    parser.add_argument("--styles", nargs="+", type=int, default=[1, 10], help="styles per layout (K)")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3, help="turns of both forms, at least one")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds after which a case begins no new turn")
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead of times")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="write the rows with their provenance")
    return parser.parse_args()


def main() -> None:
    """Measure the chosen cases one after the other and print each as it is done."""
    options, start, began = parse(), datetime.now(timezone.utc), time.perf_counter()
    rows = []
    columns = PEAKS if options.memory else TIMES
    print(f"{'method':<10}{'classes':>8}{'K':>4}" + "".join(f"{column:>20}" for column in columns), flush=True)
    for case in chosen_cases(options):
        rows.append(memory_row(case) if options.memory else compare(case, options.repeats, options.budget))
        print(line(rows[-1], columns), flush=True)
        if options.json is not None:
            seconds = time.perf_counter() - began
            where = torch.cuda.get_device_name() if torch.cuda.is_available() and options.device != "cpu" else "cpu"
            provenance = dataclasses.asdict(collect(where, start, seconds, max(options.styles)))
            record = {"provenance": provenance, "threads": torch.get_num_threads(), "rows": rows}
            options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
