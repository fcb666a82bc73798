"""The papers in miniature: methods trained on the built-in data at one budget, several times, and measured.

A job is one training of one method with its measurement; several run at once, each in its process. What a job has
finished stays on disk, so that a stopped study goes on where it was.
"""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.context
import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.common.catalog import REFERENCES, resolve
from bench.common.errors import UserError, explained
from bench.common.files import write_text
from bench.common.progress import Reporter
from bench.datasets.base import Dataset, Item
from bench.datasets.find import find_dataset
from bench.evaluation.measure import Session
from bench.evaluation.plan import Request
from bench.synthesis.devices import choose_device
from bench.synthesis.methods import BANK
from bench.synthesis.sizes import config_for
from bench.training.start import build_trainer, choose_recipe, export
from bench.training.trainer import Precision, Trainer, TrainingOptions
from bench.weights.tensors import write_tensors
from models import METHODS
from models.base import MethodSpec
from models.training.schedule import Schedule

TRAINED_ON = "paperdolls"
METRICS = ("fid-pd", "lpips-pd", "mcsd-pd", "misd-pd", "segmentation-pd", "params", "macs")
_BANK_ITEMS = 1000  # photos that SIMS draws from
_EPOCHS = 30  # of a training at most; rates change between them


@dataclass(frozen=True)
class Job:
    """One training of one method; 0 is the first."""

    method: str
    training: int


@dataclass(frozen=True, kw_only=True)
class Study:
    """The choices that all jobs share, and the folder of their results."""

    out: Path
    steps: int
    batch_size: int
    precision: Precision
    device: str
    datasets: tuple[str, ...]
    protocol: str
    draw_batch: int = 256  # images per call of a generator while measuring

    def folder(self, job: Job) -> Path:
        """The run folder of a training."""
        return self.out / "runs" / f"{job.method}-{job.training}"

    @property
    def trainings_file(self) -> Path:
        """The list of finished trainings; it is kept with the records when the weights are not."""
        return self.out / "trainings.json"

    def trainings(self) -> dict[str, dict[str, Any]]:
        """The listed trainings, by the names of their run folders."""
        listed = json.loads(self.trainings_file.read_text(encoding="utf-8")) if self.trainings_file.is_file() else []
        return {training["run"]: training for training in listed}

    def note(self, jobs: Iterable[Job]) -> None:
        """Put finished jobs on the list, with the hash of the weights that each made, by which records name them."""
        kept = ("config", "recipe", "data")  # of each training; they are in its own record
        trainings = self.trainings()
        for job in jobs:
            path, name = self._weights(job).with_suffix(".json"), self.folder(job).name
            if path.is_file():
                record = json.loads(path.read_text(encoding="utf-8"))
                of_study = {"run": name, "protocol": self.protocol, "measured_on": list(self.datasets)}
                trainings[name] = {**of_study, **{key: record[key] for key in record if key not in kept}}
        listed = [trainings[name] for name in sorted(trainings)]
        write_text(self.trainings_file, json.dumps(listed, indent=1, sort_keys=True) + "\n")

    def words(self, job: Job) -> list[str]:
        """The command that makes a training; by it a training of another budget is noticed."""
        words = ["miniature", "--methods", job.method, "--trainings", str(job.training + 1)]
        return [*words, "--steps", str(self.steps), "--batch-size", str(self.batch_size), "--precision", self.precision]

    def work(self, items: Dataset, job: Job) -> None:
        """Train, unless that is done, and measure what is not on record.

        A training that is on the list and has no weights here was measured where they are.
        """
        torch.set_num_threads(1)  # the processes share the cores
        weights = {}
        if job.method not in REFERENCES:
            path, finished = self._weights(job), self._finished(job)
            if finished and not path.is_file():
                return
            weights[job.method] = path if finished else self._train(items, job)
        request = Request(
            methods=(job.method,),
            datasets=self.datasets,
            metrics=METRICS,
            protocol=self.protocol,
            preset="tiny",
            weights=weights,
        )
        session = Session(out=self.out, device=self.device, batch_size=self.draw_batch)
        for record in session.measure(session.plan(request), Reporter()):
            if record.status == "failed":
                raise UserError(f"{record.metric} on {record.cell.data}: {record.reason}")

    def _finished(self, job: Job) -> bool:
        """Whether weights are here, or the list says that they were measured; those of another budget are refused."""
        path = self._weights(job).with_suffix(".json")  # written after the weights
        here = path.is_file() and self._weights(job).is_file()
        training = json.loads(path.read_text(encoding="utf-8")) if here else self.trainings().get(self.folder(job).name)
        if training is None:
            return False
        if training["command"] != shlex.join(["bench", *self.words(job)]):
            raise UserError(f"{self.out} holds it from `{training['command']}`: give another --out, or its options.")
        return here or self._measured(training)

    def _measured(self, training: dict[str, Any]) -> bool:
        """Whether a listed training was measured as this study measures."""
        on = training.get("measured_on", ())
        return training.get("protocol") == self.protocol and {*self.datasets} <= {*on}

    def _train(self, items: Dataset, job: Job) -> Path:
        trainer = self._trainer(items, job)
        start = time.perf_counter()
        trainer.train(lambda step, losses: None)
        path = export(trainer, time.perf_counter() - start, self.words(job))
        (self.folder(job) / "last.pt").unlink()  # three times as large as the weights, and of no more use
        return path

    def _weights(self, job: Job) -> Path:
        return self.folder(job) / "weights.safetensors"

    def _trainer(self, items: Dataset, job: Job) -> Trainer:
        spec: MethodSpec[Any] = resolve("method", METHODS, job.method)
        config = config_for(spec, items.spec, "tiny")
        recipe = self.budgeted(choose_recipe(spec, items.name, "tiny"))
        options = TrainingOptions(
            folder=self.folder(job),
            seed=job.training,
            device=choose_device(self.device),
            precision=self.precision,
            save_every=recipe.epochs + recipe.decay_epochs,
        )
        if spec.has_bank:
            _gather_bank(items, config, options.folder / BANK)
        return build_trainer(spec, config, recipe, items, options)

    def budgeted(self, recipe: Schedule) -> Schedule:
        """A recipe with the study's number of steps, half at the full rate and half with decay; rates are its own."""
        epochs = max(number for number in range(1, _EPOCHS + 1) if self.steps % number == 0)
        return replace(
            recipe,
            batch=self.batch_size,
            epoch_images=self.steps // epochs * self.batch_size,
            epochs=epochs - epochs // 2,
            decay_epochs=epochs // 2,
        )


