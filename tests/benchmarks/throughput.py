"""Images per second of the whole pass, draw and measure, in every form that a GPU offers; and what each does to values.

`python tests/benchmarks/throughput.py --device cuda --json results/performance/throughput-cuda.json`

Networks of the papers' DeepFashion size with random weights draw label maps of the built-in data at 256x256; Inception
(FID), AlexNet (LPIPS diversity) and the small segmenter read every image, as `bench.evaluation.one_pass.Pass` has it.
"plain" is float32 in the usual layout; the forms after it change one thing each, the last ones what they say. Values
are compared with those of "plain", so that a form which moves a metric is seen: `features tf32` rounds the metrics'
own networks. Where a form fails, its row has the reason. Forms come in turns of `--repeats` after a pass that warms
up.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from _peers import peak_mb
from evaluation import SEED, Job, Setting, in_batches, solved
from torch import Tensor

from bench.common.catalog import resolve
from bench.datasets.paperdolls.dataset import PAPERDOLLS, Paperdolls
from bench.evaluation.one_pass import Pass
from bench.results.provenance import collect
from bench.synthesis.batches import collate, stream
from bench.training.miniature import Remembered
from metrics.fid import FID
from metrics.lpips_diversity import LPIPS
from metrics.parts.moments import Moments
from metrics.segmentation import SEGMENTATION
from models import METHODS
from models.base import Layout, Method
from models.parts.spectral import fold_spectral
from models.training.initial_weights import initialise


@dataclass(frozen=True)
class Form:
    """How the networks run; the generator's part first."""

    name: str
    channels_last: bool = True
    tf32: bool = False  # of the generator's convolutions and products
    bf16: bool = False
    graph: bool = False  # one CUDA graph per call of the generator
    compiled: bool = False
    features_tf32: bool = False


FORMS = (
    Form("plain", channels_last=False),
    Form("channels_last"),
    Form("tf32", tf32=True),
    Form("bf16", bf16=True),
    Form("graph", graph=True),
    Form("bf16, graph", bf16=True, graph=True),
    Form("features tf32", features_tf32=True),
    Form("compiled", compiled=True),
)


def tf32(allowed: bool) -> None:
    """Let convolutions and products round their inputs to 10 bits, or not."""
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


def built(name: str, size: int, device: torch.device) -> Method[Any]:
    """Build a paper-size network with random weights, as the suite draws with it."""
    spec = resolve("method", METHODS, name)
    method: Method[Any] = spec.build(replace(spec.configs["deepfashion"], height=size, width=size))
    method.encoder = None
    initialise(method, 1.0, stream("throughput", name))
    method.eval().requires_grad_(False)
    fold_spectral(method)
    return method.to(device)


class Graphs:
    """Draw by replaying what was recorded at the first call with tensors of these shapes."""

    def __init__(self, draw: Callable[[Layout, Any], Tensor]) -> None:
        self.draw = draw
        self.recorded: dict[tuple[int, ...], tuple[torch.cuda.CUDAGraph, Layout, Any, Tensor]] = {}

    def __call__(self, layout: Layout, style: Any) -> Tensor:
        key = (*layout.labels.shape, 0 if style is None else len(style))
        if key not in self.recorded:
            self.recorded[key] = self._record(layout, style)
        graph, labels, styles, images = self.recorded[key]
        labels.labels.copy_(layout.labels)
        labels.instances.copy_(layout.instances)
        if style is not None:
            styles.copy_(style)
        graph.replay()
        return images.clone()

    def _record(self, layout: Layout, style: Any) -> tuple[torch.cuda.CUDAGraph, Layout, Any, Tensor]:
        layout = copy.deepcopy(layout)
        style = None if style is None else style.clone()
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):
                self.draw(layout, style)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            images = self.draw(layout, style)
        return graph, layout, style, images


def dressed(method: Method[Any], form: Form, device: torch.device) -> Method[Any]:
    """Give a network the form it shall draw in."""
    method.to(memory_format=torch.channels_last if form.channels_last else torch.contiguous_format)
    method.__dict__.pop("synthesize", None)
    plain: Callable[[Layout, Any], Tensor] = method.synthesize

    def draw(layout: Layout, style: Any) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=form.bf16, cache_enabled=not form.graph):
            return plain(layout, style).float()

    inner: Callable[[Layout, Any], Tensor] = Graphs(draw) if form.graph else draw
    inner = torch.compile(draw) if form.compiled else inner

    def rounded(layout: Layout, style: Any) -> Tensor:
        tf32(form.tf32)
        images = inner(layout, style)
        tf32(form.features_tf32)
        return images

    method.__dict__["synthesize"] = rounded
    return method


@dataclass(frozen=True)
class Work:
    """What one method draws: `maps` label maps, `runs` images of each, `batch` images per call."""

    method: str
    maps: int
    runs: int
    size: int
    batch: int
    device: torch.device


