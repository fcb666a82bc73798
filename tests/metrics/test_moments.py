import numpy as np
import torch

from metrics.moments import Moments


def features(count, size=5, seed=0):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) + 3


def test_mean_and_covariance_are_numpys():
    x = features(11)
    moments = Moments.of(x)
    np.testing.assert_allclose(moments.mean, x.double().mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(x.double().numpy(), rowvar=False), rtol=1e-11)


def test_parts_add_up_to_the_whole():
    x = features(11)
    parts = Moments.of(x[:4]) + Moments.of(x[4:5]) + Moments.of(x[5:])
    assert parts.count == 11
    torch.testing.assert_close(parts.covariance, Moments.of(x).covariance, rtol=1e-12, atol=1e-13)


def test_factor_has_the_columns_the_rank_allows():
    for count, rank in ((3, 2), (11, 5)):
        moments = Moments.of(features(count))
        assert moments.factor.shape == (5, rank)
        torch.testing.assert_close(moments.factor @ moments.factor.T, moments.covariance, rtol=1e-10, atol=1e-12)


def test_saved_moments_come_back_exactly(tmp_path):
    moments = Moments.of(features(4))
    moments.save(tmp_path / "reference.npz")
    loaded = Moments.load(tmp_path / "reference.npz")
    assert loaded.count == 4
    assert torch.equal(loaded.sum, moments.sum)
    assert torch.equal(loaded.outer, moments.outer)
