import numpy as np
import pytest
import torch
from drawn_samples import draw_samples, take

from metrics.lpips_diversity import LPIPS_PD, LPIPS_PHOTO
from metrics.parts.intervals import around, bootstrap


def test_bootstrap_is_as_wide_as_the_standard_error_says():
    terms = torch.randn(400, generator=torch.Generator().manual_seed(0)).double() + 5
    low, high = bootstrap(terms)
    assert low < float(terms.mean()) < high
    assert high - low == pytest.approx(2 * 1.96 * float(terms.std()) / 20, rel=0.1)


def test_bootstrap_holds_the_truth_as_often_as_it_says():
    generator = torch.Generator().manual_seed(1)
    held = [low < 1 < high for low, high in (bootstrap(torch.rand(60, generator=generator) * 2) for _ in range(200))]
    assert 0.9 <= np.mean(held) <= 0.99


def test_bootstrap_is_always_the_same_and_equal_terms_have_no_width(monkeypatch):
    terms = torch.rand(50, generator=torch.Generator().manual_seed(0))
    assert bootstrap(terms) == bootstrap(terms)
    assert bootstrap(torch.full((9,), 0.25)) == (0.25, 0.25)
    monkeypatch.setattr("metrics.parts.intervals._BLOCK", 1000)
    assert bootstrap(terms) == pytest.approx(bootstrap(terms.double()))


def test_around_goes_to_both_sides():
    assert around(10, 2) == pytest.approx((6.08, 13.92))


@pytest.mark.parametrize("spec", [LPIPS_PD, LPIPS_PHOTO])
def test_lpips_is_resampled_over_label_maps(setting, spec):
    metric, samples = spec.build(setting), draw_samples(7, 3)
    metric.update(samples)
    (column,) = metric.compute()
    low, high = metric.intervals()[column]
    assert low < np.mean(metric.compute()[column]) < high
    alone = []
    for layout in range(7):
        one = spec.build(setting)
        one.update(take(samples, [layout]))
        alone.append(np.mean(one.compute()[column]))
        assert one.intervals() == {}
    assert metric.intervals()[column] == pytest.approx(bootstrap(torch.tensor(alone)), rel=1e-6)
