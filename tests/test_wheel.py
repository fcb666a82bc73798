"""What `pip install .` installs: all that the program reads at run time, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
CODE = ("bench/*", "models/*.py", "metrics/*.py", "segmenters/*.py")
DATA = (
    "results/papers/*",
    "results/baselines/*",
    *(f"results/{study}/{name}" for study in ("costs", "paperdolls") for name in ("records.jsonl", "machines.json")),
)


def tracked() -> list[str]:
    """Name the files that git knows and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if (CHECKOUT / name).is_file()]


@pytest.mark.slow
def test_the_wheel_holds_what_is_read_at_run_time_and_nothing_else(tmp_path):
    files = tracked()
    for name in files:
        if not name.startswith("tests/goldens/"):
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, tmp_path / "source" / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    made = subprocess.run(
        [*command, "--wheel-dir", tmp_path, tmp_path / "source"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {name for name in files if any(fnmatch(name, pattern) for pattern in (*CODE, *DATA))}
