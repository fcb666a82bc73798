import numpy as np
import pytest
import torch

from metrics.parts.moments import Gaussian, Moments


def features(count, size=5, seed=0):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) + 3


def test_mean_and_covariance_are_numpys():
    x = features(11)
    gaussian = Moments.of(x).gaussian()
    assert gaussian.count == 11
    np.testing.assert_allclose(gaussian.mean, x.double().mean(0), rtol=1e-12)
    np.testing.assert_allclose(gaussian.covariance, np.cov(x.double().numpy(), rowvar=False), rtol=1e-11)


def test_parts_add_up_to_the_whole():
    x = features(11)
    parts = Moments.of(x[:4]) + Moments.of(x[4:5]) + Moments.of(x[5:])
    assert parts.count == 11
    whole = Moments.of(x).gaussian().covariance
    torch.testing.assert_close(parts.gaussian().covariance, whole, rtol=1e-12, atol=1e-13)


def assert_factored(gaussian, rank):
    factor = gaussian.factor
    assert factor.shape == (len(gaussian.mean), rank)
    torch.testing.assert_close(factor @ factor.T, gaussian.covariance, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("count", "rank"), [(2, 1), (3, 2), (5, 4), (6, 5), (11, 5)])
def test_factor_has_the_columns_the_rank_allows(count, rank):
    assert_factored(Moments.of(features(count)).gaussian(), rank)


def test_images_that_come_twice_add_no_column():
    assert_factored(Moments.of(features(6, size=20).repeat(3, 1)).gaussian(), 5)


def test_features_that_depend_on_others_add_no_column():
    x = features(40, size=4)
    assert_factored(Moments.of(torch.cat([x, 2 * x[:, :2], torch.full((40, 1), 0.3)], 1)).gaussian(), 4)


@pytest.mark.parametrize("value", [0.0, 1 / 3, -12.3])
@pytest.mark.parametrize("count", [9, 7, 60])
def test_equal_images_have_no_direction(value, count):
    assert_factored(Moments.of(torch.full((count, 30), value, dtype=torch.float64)).gaussian(), 0)


def test_a_large_feature_that_never_changes_adds_no_column():
    x = torch.cat([features(40, size=4).double(), torch.full((40, 1), 3000 + 1 / 3, dtype=torch.float64)], 1)
    gaussian = Moments.of(x).gaussian()
    assert gaussian.factor.shape == (5, 4)
    gaussian.covariance[4, 4] = 1e-10  # as rounding leaves it, depending on the machine's order of sums
    assert Gaussian(gaussian.mean, gaussian.covariance, gaussian.count).factor.shape == (5, 4)


def test_rounding_never_adds_a_direction_beyond_what_the_images_span():
    x = torch.rand(3, 3, generator=torch.Generator().manual_seed(251)) + 30
    known = Moments.of(x).gaussian()
    rounded = known.covariance + 1e-9 * torch.eye(3, dtype=torch.float64)  # more than the images span
    assert Gaussian(known.mean, rounded, None).factor.shape == (3, 3)
    assert Gaussian(known.mean, rounded, known.count).factor.shape == (3, 2)


def test_without_a_count_the_rank_is_found():
    known = Moments.of(features(6, size=20)).gaussian()
    assert_factored(Gaussian(known.mean, known.covariance, None), 5)


def test_a_stored_factor_is_not_computed_again():
    known = Moments.of(features(6)).gaussian()
    stored = torch.ones(5, 1)
    assert Gaussian(known.mean, known.covariance, 6, stored).factor is stored
