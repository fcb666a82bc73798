"""What is seen of a training while it runs: the suite's own numbers every few epochs, the best weights, TensorBoard.

Nothing here may change what is trained: evaluation builds a network of its own from a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.common.files import link_or_copy, sha256_of, write_text
from bench.common.progress import Reporter
from bench.datasets.base import DatasetSpec
from bench.evaluation.measure import Session
from bench.evaluation.plan import Request, default_metrics
from bench.training.run_folder import read_rows, write_rows
from bench.training.start import TrainingRequest
from bench.training.trainer import Trainer
from bench.weights.tensors import write_weights
from metrics import METRICS
from metrics.columns import Column

_COSTS = ("params", "macs")  # training does not change them


def quality_metrics(data: DatasetSpec) -> tuple[str, ...]:
    """The metrics of a data set that training changes."""
    return tuple(name for name in default_metrics(data) if name not in _COSTS)


def best_column(metrics: Sequence[str], key: str) -> Column:
    """The column of the metrics that decides which weights are the best."""
    columns: dict[str, Column] = {c.key: c for name in metrics for c in resolve("metric", METRICS, name).columns}
    if key not in columns:
        raise UserError(f"--best {key}: not a column of --eval-metrics; they have: {', '.join(columns)}.")
    return columns[key]


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """A block after which the random states of the process are as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


class Evaluations:
    """The suite's metrics of a training, every few epochs, in metrics.csv; and the weights that are best by one."""

    def __init__(self, trainer: Trainer, session: Session, request: Request, every: int, best: Column | None) -> None:
        self.trainer, self.session, self.request, self.every, self.best = trainer, session, request, every, best
        self.folder = trainer.options.folder
        self.rows = read_rows(self.folder / "metrics.csv", trainer.step)

    @classmethod
    def of(cls, trainer: Trainer, request: TrainingRequest, every: int) -> Evaluations:
        """The evaluations of a trainer that a request asks for."""
        metrics = request.eval_metrics or quality_metrics(trainer.dataset.spec)
        session = Session(
            out=trainer.options.folder / "evaluation",
            data_root=request.data_root,
            weights_root=request.weights_root,
            device=str(trainer.options.device),
            num_workers=request.num_workers,
        )
        asked = Request(
            methods=(request.name,),
            datasets=(request.dataset,),
            metrics=metrics,
            preset=request.preset,
            limit=request.eval_limit,
        )
        best = best_column(metrics, request.best) if request.best is not None else None
        return cls(trainer, session, asked, every, best)

    def check(self) -> None:
        """Find out now that data or weights of the metrics are missing."""
        with undisturbed(self.trainer.options.device):
            self.session.plan(replace(self.request, untrained=True))

    def measure(self, reporter: Reporter) -> dict[str, float] | None:
        """Evaluate the finished steps if it is their turn and was not done before."""
        step = self.trainer.step
        if step == 0 or step % (self.every * self.trainer.steps_per_epoch) or any(r["step"] == step for r in self.rows):
            return None
        path = self.folder / "evaluated.safetensors"
        with undisturbed(self.trainer.options.device):
            write_weights(path, self.trainer.result, {"step": str(step)})
            request = replace(self.request, weights={self.request.methods[0]: path})
            records = self.session.measure(self.session.plan(request), reporter)
        values = {column: value for record in records for column, value in record.values.items()}
        self.rows.append({"step": step, **values})
        write_rows(self.folder / "metrics.csv", self.rows)
        if self.best is not None and self.best.key in values:
            self._keep_if_best(self.best, step, path)
        return values

    def _keep_if_best(self, column: Column, step: int, path: Path) -> None:
        """Keep the newest weights unless earlier ones are as good."""
        *before, newest = [row[column.key] for row in self.rows if column.key in row]
        if before and newest <= max(before) if column.better == "higher" else before and newest >= min(before):
            return
        kept = self.folder / "best.safetensors"
        link_or_copy(path, kept)
        record = {"step": step, "metric": column.key, "value": newest, "better": column.better}
        record = {**record, "sha256": sha256_of(kept), "limit": self.request.limit}
        write_text(self.folder / "best.json", json.dumps(record, indent=2, sort_keys=True) + "\n")


class Events:
    """TensorBoard's files of a training, in RUN/events."""

    def __init__(self, trainer: Trainer) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UserError("--tensorboard needs the package tensorboard: pip install tensorboard") from error
        self.trainer, self.folder = trainer, trainer.options.folder
        self.writer: Any = SummaryWriter(str(self.folder / "events"), purge_step=trainer.step + 1)
        self._shown = trainer.step  # last step whose grids are in

    def losses(self, step: int, losses: dict[str, float]) -> None:
        """Write the losses and rates of a step that losses.csv has, too."""
        if step % self.trainer.options.log_every:
            return
        adams = {"generator": self.trainer.adam_g, "discriminator": self.trainer.adam_d}
        for name, value in losses.items():
            self.writer.add_scalar(f"losses/{name}", value, step)
        for name, adam in adams.items():
            self.writer.add_scalar(f"rates/{name}", adam.param_groups[0]["lr"], step)

    def metrics(self, values: dict[str, float]) -> None:
        """Write the numbers of an evaluation."""
        for name, value in values.items():
            self.writer.add_scalar(f"metrics/{name}", value, self.trainer.step)

    def grids(self) -> None:
        """Write the sample pictures since the last call, and all to disk."""
        for step in range(self._shown + 1, self.trainer.step + 1):
            path = self.folder / "grids" / f"{step:07d}.png"
            if path.exists():
                with Image.open(path) as picture:
                    pixels = np.asarray(picture.convert("RGB"))
                self.writer.add_image("grid", pixels, step, dataformats="HWC")
        self._shown = self.trainer.step
        self.writer.flush()


@dataclass(frozen=True)
class Watch:
    """Those who look on while a training runs, and are told of its steps and epochs."""

    evaluations: Evaluations | None
    events: Events | None

    @classmethod
    def of(cls, trainer: Trainer, request: TrainingRequest) -> Watch:
        """Those whom a request asks for; whatever they lack is said now, before hours are spent on training."""
        every, best, save_every = request.eval_every, request.best, request.save_every
        if every is None and best is not None:
            raise UserError("--best chooses among evaluations: give --eval-every EPOCHS, too.")
        if every is not None and every % save_every:
            raise UserError(
                f"--eval-every {every}: saved epochs are evaluated; --save-every {save_every} must divide it."
            )
        evaluations = None
        if every is not None:
            evaluations = Evaluations.of(trainer, request, every)
            evaluations.check()
        shown = request.tensorboard and trainer.options.ranks.leads
        return cls(evaluations, Events(trainer) if shown else None)

    def step(self, step: int, losses: dict[str, float]) -> None:
        """Hear of a finished step."""
        if self.events is not None:
            self.events.losses(step, losses)

    def epoch(self, reporter: Reporter) -> None:
        """Hear of a finished and saved epoch."""
        values = self.evaluations.measure(reporter) if self.evaluations is not None else None
        if self.events is not None:
            self.events.metrics(values or {})
            self.events.grids()
