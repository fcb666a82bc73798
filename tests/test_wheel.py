"""What `pip install .` installs: all that the program reads at run time, and nothing else."""

from __future__ import annotations

import shutil
import sys
import zipfile
from fnmatch import fnmatch

import pytest
from processes import CHECKOUT, finished

CODE = ("bench/*", "models/*.py", "metrics/*.py", "segmenters/*.py")
DATA = (
    "results/papers/*",
    "results/baselines/*",
    *(f"results/{study}/{name}" for study in ("costs", "paperdolls") for name in ("records.jsonl", "machines.json")),
)


def tracked() -> list[str]:
    """Name the files that git knows and that are there."""
    code, listed, errors = finished("git", "ls-files", "-z")
    assert code == 0, errors
    return [name for name in listed.split("\0") if (CHECKOUT / name).is_file()]


@pytest.mark.slow
def test_the_wheel_holds_what_is_read_at_run_time_and_nothing_else(tmp_path):
    files = tracked()
    for name in files:
        if not name.startswith("tests/goldens/"):
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, tmp_path / "source" / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index")
    code, output, errors = finished(*pip, "--wheel-dir", tmp_path, tmp_path / "source")
    assert code == 0, output + errors
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {name for name in files if any(fnmatch(name, pattern) for pattern in (*CODE, *DATA))}
