import json

import numpy as np
import pytest
import scipy.linalg
import torch
from drawn_samples import draw_samples
from golden_features import golden_features

from metrics.fid import FID_PD, frechet_distance
from metrics.parts.moments import Gaussian, Moments


def gaussian(features):
    return Moments.of(features).gaussian()


def exact_distance(fake, real):
    """By the singular values of the centred features, which rounding moves least; numpy, float64."""
    fake, real = fake.double().numpy(), real.double().numpy()
    a, b = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (fake, real))
    shift = ((fake.mean(0) - real.mean(0)) ** 2).sum()
    return shift + (a**2).sum() + (b**2).sum() - 2 * np.linalg.svd(a @ b.T, compute_uv=False).sum()


@pytest.mark.parametrize("name", ["small", "mid", "full_rankdef"])
def test_distance_is_the_exact_golden_one(goldens, name):
    cases = json.loads((goldens / "fid_kid_is_public.json").read_text())["fid"]
    case = next(case for case in cases if case["name"] == name)
    fake, real = (golden_features(case[side], case["D"]) for side in "XY")
    assert float(fake.double().sum()) == pytest.approx(case["check"]["X_sum"])
    distance = frechet_distance(gaussian(fake), gaussian(real))
    assert distance == pytest.approx(case["exact_nuclear_norm"], rel=1e-9)
    assert distance == pytest.approx(case["pytorch_fid"], rel=1e-6)


def test_distance_agrees_with_a_matrix_square_root():
    generator = torch.Generator().manual_seed(0)
    fake = torch.randn(50, 6, generator=generator, dtype=torch.float64)
    real = torch.randn(70, 6, generator=generator, dtype=torch.float64) @ torch.diag(torch.arange(1.0, 7).double()) + 1
    (m1, s1), (m2, s2) = ((x.numpy().mean(0), np.cov(x.numpy(), rowvar=False)) for x in (fake, real))
    expected = ((m1 - m2) ** 2).sum() + np.trace(s1 + s2 - 2 * scipy.linalg.sqrtm(s1 @ s2).real)
    assert frechet_distance(gaussian(fake), gaussian(real)) == pytest.approx(expected, rel=1e-9)


def test_a_set_is_at_no_distance_from_itself_even_with_fewer_samples_than_features():
    moments = gaussian(torch.randn(20, 64, generator=torch.Generator().manual_seed(0)))
    assert 0 <= frechet_distance(moments, moments) < 1e-9


def test_distance_is_symmetric():
    generator = torch.Generator().manual_seed(0)
    few, many = (gaussian(torch.rand(count, 32, generator=generator)) for count in (12, 200))
    assert frechet_distance(few, many) == pytest.approx(frechet_distance(many, few), rel=1e-9)


