"""A GPU gives the numbers of a CPU."""

from __future__ import annotations

import pytest
import torch
from small_runs import measure

from bench.results.drift import compare, drifted, read_values

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]


@pytest.mark.parametrize("method", ["spade", "groupdnet", "inade"])
def test_numbers_agree_within_the_tolerance_of_drift(tmp_path, method):
    for device in ("cpu", "cuda"):
        shown = measure(tmp_path / device, "--device", device, methods=method)
        assert shown.exit_code == 0, shown.output
    findings = compare(read_values(tmp_path / "cpu"), read_values(tmp_path / "cuda"))
    assert findings
    assert not drifted(findings)


def test_a_gpu_gives_the_same_numbers_twice(tmp_path):
    for turn in ("one", "two"):
        assert measure(tmp_path / turn, "--device", "cuda", methods="inade").exit_code == 0
    findings = compare(read_values(tmp_path / "one"), read_values(tmp_path / "two"))
    assert not drifted(findings)
