"""Every golden that the repository carries, replayed."""

from pathlib import Path

import pytest

from bench.parity.verdict import judge

GOLDENS = Path(__file__).parents[2] / "goldens"
SLOW = {"vspade_training_step", "groupdnet_train_step", "fid_kid_is_public"}
FEW = {"celebamask_merge": 2, "inade_reid": 2, "cityscapes_id_map": 2}  # values of label maps; others have more than 3


def parameters():
    for folder in ("models", "metrics", "segmenters"):
        for path in sorted((GOLDENS / folder).glob("*.json")):
            yield pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])


@pytest.mark.parametrize("path", list(parameters()))
def test_golden_is_reproduced(path):
    verdict = judge(path, path.stem, GOLDENS)
    assert verdict.status == "ok", verdict.detail
    assert verdict.compared >= FEW.get(path.stem, 4)