def random_features(count, size=48, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(size, size, generator=generator) / size**0.5
    return torch.rand(count, size, generator=generator) @ mixed


AWKWARD = {
    "two images": lambda: random_features(2),
    "fewer images than features": lambda: random_features(17),
    "as many": lambda: random_features(48),
    "one more": lambda: random_features(49),
    "every image twice": lambda: random_features(20).repeat(2, 1),
    "every image many times": lambda: random_features(3).repeat(40, 1),
    "one image only": lambda: random_features(1).expand(60, -1),
    "black": lambda: torch.zeros(60, 48),
    "features that never change": lambda: random_features(60) * (torch.arange(48) % 3 > 0) + 0.3,
    "features of very different size": lambda: random_features(60) * torch.logspace(-6, 3, 48),
    "many": lambda: random_features(300),
}


@pytest.mark.parametrize("other", ["two images", "every image twice", "one image only", "many"])
@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_features_have_the_exact_distance(case, other):
    fake, real = AWKWARD[case](), 0.9 * AWKWARD[other]() + 0.1
    expected = exact_distance(fake, real)
    scale = expected + float(fake.double().var(0).sum() + real.double().var(0).sum())
    for one, two in ((fake, real), (real, fake)):
        assert frechet_distance(gaussian(one), gaussian(two)) == pytest.approx(expected, rel=1e-9, abs=1e-12 * scale)


def test_sets_that_vary_in_different_features_have_the_exact_distance():
    place = torch.arange(48)
    fake, real = random_features(30) * (place < 25), random_features(40, seed=1) * (place > 23)
    found = frechet_distance(gaussian(fake), gaussian(real))
    assert found == pytest.approx(exact_distance(fake, real), rel=1e-9)


def test_statistics_of_an_unknown_number_of_images_serve_as_well():
    fake, known = gaussian(random_features(30)), gaussian(random_features(17, seed=1))
    unknown = Gaussian(known.mean, known.covariance, None)
    assert frechet_distance(fake, unknown) == pytest.approx(frechet_distance(fake, known), rel=1e-12)


def test_a_covariance_with_slightly_negative_variances_still_gives_a_number():
    known = gaussian(random_features(60))
    bent = known.covariance - 1e-7 * torch.eye(48, dtype=torch.float64)
    found = frechet_distance(gaussian(random_features(20, seed=2)), Gaussian(known.mean, bent, None))
    assert found == pytest.approx(frechet_distance(gaussian(random_features(20, seed=2)), known), rel=1e-3)


@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated:DeprecationWarning")
def test_peers_give_the_same_distance():
    from cleanfid.fid import frechet_distance as clean_fid
    from pytorch_fid.fid_score import calculate_frechet_distance
    from torch_fidelity.metric_fid import fid_statistics_to_metric
    from torchmetrics.image.fid import _compute_fid

    fake, real = gaussian(random_features(300)), gaussian(random_features(400, seed=1) + 0.2)
    ours = frechet_distance(fake, real)
    arrays = [x.numpy() for x in (fake.mean, fake.covariance, real.mean, real.covariance)]
    assert ours == pytest.approx(calculate_frechet_distance(*arrays), rel=1e-8)
    assert ours == pytest.approx(clean_fid(*arrays), rel=1e-8)
    theirs = [{"mu": mu, "sigma": sigma} for mu, sigma in (arrays[:2], arrays[2:])]
    found = fid_statistics_to_metric(*theirs, verbose=False)["frechet_inception_distance"]
    assert ours == pytest.approx(found, rel=1e-8)
    torchmetrics = _compute_fid(fake.mean, fake.covariance, real.mean, real.covariance)
    assert ours == pytest.approx(float(torchmetrics), rel=1e-8)


def test_one_image_is_too_few_and_the_error_says_whose():
    one, many = gaussian(torch.rand(1, 4)), gaussian(torch.rand(9, 4))
    with pytest.raises(ValueError, match="at least 2 generated images"):
        frechet_distance(one, many)
    with pytest.raises(ValueError, match="at least 2 real images"):
        frechet_distance(many, one)


def test_features_that_are_not_finite_are_refused():
    broken, many = gaussian(torch.full((3, 4), float("nan"))), gaussian(torch.rand(9, 4))
    with pytest.raises(ValueError, match="generated images are not finite"):
        frechet_distance(broken, many)


def test_every_run_is_the_fid_of_its_own_images(setting, paperdolls):
    metric = FID_PD.build(setting)
    samples = draw_samples(6, 3)
    metric.update(samples)
    alone = [frechet_distance(gaussian(paperdolls(samples.fake[:, r])), metric.reference) for r in range(3)]
    assert metric.compute()["fid_pd"] == pytest.approx(alone, rel=1e-6)
    assert len(set(alone)) == 3


def test_the_number_of_real_images_is_reported(setting):
    assert FID_PD.build(setting).counts() == {"real images": 40}


def test_resampling_gives_fid_no_interval(setting):
    metric = FID_PD.build(setting)
    metric.update(draw_samples(6, 3))
    metric.compute()
    assert metric.intervals() == {}
