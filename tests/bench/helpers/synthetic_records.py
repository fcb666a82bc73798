"""Made-up records for the tests of stores and tables."""

from __future__ import annotations

from dataclasses import replace

from bench.results.provenance import Provenance
from bench.results.records import Cell, Record

PROVENANCE = Provenance(
    commit="0123abc",
    dirty=False,
    versions={"torch": "2.6.0"},
    python="3.11.7",
    platform="Linux",
    device="cpu",
    start="2026-01-01T00:00:00+00:00",
    seconds=1.5,
    batch_size=8,
)
CELL = Cell("inade", "paper", "deepfashion", "inade2021")


def done(cell: Cell = CELL, metric: str = "fid", weights: str = "trained", **values: float | list[float]) -> Record:
    runs = {name: value for name, value in values.items() if isinstance(value, list)}
    means = {name: sum(value) / len(value) if isinstance(value, list) else value for name, value in values.items()}
    return Record(_key(cell, metric, weights), cell, metric, 1, "done", weights, PROVENANCE, means, runs)


def skipped(cell: Cell, metric: str, reason: str, *columns: str) -> Record:
    return Record(
        _key(cell, metric, "skipped"), cell, metric, 1, "skipped", "trained", PROVENANCE, reason=reason, columns=columns
    )


def later(record: Record, start: str) -> Record:
    return replace(record, key=f"0-{record.key}", provenance=replace(PROVENANCE, start=start))


def _key(*parts: object) -> str:
    return "-".join(str(part) for part in parts).translate(str.maketrans("", "", " ()',=/"))


def of_paper() -> list[Record]:
    """Records that fill the toy table in every way a place can be filled or left blank."""
    fashion = {name: Cell(name, "paper", "deepfashion", "inade2021") for name in ("spade", "inade", "groupdnet")}
    scenes = {name: Cell(name, "paper", "ade20k", "inade2021") for name in ("spade", "inade", "groupdnet")}
    ablation = replace(fashion["inade"], method="inade-no-us")
    return [
        done(fashion["spade"], fid=11.5, metric="fid"),
        done(fashion["spade"], lpips=0.0, metric="lpips"),
        done(fashion["inade"], fid=[9.5, 10.0, 10.5]),
        done(fashion["inade"], lpips=0.2249, metric="lpips"),
        done(fashion["groupdnet"], fid=10.004),
        skipped(fashion["groupdnet"], "lpips", "no <alexnet> & no heads", "lpips"),
        done(ablation, fid=3.0),
        done(scenes["spade"], miou=36.0, accuracy=78.0, metric="segmentation"),
        done(scenes["inade"], miou=99.0, metric="segmentation", weights="untrained"),
        replace(done(scenes["groupdnet"], miou=26.0, metric="segmentation"), note="GroupDNet is a reconstruction"),
        done(replace(scenes["groupdnet"], preset="tiny"), params_m=0.1, metric="params"),
        done(replace(scenes["spade"], limit=50), params_m=0.2, metric="params"),
        done(replace(scenes["inade"], protocol="clean"), params_m=0.3, metric="params"),
    ]


def of_run() -> list[Record]:
    """Records of one limited run on the built-in data."""
    cells = {name: Cell(name, "tiny", "paperdolls2", "mini", 50) for name in ("spade", "inade", "truth")}
    counts = {"layouts": 50, "images": 150}
    return [
        replace(done(cells["inade"], "fid-pd", fid_pd=[1.0, 1.5], weights="untrained"), counts=counts),
        replace(done(cells["spade"], "fid-pd", fid_pd=2.0, weights="untrained"), counts=counts),
        replace(done(cells["truth"], "fid-pd", fid_pd=0.5), counts=counts),
        done(cells["inade"], "misd-pd", misd_pd=0.25, moid_pd=0.125),
        done(cells["truth"], "misd-pd", misd_pd=0.5, moid_pd=0.0),
        skipped(cells["spade"], "misd-pd", "one image per layout", "misd_pd", "moid_pd"),
    ]
