"""Every number of a golden of confusion matrices counts: with any of them spoiled, the golden is off."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.parity.verdict import judge

GOLDENS = Path(__file__).parents[2] / "goldens" / "metrics"
MATRIX = json.loads((GOLDENS / "cityscapes19.json").read_text())
EVALUATORS = ("drn", "csail", "deeplab_pytorch", "tf_streaming")
FIELDS = [
    *((name, field) for name in EVALUATORS for field in MATRIX[name]),
    *((name, "") for name in MATRIX if name.startswith("accuracy") or name in ("valid_fraction",)),
    *((name, "") for name in ("gt_classes_present", "pred_classes_present")),
]


@pytest.fixture
def folder(tmp_path):
    for ending in ("json", "npz"):
        shutil.copy(GOLDENS / f"cityscapes19.{ending}", tmp_path)
    return tmp_path


def verdict_of(folder):
    return judge(folder / "cityscapes19.json", "cityscapes19", folder)


def spoiled(value):
    if isinstance(value, list):
        return [*value[:-1], spoiled(value[-1])]
    return value * (1 + 1e-7) if isinstance(value, float) else value + 1


def test_every_number_is_compared(folder):
    assert verdict_of(folder).status == "ok"
    assert verdict_of(folder).compared == 1 + len(FIELDS)


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_another_number_is_off(folder, name, field):
    meta = json.loads((folder / "cityscapes19.json").read_text())
    if field:
        meta[name][field] = spoiled(meta[name][field])
    else:
        meta[name] = spoiled(meta[name])
    (folder / "cityscapes19.json").write_text(json.dumps(meta))
    assert verdict_of(folder).status == "OFF"


def test_one_image_may_stand_without_a_batch(folder):
    with np.load(folder / "cityscapes19.npz") as arrays:
        label, pred = arrays["label"][0], arrays["pred"][0]
    valid = label < 19
    counts = np.zeros((19, 19), np.int64)
    np.add.at(counts, (label[valid].astype(int), pred[valid].astype(int)), 1)
    np.savez(folder / "cityscapes19.npz", label=label, pred=pred, confusion=counts)
    kept = {key: value for key, value in MATRIX.items() if key not in {name for name, _ in FIELDS}}
    (folder / "cityscapes19.json").write_text(json.dumps(kept))
    assert verdict_of(folder).status == "ok"


def test_maps_of_two_sizes_are_refused(folder):
    np.savez(folder / "cityscapes19.npz", label=np.zeros((1, 4, 4), int), pred=np.zeros((1, 2, 2), int))
    assert verdict_of(folder).status == "error"
    assert "expected [N, H, W] of both" in verdict_of(folder).detail
