"""Where the suite's own files lie: in a checkout, and in the same order beside the installed packages."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # holds bench/, models/, ... and results/
_RESULTS = ROOT / "results"
PUBLISHED = _RESULTS / "papers" / "tables"  # what the papers' tables print, one TOML file each
CLAIMS = _RESULTS / "papers" / "claims.toml"  # the papers' sentences
BASELINE = _RESULTS / "baselines" / "paperdolls.json"  # numbers that `bench check` measures again
COSTS = _RESULTS / "costs"  # of the papers' networks
MINIATURE = _RESULTS / "paperdolls"  # every method that can be trained, on the built-in data
SHIPPED_WEIGHTS = ROOT / "bench" / "weights"  # weight files that are part of the suite
