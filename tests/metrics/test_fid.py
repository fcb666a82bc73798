import json

import numpy as np
import pytest
import scipy.linalg
import torch
from drawn_samples import draw_samples

from metrics.fid import FID_PD, frechet_distance
from metrics.moments import Moments


def golden_features(rule, size):
    """The golden file's feature_rule."""
    rng = np.random.Generator(np.random.PCG64(rule["seed"]))
    j = np.arange(size)
    x = rng.standard_normal((rule["N"], size)) * ((0.6 * np.exp(-j / (size / 8)) + 1e-3) * rule["scale"])
    x = x + 0.5 * np.roll(x, 1, axis=1) + 0.25 * np.roll(x, 7, axis=1)
    return torch.from_numpy((np.abs(x + 0.3) + rule["shift"] * np.cos(j)).astype(np.float32))


@pytest.mark.parametrize("name", ["small", "mid", "full_rankdef"])
def test_distance_is_the_exact_golden_one(goldens, name):
    cases = json.loads((goldens / "fid_kid_is_public.json").read_text())["fid"]
    case = next(case for case in cases if case["name"] == name)
    fake, real = (golden_features(case[side], case["D"]) for side in "XY")
    assert float(fake.double().sum()) == pytest.approx(case["check"]["X_sum"])
    distance = frechet_distance(Moments.of(fake), Moments.of(real))
    assert distance == pytest.approx(case["exact_nuclear_norm"], rel=1e-9)
    assert distance == pytest.approx(case["pytorch_fid"], rel=1e-6)


def test_distance_agrees_with_a_matrix_square_root():
    generator = torch.Generator().manual_seed(0)
    fake = torch.randn(50, 6, generator=generator, dtype=torch.float64)
    real = torch.randn(70, 6, generator=generator, dtype=torch.float64) @ torch.diag(torch.arange(1.0, 7).double()) + 1
    (m1, s1), (m2, s2) = ((x.numpy().mean(0), np.cov(x.numpy(), rowvar=False)) for x in (fake, real))
    expected = ((m1 - m2) ** 2).sum() + np.trace(s1 + s2 - 2 * scipy.linalg.sqrtm(s1 @ s2).real)
    assert frechet_distance(Moments.of(fake), Moments.of(real)) == pytest.approx(expected, rel=1e-9)


def test_a_set_is_at_no_distance_from_itself_even_with_fewer_samples_than_features():
    moments = Moments.of(torch.randn(20, 64, generator=torch.Generator().manual_seed(0)))
    assert 0 <= frechet_distance(moments, moments) < 1e-9


def test_distance_is_symmetric():
    generator = torch.Generator().manual_seed(0)
    few, many = (Moments.of(torch.rand(count, 32, generator=generator)) for count in (12, 200))
    assert frechet_distance(few, many) == pytest.approx(frechet_distance(many, few), rel=1e-9)


def test_one_image_is_too_few_and_the_error_says_whose():
    one, many = Moments.of(torch.rand(1, 4)), Moments.of(torch.rand(9, 4))
    with pytest.raises(ValueError, match="at least 2 generated images"):
        frechet_distance(one, many)
    with pytest.raises(ValueError, match="at least 2 real images"):
        frechet_distance(many, one)


def test_features_that_are_not_finite_are_refused():
    broken, many = Moments.of(torch.full((3, 4), float("nan"))), Moments.of(torch.rand(9, 4))
    with pytest.raises(ValueError, match="generated images are not finite"):
        frechet_distance(broken, many)


def test_every_run_is_the_fid_of_its_own_images(setting, paperdolls):
    metric = FID_PD.build(setting)
    samples = draw_samples(6, 3)
    metric.update(samples)
    alone = [frechet_distance(Moments.of(paperdolls(samples.fake[:, r])), metric.reference) for r in range(3)]
    assert metric.compute()["fid_pd"] == pytest.approx(alone, rel=1e-6)
    assert len(set(alone)) == 3
