"""Stored confusion matrices: every score that papers and evaluators compute from one, and the names of its classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import get_args

import torch
from torch import Tensor

from bench.common.arrays import Arrays, read_arrays, write_arrays
from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.datasets import DATASETS
from bench.datasets.base import DatasetSpec
from bench.results.store import store_of
from metrics.protocol import Reduction
from metrics.segmentation import accuracy, iou_per_class, mean_accuracy, mean_iou, weighted_iou


@dataclass(frozen=True)
class Matrices:
    """Confusion matrices of every run: pixels by label (row) and prediction (column), and pixels not scored."""

    confusion: Tensor  # [R, C, C] int64
    void: Tensor  # [R] int64

    @classmethod
    def read(cls, path: Path) -> Matrices:
        """Read the file that `bench run` writes beside a record of `segmentation`."""
        try:
            arrays = _arrays(path)
            counts, void = (torch.from_numpy(arrays[name]) for name in ("confusion", "void"))
            fits = counts.ndim == 3 and counts.shape[1] == counts.shape[2] and void.shape == counts.shape[:1]
            if not fits or any(array.dtype != torch.int64 or bool((array < 0).any()) for array in (counts, void)):
                raise ValueError(f"confusion is {counts.dtype} {list(counts.shape)}, void {list(void.shape)}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} holds no confusion matrices ({error}); expected the npz that `bench run --metrics "
                "segmentation` writes beside its record: counts 'confusion' [runs, classes, classes], 'void' [runs]."
            ) from error
        return cls(counts, void)

    def write(self, path: Path) -> None:
        """Write the same format."""
        write_arrays(path, {"confusion": self.confusion.numpy(), "void": self.void.numpy()})

    def scores(self) -> list[dict[str, float]]:
        """Compute all scores of every run, in percent."""
        rows = []
        for run, (counts, void) in enumerate(zip(self.confusion, self.void.tolist(), strict=True), start=1):
            if not counts.any():
                raise UserError(f"Run {run} has no pixel with a label that is scored, so there is nothing to compute.")
            rows.append({name: 100 * value for name, value in _numbers(counts, void).items()})
        return rows

    def ious(self) -> list[list[float | None]]:
        """Compute the IoU of every class in percent, run by run; None for a class in neither labels nor predictions."""
        return [
            [None if math.isnan(iou) else 100 * iou for iou in iou_per_class(counts).tolist()]
            for counts in self.confusion
        ]


def _numbers(counts: Tensor, void: int) -> dict[str, float]:
    scored = int(counts.sum())
    reductions: tuple[Reduction, ...] = get_args(Reduction)
    return {
        **{f"miou_{reduction}": mean_iou(counts, reduction) for reduction in reductions},
        "acc_valid": accuracy(counts, void, "valid"),
        "acc_all": accuracy(counts, void, "all"),
        "acc_class": mean_accuracy(counts),
        "iou_weighted": weighted_iou(counts),
        "valid": scored / (scored + void),
    }


def mean_of_runs(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average the scores of runs, as papers do; their matrices are not added up."""
    return {name: fmean(row[name] for row in rows) for name in rows[0]}


def scored_as(spec: DatasetSpec) -> tuple[int, ...]:
    """Give the row of a confusion matrix for every class of a data set's layouts, -1 = not scored."""
    return spec.scored_as or tuple(range(spec.num_classes))


def scored_names(spec: DatasetSpec) -> tuple[str, ...]:
    """Name the rows of a confusion matrix."""
    rows = scored_as(spec)
    return tuple(
        " / ".join(name for name, row in zip(spec.class_names, rows, strict=True) if row == number) or "(never scored)"
        for number in range(max(rows) + 1)
    )


def names_beside(path: Path) -> tuple[str, ...]:
    """Name the rows of a matrix by the data set in the record beside it; nothing if there is none."""
    store = store_of(path.parent)
    dataset = store[path.stem].cell.dataset if path.stem in store else ""
    return scored_names(resolve("dataset", DATASETS, dataset)) if dataset in DATASETS else ()


def _arrays(path: Path) -> Arrays:
    """Read a file or, if `bench pack` has put it into tables.npz, the arrays of the record that named it."""
    if not path.exists() and (packed := store_of(path.parent).tables(path.stem)):
        return packed
    return read_arrays(path)
