"""Places of the suite's own files, in a checkout or, arranged alike, beside the installed packages."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # holds bench/, models/, ... and results/
_RESULTS = ROOT / "results"
PUBLISHED = _RESULTS / "papers" / "tables"  # what the papers' tables print, one TOML file each
CLAIMS = _RESULTS / "papers" / "claims.toml"  # the papers' sentences
BASELINE = _RESULTS / "baselines" / "paperdolls.json"  # numbers that `bench check` measures again
COSTS = _RESULTS / "costs"  # records of what the papers' networks cost
MINIATURE = _RESULTS / "paperdolls"  # records of `bench miniature`
SHIPPED_WEIGHTS = ROOT / "bench" / "weights"  # weight files that are part of the suite