def _gather_bank(items: Dataset, config: Any, path: Path) -> None:  # noqa: ANN401 - the method's own config
    from models.sims.method import gather

    chosen = (items[index] for index in range(min(_BANK_ITEMS, len(items))))
    write_tensors(path, gather(config, ((item.labels, item.image) for item in chosen)).tensors(), {})


def jobs_of(wanted: Sequence[str], trainings: int) -> list[Job]:
    """The jobs of methods (none named: all that can be trained), the first training of each before any second."""
    trainable = [name for name in METHODS if resolve("method", METHODS, name).tiny_recipe is not None]
    names = wanted or [*REFERENCES, *trainable]
    return [Job(name, n) for n in range(trainings) for name in names if n == 0 or name not in REFERENCES]


class Remembered(Dataset):
    """Items held in memory, so that many trainings render them once; processes that are forked share them."""

    def __init__(self, dataset: Dataset, items: Iterable[Item]) -> None:
        self.spec, self.split, self.size = dataset.spec, dataset.split, dataset.size
        self._dataset = dataset
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    def loader(self, index: int) -> Callable[[], Item]:
        """A call that hands out one item."""
        return partial(self._items.__getitem__, index)

    def resized(self, size: tuple[int, int]) -> Dataset:
        """The same items at another size, made anew."""
        return self._dataset.resized(size)

    def fingerprint(self) -> str:
        """The hash of the data set itself."""
        return self._dataset.fingerprint()


def training_items(processes: int, advance: Callable[[], None]) -> Remembered:
    """All training items, drawn by several processes; `advance` is called for each."""
    dataset = find_dataset(TRAINED_ON, None).open("train", None)
    loaders = map(dataset.loader, range(len(dataset)))
    with ProcessPoolExecutor(max(1, processes), _context()) as pool:
        return Remembered(dataset, _counted(pool.map(_rendered, loaders, chunksize=100), advance))


def _rendered(load: Callable[[], Item]) -> Item:
    return load()


def _counted(items: Iterable[Item], advance: Callable[[], None]) -> Iterator[Item]:
    for item in items:
        advance()
        yield item


def _context() -> multiprocessing.context.BaseContext:
    """Processes that are forked, where that is possible, so that memory is shared; nothing may be on a GPU yet."""
    return multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")


def run_jobs(jobs: Sequence[Job], work: Callable[[Job], None], processes: int) -> Iterator[tuple[Job, str]]:
    """Work on all jobs at once and yield each that ends, with what went wrong or ""; the others go on."""
    if processes == 0:
        for job in jobs:
            yield job, _outcome(work, job)
        return
    with ProcessPoolExecutor(processes, _context(), initializer=_remember, initargs=(work,)) as pool:
        running = {pool.submit(_remembered_work, job): job for job in jobs}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BrokenProcessPool as error:
            raise UserError(
                "A process of the study was killed, perhaps for want of memory. What is finished is kept: repeat the "
                "command, with fewer --jobs."
            ) from error
        except BaseException:
            working = list(pool._processes.values())  # kill_workers() is new in Python 3.14
            pool.shutdown(wait=False, cancel_futures=True)
            for process in working:
                process.kill()  # what it finished is on disk
            raise


_work: Callable[[Job], None]


def _remember(work: Callable[[Job], None]) -> None:
    global _work  # a process of the pool is told once what its jobs have in common
    _work = work


def _remembered_work(job: Job) -> str:
    return _outcome(_work, job)


def _outcome(work: Callable[[Job], None], job: Job) -> str:
    """What went wrong with a job, or ""; its error must not end the others."""
    try:
        work(job)
    except Exception as error:
        return explained(error)[0]
    return ""
