import json

import numpy as np
import pytest
import torch
from drawn_samples import draw_samples, take
from golden_features import golden_features

from metrics.kid import KID, KID_PD, SUBSETS, draw_subsets, kernel_distance, kernel_sums, within


def random_features(count, seed=0, size=16):
    return torch.rand(count, size, generator=torch.Generator().manual_seed(seed))


def distance(fakes, reals, subsets=SUBSETS, size=None):
    drawn = draw_subsets(len(fakes), len(reals), subsets, size or min(len(fakes), len(reals)))
    return kernel_distance(fakes, reals, drawn, within(reals, drawn[1]))


def by_loops(fakes, reals):
    def kernel(x, y):
        return (float(x.double() @ y.double()) / len(x) + 1) ** 3

    def own(z):
        return np.mean([kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j])

    return own(fakes) + own(reals) - 2 * np.mean([kernel(a, b) for a in fakes for b in reals])


@pytest.mark.parametrize("blocks", [2048, 4])
def test_all_images_give_the_unbiased_estimate(blocks, monkeypatch):
    monkeypatch.setattr("metrics.kid._BLOCK", blocks)
    fakes, reals = random_features(9), random_features(14, seed=1) * 1.1
    assert distance(fakes, reals).whole == pytest.approx(by_loops(fakes, reals), rel=1e-10)


@pytest.mark.parametrize("index", range(4))
def test_golden_subsets_and_the_whole(goldens, index):
    facts = json.loads((goldens / "fid_kid_is_public.json").read_text())
    case = facts["kid"][index]
    rules = next(rules for rules in facts["fid"] if rules["name"] == case["features"])
    fakes, reals = (golden_features(rules[side], rules["D"]) for side in "XY")
    found = distance(fakes, reals, case["subsets"], case["subset_size"])
    assert found.whole == pytest.approx(case["full_unbiased_float64"], rel=1e-9)
    assert float(found.subsets.mean()) == pytest.approx(case["torch_fidelity_mean"], abs=1e-6)  # theirs is float32
    assert float(found.subsets.std(correction=0)) == pytest.approx(case["torch_fidelity_std"], abs=1e-6)


def test_torch_fidelity_gives_the_same_subsets():
    from torch_fidelity.metric_kid import kid_features_to_metric

    fakes, reals = random_features(50), random_features(70, seed=1)
    theirs = kid_features_to_metric(
        fakes.double(), reals.double(), kid_subset_size=20, kid_subsets=30, rng_seed=2020, verbose=False
    )
    found = distance(fakes, reals, 30, 20).subsets
    assert float(found.mean()) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert float(found.std(correction=0)) == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-9)


def test_clean_fid_gives_the_same_estimate():
    from cleanfid.fid import kernel_distance as clean_fid

    fakes, reals = random_features(30), random_features(30, seed=1)
    theirs = clean_fid(fakes.double().numpy(), reals.double().numpy(), num_subsets=1, max_subset_size=30)
    assert distance(fakes, reals).whole == pytest.approx(float(theirs), rel=1e-9)


def test_torchmetrics_gives_the_same_estimate():
    from torchmetrics.image.kid import poly_mmd

    fakes, reals = random_features(20).double(), random_features(20, seed=1).double()
    assert distance(fakes, reals).whole == pytest.approx(float(poly_mmd(fakes, reals)), rel=1e-9)


def test_a_value_of_the_kernel_is_computed_once_for_all_subsets():
    x, y = random_features(5), random_features(6, seed=1)
    of_x, of_y = draw_subsets(5, 6, 3, 4)
    kernel = (x.double() @ y.double().T / 16 + 1) ** 3
    expected = [float(kernel[a > 0][:, b > 0].sum()) for a, b in zip(of_x, of_y, strict=True)]
    sums = kernel_sums(x, y, of_x, of_y)
    assert sums.subsets.tolist() == pytest.approx(expected)
    assert sums.rows.tolist() == pytest.approx(kernel.sum(1).tolist())
    assert sums.columns.tolist() == pytest.approx(kernel.sum(0).tolist())


def test_standard_error_is_the_deviation_over_other_images():
    found = [distance(random_features(80, seed), random_features(120, seed + 1000) ** 2) for seed in range(300)]
    spread = float(np.std([each.whole for each in found]))
    assert np.mean([each.error for each in found]) == pytest.approx(spread, rel=0.1)


@pytest.fixture
def many(setting, monkeypatch):
    """A metric of 300 images in subsets of 60."""
    monkeypatch.setattr("metrics.kid.SUBSET_SIZE", 60)
    setting.num_layouts = 300
    generator = torch.Generator().manual_seed(9)
    photos = torch.rand(400, 3, generator=generator)
    monkeypatch.setattr(type(setting), "photo_features", lambda *_: photos)
    metric = KID.build(setting)
    samples = draw_samples(300, 3, size=16)
    samples.fake = torch.rand(300, 3, 3, 1, 1, generator=generator).pow(1.1).expand(-1, -1, -1, 16, 16).contiguous()
    metric.update(samples)
    return metric


def test_both_intervals_hold_their_value_and_are_alike_wide(many):
    values = many.compute()
    (low, high), (all_low, all_high) = (many.intervals()[column] for column in ("kid", "kid_all"))
    assert low < np.mean(values["kid"]) < high
    assert all_low < np.mean(values["kid_all"]) < all_high
    assert 0.5 < (high - low) / (all_high - all_low) < 2


def test_subsets_of_all_images_have_no_interval(setting):
    metric = KID_PD.build(setting)
    metric.update(draw_samples(7, 3))
    assert set(metric.compute()) == {"kid_pd", "kid_all_pd"}
    assert set(metric.intervals()) == {"kid_all_pd"}


def test_every_run_is_the_kid_of_its_own_images(setting, paperdolls):
    metric, samples = KID_PD.build(setting), draw_samples(7, 3)
    metric.update(samples)
    alone = [distance(paperdolls(samples.fake[:, r]), setting.photo_features("paperdolls")).whole for r in range(3)]
    assert metric.compute()["kid_all_pd"] == pytest.approx(alone, rel=1e-6)
    assert metric.counts() == {"real images": 40}


def test_layouts_that_were_not_drawn_count_for_nothing(setting, paperdolls):
    metric, samples = KID_PD.build(setting), take(draw_samples(7, 3), [1, 2, 4, 5])
    metric.update(samples)
    expected = distance(paperdolls(samples.fake[:, 0]), setting.photo_features("paperdolls")).whole
    assert metric.compute()["kid_all_pd"][0] == pytest.approx(expected, rel=1e-6)


def test_one_image_is_too_few(setting):
    metric = KID.build(setting)
    metric.update(take(draw_samples(7, 3), [3]))
    with pytest.raises(ValueError, match="KID needs at least 2 images of either kind and has 1 generated, 40 real"):
        metric.compute()


def test_features_that_are_not_finite_are_refused(setting):
    metric, samples = KID.build(setting), draw_samples(7, 3)
    setting.networks["inception"].forward = lambda images: images.mean((2, 3)) / 0
    metric.update(samples)
    with pytest.raises(ValueError, match="features of the generated images are not finite"):
        metric.compute()
