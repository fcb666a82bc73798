"""Cells measured from a program, as `bench run` does from the command line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bench.common.progress import Reporter
from bench.evaluation.measure import Evaluation
from bench.evaluation.networks import FeatureNetworks
from bench.evaluation.plan import Wishes, plan_cells
from bench.evaluation.shards import ShardStore
from bench.results.records import Record
from bench.results.store import RecordStore
from bench.synthesis.devices import choose_device


@dataclass(frozen=True)
class Bench:
    """Where results go and what computes them."""

    out: Path
    device: str = "auto"
    batch_size: int = 32
    num_workers: int = 0
    data_root: Path | None = None
    weights_root: Path = Path("weights")

    def measure(self, wishes: Wishes, reporter: Reporter, *, fresh: bool = False) -> list[Record]:
        """Measure what is asked for and not on record, or all, if `fresh`.

        A metric for instances is left out where there are none.
        """
        networks = FeatureNetworks(self.weights_root, choose_device(self.device))
        evaluation = Evaluation(
            RecordStore(self.out),
            ShardStore(self.out / "state"),
            networks,
            self.out / "cache",
            self.data_root,
            self.batch_size,
            reporter,
            self.num_workers,
        )
        records = []
        for plan in plan_cells(wishes, self.data_root, self.weights_root):
            applicable = tuple(m for m in plan.metrics if not m.name.startswith("misd") or plan.data.has_instances)
            records += evaluation.run(replace(plan, metrics=applicable), fresh=fresh)
        reporter.finish()
        return records
