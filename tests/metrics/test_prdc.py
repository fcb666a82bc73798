import numpy as np
import pytest
import torch
from drawn_samples import draw_samples

from metrics.prdc import PRDC, PRDC_PD, compare, reaches, squared_distances
from metrics.protocol import derive


def random_features(count, seed=0, size=6):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def numbers(fakes, reals, k):
    return [float(term.mean()) for term in compare(fakes, reals, reaches(reals, k), k)]


def by_loops(fakes, reals, k):
    """The definitions of Naeem et al., word by word."""

    def reach(features, i):
        return sorted(float((features[i] - x).norm()) for x in features)[k]

    fakes, reals = fakes.double(), reals.double()
    real_reach, fake_reach = ([reach(x, i) for i in range(len(x))] for x in (reals, fakes))
    distances = [[float((y - x).norm()) for y in fakes] for x in reals]
    within = [[d < r for d in row] for row, r in zip(distances, real_reach, strict=True)]
    return [
        np.mean([any(row[j] for row in within) for j in range(len(fakes))]),
        np.mean([any(d < r for d, r in zip(row, fake_reach, strict=True)) for row in distances]),
        np.mean([sum(row[j] for row in within) for j in range(len(fakes))]) / k,
        np.mean([min(row) < r for row, r in zip(distances, real_reach, strict=True)]),
    ]


@pytest.mark.parametrize("block", [2**25, 50])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_numbers_are_those_of_the_definitions(k, block, monkeypatch):
    monkeypatch.setattr("metrics.prdc._BLOCK", block)
    fakes, reals = random_features(17), 1.4 * random_features(23, seed=1) + 0.5
    found = numbers(fakes, reals, k)
    assert found == pytest.approx(by_loops(fakes, reals, k), abs=1e-12)
    assert all(0 < number < 1.5 for number in found)


def test_torch_fidelity_gives_the_same_precision_and_recall():
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    fakes, reals = random_features(60), 1.2 * random_features(80, seed=1)
    theirs = calculate_precision_recall_full(fakes.double(), reals.double(), 3)
    assert numbers(fakes, reals, 3)[:2] == pytest.approx(theirs, abs=1e-7)


def test_equal_sets_have_the_best_of_all_numbers():
    features = random_features(30)
    assert numbers(features, features.flip(0), 5) == pytest.approx([1, 1, 1, 1], abs=1e-12)


def test_far_away_sets_have_nothing_in_common():
    assert numbers(random_features(30) + 100, random_features(30), 5) == [0, 0, 0, 0]


def test_one_image_over_and_over_is_precise_and_covers_little():
    reals = random_features(40)
    precision, recall, density, coverage = numbers(reals[:1].expand(40, -1), reals, 3)
    assert precision == 1
    assert recall == 0
    assert density > 0
    assert coverage < 0.5


def test_equal_images_are_at_no_distance_whatever_the_rounding():
    features = 1000 + random_features(20, size=500)
    for _, distances in squared_distances(features, features):
        assert (distances.diagonal() == 0).all()
        assert (distances + torch.eye(20) > 0).all()
    exact = (features.double()[:, None] - features.double()).square().sum(2)
    torch.testing.assert_close(distances, exact, rtol=1e-9, atol=0)


def test_every_run_is_compared_with_the_photos(setting, paperdolls):
    metric, samples = PRDC_PD.build(setting), draw_samples(7, 3)
    metric.update(samples)
    found = metric.compute()
    reals = setting.photo_features("paperdolls")
    for run in range(3):
        expected = numbers(paperdolls(samples.fake[:, run]), reals, 5)
        assert [values[run] for values in found.values()] == pytest.approx(expected)
    assert metric.counts() == {"real images": 40}


def test_neighbours_are_the_protocols(setting):
    setting.protocol = derive(setting.protocol, ["prdc.neighbours=7"])
    metric = PRDC.build(setting)
    metric.update(draw_samples(7, 3))
    with pytest.raises(ValueError, match="more than 7 images of either kind and have 7 generated, 40 real; set prdc"):
        metric.compute()


def test_intervals_hold_the_values(setting):
    metric = PRDC.build(setting)
    metric.update(draw_samples(7, 3))
    for column, values in metric.compute().items():
        low, high = metric.intervals()[column]
        assert low <= np.mean(values) <= high
