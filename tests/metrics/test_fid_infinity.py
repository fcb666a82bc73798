import numpy as np
import pytest
import torch
from drawn_samples import draw_samples

from metrics.fid import frechet_distance
from metrics.fid_infinity import FID_INFINITY, extrapolate
from metrics.parts.moments import Gaussian, Moments


def of_scale(scale, count, size=32, seed=0):
    return scale * torch.randn(count, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_most_of_what_few_images_add_to_the_distance_of_gaussians_goes():
    reference = Gaussian(torch.zeros(64, dtype=torch.float64), torch.eye(64, dtype=torch.float64), None)
    exact = 64 * (1.2 - 1) ** 2
    sets = [of_scale(1.2, 320, size=64, seed=seed) for seed in range(10)]
    excess = np.mean([frechet_distance(Moments.of(images).gaussian(), reference) for images in sets]) - exact
    assert excess > exact
    assert np.mean([extrapolate(images, reference) for images in sets]) == pytest.approx(exact, abs=0.12 * excess)


def test_the_subsets_are_always_the_same():
    reference = Moments.of(of_scale(1, 50)).gaussian()
    assert extrapolate(of_scale(2, 40), reference) == extrapolate(of_scale(2, 40), reference)


def test_too_few_images_are_refused():
    reference = Moments.of(of_scale(1, 50)).gaussian()
    extrapolate(of_scale(1, 24), reference)
    with pytest.raises(ValueError, match="FID-infinity needs 24 images, 3/4 of the features' 32 numbers, and has 23"):
        extrapolate(of_scale(1, 23), reference)


def test_every_run_is_extrapolated(setting):
    metric, samples = FID_INFINITY.build(setting), draw_samples(7, 3)
    metric.update(samples)
    network = setting.networks["inception"]
    alone = [extrapolate(network(samples.fake[:, run]), metric.reference) for run in range(3)]
    assert metric.compute()["fid_infinity"] == pytest.approx(alone, rel=1e-6)
    assert metric.counts() == {"real images": 40}
