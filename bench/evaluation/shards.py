"""A pass in shards whose state is kept on disk: a run that is killed loses one shard at most."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from bench.common.arrays import Arrays, read_arrays, write_arrays
from bench.common.errors import UserError
from bench.common.keys import content_key
from bench.common.progress import Reporter
from bench.evaluation.one_pass import Pass
from metrics.base import Metric

SHARD = 16  # layouts; a kill loses one shard at most, or half a minute where the state is large
_SMALL, _PAUSE = (
    32e6,
    30.0,
)  # a state of fewer bytes is saved after every shard; a larger one (FID's: 0.3 GB) after so many seconds


class ShardStore:
    """A folder with one `<cell key>/<shard>.npz` per finished shard."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, cell_key: str, shard: str) -> Path:
        """Name the file of a shard."""
        return self.folder / cell_key / f"{shard}.npz"

    def names(self, cell_key: str) -> list[str]:
        """List the finished shards of a cell in a stable order."""
        return sorted(path.stem for path in (self.folder / cell_key).glob("*.npz"))

    def save(self, cell_key: str, shard: str, arrays: Arrays) -> None:
        """Write a shard whole; equal arrays give equal bytes."""
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise ValueError(f"Shard {shard}: '{name}' holds Python objects; only plain numbers can be stored.")
        write_arrays(self.path(cell_key, shard), arrays)

    def load(self, cell_key: str, shard: str) -> dict[str, NDArray[Any]]:
        """Read a shard back."""
        path = self.path(cell_key, shard)
        if not path.is_file():
            raise UserError(f"There is no shard {path}: run the cell again.")
        try:
            return read_arrays(path)
        except ValueError as error:
            raise UserError(f"{path} is not a whole shard ({error}): delete it, then run again.") from error

    def clear(self, cell_key: str) -> None:
        """Remove all shards of a cell."""
        shutil.rmtree(self.folder / cell_key, ignore_errors=True)


def state_key(record_keys: Iterable[str]) -> str:
    """Name a cell's state by all its records, saved ones too, so that a run that saved only some finds it again."""
    return content_key({"records": sorted(record_keys), "shard": SHARD})


def run_shards(job: Pass, store: ShardStore, key: str, reporter: Reporter, title: str) -> None:
    """Run the shards that are not done and save the state after each; the last file holds the sum of all."""
    done = _restore(job.metrics, store, key)
    rest = range(done * SHARD, job.num_layouts)
    shards = [rest[start : start + SHARD] for start in range(0, len(rest), SHARD)]
    reporter.stage(title, job.count_images(rest))
    kept, written = done - 1, time.monotonic()
    for number, _ in enumerate(job.run(shards, reporter.advance), start=done):
        arrays = _arrays(job.metrics)
        small = sum(array.nbytes for array in arrays.values()) < _SMALL
        if small or time.monotonic() - written > _PAUSE:
            store.save(key, f"{number:06d}", arrays)
            store.path(key, f"{kept:06d}").unlink(missing_ok=True)
            kept, written = number, time.monotonic()


def _restore(metrics: Mapping[str, Metric], store: ShardStore, key: str) -> int:
    """Load the state of the finished shards and return their number; 0 if it lacks one of the metrics."""
    names = store.names(key)
    state = store.load(key, names[-1]) if names else {}
    parts = {
        name: {k: torch.from_numpy(state[f"{name}/{k}"]) for k in metric.state() if f"{name}/{k}" in state}
        for name, metric in metrics.items()
    }
    if not names or any(parts[name].keys() != metric.state().keys() for name, metric in metrics.items()):
        store.clear(key)
        return 0
    for name, metric in metrics.items():
        metric.merge(parts[name])
    return int(names[-1]) + 1


def _arrays(metrics: Mapping[str, Metric]) -> Arrays:
    """Collect the state of all metrics in one flat table."""
    return {f"{name}/{key}": value.numpy() for name, metric in metrics.items() for key, value in metric.state().items()}
