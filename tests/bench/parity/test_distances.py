"""The golden of FID, KID and IS, cut down to its small cases, and every number of it spoiled in turn."""

import json
import shutil
from pathlib import Path

import pytest

from bench.parity.verdict import judge

GOLDEN = Path(__file__).parents[2] / "goldens" / "metrics" / "fid_kid_is_public.json"
ARRAYS = "fid_kid_is_public_small_features.npz"


@pytest.fixture
def folder(tmp_path):
    shutil.copy(GOLDEN.with_name(ARRAYS), tmp_path)
    return tmp_path


def small():
    meta = json.loads(GOLDEN.read_text())
    for kind, field in (("fid", "name"), ("kid", "features")):
        meta[kind] = [case for case in meta[kind] if case[field] == "small"]
    meta["isc"] = [case for case in meta["isc"] if case["C"] == 64]
    return meta


def verdict_of(folder, meta):
    path = folder / GOLDEN.name
    path.write_text(json.dumps(meta))
    return judge(path, path.stem, folder)


def test_small_cases_are_ok(folder):
    verdict = verdict_of(folder, small())
    assert verdict.status == "ok", verdict.detail
    assert verdict.compared == 4 + 2 + 8 + 2 * 4 + 2 * 4


PLACES = [
    ("fid", 0, "exact_nuclear_norm", 1e-8),
    ("fid", 0, "pytorch_fid", 1e-5),
    ("fid", 0, "torchmetrics", 1e-5),
    ("fid", 0, "trace_S1", 1e-8),
    ("fid", 0, "trace_S2", 1e-8),
    ("fid", 0, "mean_term", 1e-8),
    ("kid", 0, "torch_fidelity_mean", 1e-2),
    ("kid", 0, "clean_fid_np_random_seed0", 1e-1),
    ("kid", 1, "torch_fidelity_std", 0.1),
    ("kid", 1, "full_unbiased_float64", 1e-8),
]


@pytest.mark.parametrize(("kind", "index", "field", "change"), PLACES)
def test_another_number_is_off(folder, kind, index, field, change):
    meta = small()
    meta[kind][index][field] *= 1 + change
    assert verdict_of(folder, meta).status == "OFF"


@pytest.mark.parametrize("field", ["mean", "std"])
@pytest.mark.parametrize("way", ["shuffle_True", "shuffle_False"])
def test_another_score_is_off(folder, way, field):
    meta = small()
    meta["isc"][0][way][field] *= 1 + 1e-7
    assert verdict_of(folder, meta).status == "OFF"


@pytest.mark.parametrize("kind", ["fid", "isc"])
def test_another_seed_is_off(folder, kind):
    meta = small()
    case = meta[kind][0]
    (case["X"] if kind == "fid" else case)["seed"] += 1
    assert verdict_of(folder, meta).status == "OFF"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda meta: meta.update(npz="../elsewhere.npz"), "is no file beside the json"),
        (lambda meta: meta.update(npz="nothing.npz"), "npz cannot be read"),
        (lambda meta: meta.pop("kid"), "'kid' is no list of cases"),
        (lambda meta: meta["fid"][0]["X"].update(N=10**6), "'N' is 1000000"),
        (lambda meta: meta["fid"][0].update(D=4096, X={**meta["fid"][0]["X"], "N": 10**5}), "x 4096 features, more"),
        (lambda meta: meta["kid"][0].update(features="large"), "which no case of FID makes"),
        (lambda meta: meta["kid"][0].update(subset_size=301), "'subset_size' is 301, expected 1 to 300"),
    ],
)
def test_a_bad_golden_says_what_is_wrong(folder, spoil, message):
    meta = small()
    spoil(meta)
    verdict = verdict_of(folder, meta)
    assert verdict.status == "error"
    assert message in verdict.detail
