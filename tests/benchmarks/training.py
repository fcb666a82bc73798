"""Images per second of a training step, method by method, and where its time goes.

`OMP_NUM_THREADS=1 python tests/benchmarks/training.py --json results/performance/training-cpu.json`

Small networks on the built-in data at 64x64, batches of 8, as `bench train` runs them. The time of a step is split into
reading (rendering items and stacking them), forward, backward and optimizer; forward is what is left, losses and random
numbers included. Two forms take turns in one process: the suite's (channels_last, bfloat16 where asked for) and the
plain one (float32 in the usual layout). `--size 256` trains the papers' DeepFashion networks instead, on a GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from _peers import peak_mb
from torch import Tensor

from bench.common.catalog import resolve
from bench.datasets.paperdolls.dataset import PAPERDOLLS, Paperdolls
from bench.results.provenance import collect
from bench.synthesis.batches import Batch
from bench.training.trainer import Precision, Trainer, TrainingOptions
from models import METHODS
from models.base import MethodSpec

METHODS_SHOWN = (
    "pix2pixhd",
    "spade",
    "vspade",
    "groupdnet",
    "inade",
    "clade",
    "scgan",
    "oasis",
    "ccfpse",
    "bicyclegan",
)
PARTS = ("reading", "forward", "backward", "optimizer")


class Watched:
    """A training whose steps are timed part by part."""

    def __init__(self, name: str, size: int, batch: int, device: torch.device, precision: Precision, *, plain: bool):
        spec: MethodSpec[Any] = resolve("method", METHODS, name)
        config = spec.tiny if size == 64 else replace(spec.configs["deepfashion"], height=size, width=size)
        recipe = replace(spec.tiny_recipe, batch=batch, epochs=1, decay_epochs=0, epoch_images=1000 * batch)
        dataset = Paperdolls(PAPERDOLLS, "train", length=1000 * batch, persons=1, size=size)
        options = TrainingOptions(folder=Path(tempfile.mkdtemp()), device=device, precision=precision)
        self.trainer = Trainer(spec.build(config), recipe, dataset, options)
        if plain:
            self.trainer.objective.to(memory_format=torch.contiguous_format)
        self.trainer.objective.train()
        self.batches: Iterator[Batch] = self.trainer.batches()
        self.device, self.seconds = device, dict.fromkeys(PARTS, 0.0)
        for adam in (self.trainer.adam_g, self.trainer.adam_d):
            adam.step = self._timed("optimizer", adam.step)  # type: ignore[method-assign]

    def step(self) -> dict[str, float]:
        """Take a step and return the seconds of its parts."""
        self.seconds = dict.fromkeys(PARTS, 0.0)
        start = self.now()
        batch = next(self.batches)
        self.seconds["reading"] = self.now() - start
        with self._backward_timed():
            self.trainer.train_step(batch)
        self.trainer.step += 1
        whole = self.now() - start
        self.seconds["forward"] = whole - sum(self.seconds[part] for part in PARTS if part != "forward")
        return {**self.seconds, "step": whole}

    def now(self) -> float:
        """Read the clock when the device has done its work; of this process alone on a CPU, which others may use."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def _timed(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*words: Any, **named: Any) -> Any:
            start = self.now()
            result = work(*words, **named)
            self.seconds[part] += self.now() - start
            return result

        return measured

    @contextmanager
    def _backward_timed(self) -> Iterator[None]:
        plain = Tensor.backward
        Tensor.backward = self._timed("backward", plain)  # type: ignore[method-assign]
        try:
            yield
        finally:
            Tensor.backward = plain  # type: ignore[method-assign]


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one method in both forms, in turns."""
    device = torch.device(options.device)
    sizes = (name, options.size, options.batch, device)
    forms = {
        "suite": Watched(*sizes, options.precision, plain=False),
        "plain": Watched(*sizes, "float32", plain=True),
    }
    times: dict[str, list[dict[str, float]]] = {form: [] for form in forms}
    row: dict[str, Any] = {"method": name, "size": options.size, "batch": options.batch, "precision": options.precision}
    for form, watched in forms.items():  # the first steps are slow
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        for _ in range(options.warm):
            watched.step()
        row[f"{form}_peak_mb"] = peak_mb(device)
    for _ in range(options.steps):
        for form, watched in forms.items():
            times[form].append(watched.step())
    for form, steps in times.items():
        medians = {part: statistics.median(step[part] for step in steps) for part in (*PARTS, "step")}
        row[form] = {**medians, "images_per_second": options.batch / medians["step"], "steps": len(steps)}
    return row | {"ratio": row["suite"]["images_per_second"] / row["plain"]["images_per_second"]}


def line(row: dict[str, Any]) -> str:
    """Show one row."""
    if "reason" in row:
        return f"{row['method']:12} {row['reason']}"
    suite = row["suite"]
    split = "  ".join(f"{part} {suite[part] / suite['step']:4.0%}" for part in PARTS)
    return (
        f"{row['method']:12} {suite['images_per_second']:8.1f} images/s  {split}  plain "
        f"{row['plain']['images_per_second']:8.1f}  {row['ratio']:.2f}x  peak {row['suite_peak_mb']:.0f} MB"
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=list(METHODS_SHOWN))
    parser.add_argument("--size", type=int, choices=[64, 256], default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warm", type=int, default=2, help="steps before those that count")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--seconds", type=float, default=600.0, help="after which no method is begun")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start, began = datetime.now(timezone.utc), time.perf_counter()
    rows: list[dict[str, Any]] = []
    for name in options.methods:
        if time.perf_counter() - began > options.seconds:
            rows.append({"method": name, "reason": "no time was left"})
        else:
            rows.append(measure(name, options))
        print(line(rows[-1]), flush=True)
    if options.json is not None:
        where = torch.cuda.get_device_name() if options.device.startswith("cuda") else "cpu"
        seconds = time.perf_counter() - began
        provenance = asdict(collect(where, start, seconds, options.batch, options.precision))
        record = {"provenance": provenance, "threads": torch.get_num_threads(), "rows": rows}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