class Turns:
    """Passes over the same label maps, form by form."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.method = built(work.method, work.size, work.device)
        dataset = Paperdolls(PAPERDOLLS, "val", length=work.maps, persons=1, size=work.size)
        self.items = Remembered(dataset, map(dataset.__getitem__, range(work.maps)))
        self.setting = Setting(Job(Path(), work.maps, work.runs, work.size, str(work.device)), "random10")
        tf32(False)
        photos = torch.cat([collate([self.items[n]], 8).images for n in range(work.maps)]).to(work.device)
        self.setting.photos = Moments.of(in_batches(self.setting.networks["inception"], photos)).gaussian()

    def sync(self) -> None:
        """Wait for the device."""
        if self.work.device.type == "cuda":
            torch.cuda.synchronize()

    def whole(self) -> tuple[float, dict[str, float]]:
        """Run one pass and return its seconds and values; the solve of FID, on the CPU, is left out."""
        specs = (FID, LPIPS, SEGMENTATION) if self.work.runs > 1 else (FID, SEGMENTATION)
        metrics = {spec.name: spec.build(self.setting) for spec in specs}
        work = self.work
        over = Pass(
            method=self.method,
            dataset=self.items,
            num_layouts=work.maps,
            metrics=metrics,
            seed=SEED,
            batch_size=work.batch,
            device=work.device,
        )
        self.sync()
        start = time.perf_counter()
        list(over.run([range(work.maps)], lambda _: None))
        self.sync()
        seconds = time.perf_counter() - start
        sums = metrics["fid"].state()
        assert self.setting.photos is not None
        values = {
            "fid": solved(Moments(sums["count"][0], sums["sum"][0], sums["outer"][0]), self.setting.photos),
            "miou": metrics["segmentation"].compute()["miou"][0],
        }
        if "lpips" in metrics:
            values["lpips"] = statistics.fmean(metrics["lpips"].compute()["lpips"])
        return seconds, values

    def drawing(self, repeats: int) -> tuple[list[float], Tensor]:
        """Time the generator alone on a batch, and return its images."""
        count = self.work.batch // self.work.runs
        layout = collate([self.items[n] for n in range(count)], 8).layout.to(self.work.device)
        rngs = [stream(SEED, n) for n in range(count * self.work.runs)]
        style = self.method.sample_style(layout.repeated(self.work.runs), rngs)
        seconds = []
        for _ in range(repeats + 1):
            self.sync()
            start = time.perf_counter()
            images = self.method.synthesize(layout, style)
            self.sync()
            seconds.append(time.perf_counter() - start)
        return [each / len(images) for each in seconds[1:]], images

    @torch.inference_mode()
    def measure(self, form: Form, repeats: int) -> dict[str, Any]:
        """Measure one form."""
        dressed(self.method, form, self.work.device)
        if self.work.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        drawing, images = self.drawing(5 * repeats)
        self.whole()  # warms up
        passes = [self.whole() for _ in range(repeats)]
        seconds = [each for each, _ in passes]
        count = self.work.maps * self.work.runs
        return {
            "form": form.name,
            "draw_ms": 1e3 * statistics.median(drawing),
            "images_per_second": count / statistics.median(seconds),
            "images_per_second_of_turns": [count / each for each in seconds],
            "peak_mb": peak_mb(self.work.device),
            "values": passes[0][1],
            "images": images.cpu(),
        }


def against(row: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """Compare with the plain form: speed, pixels, and every value."""
    difference = (row.pop("images") - plain["images"]).abs() * 127.5
    row |= {"grey_levels_mean": float(difference.mean()), "grey_levels_largest": float(difference.max())}
    row["relative_changes"] = {
        name: value / plain["values"][name] - 1 for name, value in row["values"].items() if plain["values"][name]
    }
    row["ratio"] = row["images_per_second"] / plain["images_per_second"]
    row["draw_ratio"] = plain["draw_ms"] / row["draw_ms"]
    return row


def line(row: dict[str, Any]) -> str:
    """Show one row."""
    if "reason" in row:
        return f"{row['method']:10} {row['form']:14} {row['reason']}"
    changes = "  ".join(f"{name} {change:+.1e}" for name, change in row["relative_changes"].items())
    return (
        f"{row['method']:10} {row['form']:14} {row['images_per_second']:8.1f} images/s ({row['ratio']:.2f}x)  "
        f"draw {row['draw_ms']:.2f} ms ({row['draw_ratio']:.2f}x)  {row['peak_mb']:.0f} MB  "
        f"grey {row['grey_levels_mean']:.4f}/{row['grey_levels_largest']:.2f}  {changes}"
    )


def rows_of(work: Work, forms: list[Form], repeats: int, deadline: float) -> list[dict[str, Any]]:
    """Measure all forms of one method; one that fails, or has no time left, says so."""
    turns, rows = Turns(work), []
    plain: dict[str, Any] = {}
    about = {"method": work.method, "maps": work.maps, "runs": work.runs, "batch": work.batch, "size": work.size}
    for form in forms:
        try:
            if time.perf_counter() > deadline:
                raise TimeoutError("no time was left")
            row = turns.measure(form, repeats)
            plain = plain or {**row}
            rows.append({**about, **against(row, plain)})
        except Exception as error:
            rows.append({**about, "form": form.name, "reason": f"{type(error).__name__}: {str(error)[:200]}"})
        print(line(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["spade", "groupdnet", "inade"])
    parser.add_argument("--images", type=int, default=160, help="of every pass")
    parser.add_argument("--runs", type=int, default=10, help="images of one label map, where a method draws several")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=40, help="images per call of the generator")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--forms", nargs="+", default=[form.name for form in FORMS], choices=[f.name for f in FORMS])
    parser.add_argument("--seconds", type=float, default=150.0, help="after which no form is begun")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start, began, device = datetime.now(timezone.utc), time.perf_counter(), torch.device(options.device)
    forms = [form for form in FORMS if form.name in options.forms]
    rows: list[dict[str, Any]] = []
    for name in options.methods:
        runs = 1 if resolve("method", METHODS, name).scope == "none" else options.runs
        work = Work(name, options.images // runs, runs, options.size, options.batch, device)
        rows += rows_of(work, forms, options.repeats, began + options.seconds)
        if options.json is not None:
            where = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
            provenance = asdict(collect(where, start, time.perf_counter() - began, options.batch))
            record = {"provenance": provenance, "threads": torch.get_num_threads(), "rows": rows}
            options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
