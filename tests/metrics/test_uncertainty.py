"""Intervals hold the truth as often as they say, narrow as images grow in number, and do not depend on shards."""

import importlib

import numpy as np
import pytest
import torch
from drawn_samples import draw_samples, take

from metrics import METRICS
from metrics.base import MetricSpec, Reading, Samples
from metrics.kid import draw_subsets, kernel_distance, within
from metrics.parts.intervals import resampled
from metrics.protocol import derive
from metrics.region_diversity import MCSD_PD
from metrics.segmentation import SEGMENTATION, accuracy, confusions, mean_iou

OF_NETWORKS = {"params", "macs", "seconds", "memory", "energy"}
# Resampled images repeat, which raises FID; subsets of KID need 1001 images.
WITHOUT = {"fid", "fid_pd", "fid_infinity", "kid", "kid_pd"}


def spec_of(name) -> MetricSpec:
    module, attribute = METRICS[name][0].split(":")
    return getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("name", sorted(METRICS.keys() - OF_NETWORKS))
def test_every_number_has_the_same_interval_from_shards_in_any_order(setting, name):
    spec, samples = spec_of(name), draw_samples(7, 3)
    whole, merged = spec.build(setting), spec.build(setting)
    whole.update(samples)
    for positions in ([4, 0], [1, 5, 6], [2, 3]):
        part = spec.build(setting)
        part.update(take(samples, positions))
        merged.merge(part.state())
    values, _ = whole.compute(), merged.compute()
    found, again = whole.intervals(), merged.intervals()
    assert found.keys() == again.keys() == {column.key for column in spec.columns} - WITHOUT
    for column, (low, high) in found.items():
        assert low <= np.mean(values[column]) <= high
        assert again[column] == pytest.approx((low, high), rel=1e-5)


class Reader:
    """Reads the class of a pixel off the image."""

    num_classes = 2

    def __call__(self, images, size):
        return (images[:, 0] > 0).long()


def read(setting, num_maps, seed, accuracy_rule="valid"):
    """Score label maps of 36 pixels; each is misread at a rate of its own, 20 % of the pixels on average."""
    generator = torch.Generator().manual_seed(seed)
    setting.reading = lambda name=None: Reading(Reader(), (0, 1, -1), "drawn", "nan_union")
    setting.protocol = derive(setting.protocol, ["repeats=2", f"segmentation.accuracy={accuracy_rule}"])
    setting.num_layouts = num_maps
    labels = torch.randint(0, 2, (num_maps, 6, 6), generator=generator)
    rates = torch.rand(num_maps, 1, 1, 1, generator=generator) * 0.4
    wrong = torch.rand(num_maps, 2, 6, 6, generator=generator) < rates
    fake = ((labels[:, None] == 1) ^ wrong).float() * 2 - 1
    fake = fake[:, :, None].expand(-1, -1, 3, -1, -1)
    labels[torch.rand(labels.shape, generator=generator) < 0.1] = 2  # don't care
    metric = SEGMENTATION.build(setting)
    metric.update(Samples(fake, fake[:, 0], labels, labels, torch.arange(num_maps)))
    return metric, labels, fake


@pytest.mark.parametrize(("rule", "acc"), [("valid", 80), ("all", 72)])
def test_intervals_of_segmentation_hold_the_truth_as_often_as_they_say(setting, rule, acc):
    truth = {"miou": 100 * 0.4 / 0.6, "acc": acc}  # half of all pixels are of either class, and 0.4 of all are hits
    held = {"miou": [], "acc": []}
    for seed in range(120):
        metric, *_ = read(setting, 40, seed, rule)
        for column, (low, high) in metric.intervals().items():
            held[column].append(low < truth[column] < high)
    assert {column: 0.88 <= np.mean(each) <= 0.99 for column, each in held.items()} == {"miou": True, "acc": True}


def test_sixteen_times_the_label_maps_give_a_quarter_of_the_interval(setting):
    few, many = (read(setting, count, 0)[0].intervals() for count in (50, 800))
    for column in ("miou", "acc"):
        ratio = (few[column][1] - few[column][0]) / (many[column][1] - many[column][0])
        assert 3 < ratio < 5.3


@pytest.mark.parametrize("reduction", ["nan_union", "all_classes", "gt_present"])
@pytest.mark.parametrize("pixels", ["valid", "all"])
def test_what_is_kept_of_a_label_map_stands_for_its_whole_matrix(setting, monkeypatch, reduction, pixels):
    rules = [f"segmentation.reduction={reduction}", f"segmentation.accuracy={pixels}"]
    setting.protocol = derive(setting.protocol, rules)
    samples = draw_samples(5, 3)
    samples.labels[2] = 3  # nothing of this one is scored
    metric = SEGMENTATION.build(setting)
    metric.update(samples)
    times = torch.tensor([[1, 1, 1, 1, 1], [0, 3, 1, 0, 1]])
    monkeypatch.setattr("metrics.segmentation.resampled", lambda _, number_of: number_of(times.double()).tolist())
    found = metric.intervals()

    truth = torch.where(samples.labels == 3, -1, samples.labels)
    void = times @ (truth < 0).sum((1, 2))
    runs = [confusions(truth, metric.reading.segmenter(samples.fake[:, run], (64, 64)), 4) for run in range(3)]
    drawn = [[(row[:, None, None] * counts).sum(0) for counts in runs] for row in times]
    assert found["miou"] == pytest.approx([100 * np.mean([mean_iou(c, reduction) for c in each]) for each in drawn])
    assert found["acc"] == pytest.approx(
        [100 * np.mean([accuracy(c, int(v), pixels) for c in each]) for each, v in zip(drawn, void, strict=True)]
    )
    assert [found["miou"][0], found["acc"][0]] == pytest.approx([np.mean(each) for each in metric.compute().values()])


def test_a_draw_of_maps_without_a_scored_pixel_has_no_say(setting):
    samples = draw_samples(2, 3)
    samples.labels[1] = 3
    metric = SEGMENTATION.build(setting)
    metric.update(samples)
    values = {column: np.mean(each) for column, each in metric.compute().items()}
    assert metric.intervals() == {column: pytest.approx((value, value)) for column, value in values.items()}


def test_one_label_map_has_no_interval(setting):
    for name in ("segmentation", "mcsd", "lpips"):
        metric = spec_of(name).build(setting)
        metric.update(take(draw_samples(7, 3), [2]))
        assert metric.compute()
        assert metric.intervals() == {}


def test_every_label_map_takes_four_bytes_a_class(setting):
    metric = SEGMENTATION.build(setting)  # 7 label maps, 4 classes, 3 runs
    kept = sum(values.nbytes for name, values in metric.state().items() if name.startswith("map_"))
    assert kept == 7 * (4 * 4 * (1 + 2 * 3) + 4)
    assert set(metric.tables()) == {"confusion", "void"}


# Three of four label maps have class 0 alone, at 0.2 on average; the others have class 1 at 0.4 and class 2 at 0.6.
@pytest.mark.parametrize(("average", "truth"), [("per_class", 0.4), ("per_image", 0.275), ("per_region", 0.32)])
def test_intervals_of_regions_hold_the_truth_as_often_as_they_say(setting, average, truth):
    setting.protocol = derive(setting.protocol, [f"region.average={average}"])
    setting.num_layouts = 100
    held, rng = [], np.random.default_rng(0)
    for _ in range(120):
        metric = MCSD_PD.build(setting)
        for layout in range(80):  # the others were not drawn
            for label in (0,) if rng.random() < 0.75 else (1, 2):
                column = label if average == "per_class" else 0
                metric.sums["inside"][layout, column] += rng.uniform(0, 0.4 + 0.4 * label)
                metric.sums["regions"][layout, column] += 1
        low, high = metric.intervals()["mcsd_pd"]
        held.append(low < truth < high)
        assert low < metric.compute()["mcsd_pd"][0] < high
    assert 0.88 <= np.mean(held) <= 0.99


def test_the_interval_of_kid_holds_the_truth_as_often_as_it_says():
    """Of one feature, the kernel (xy + 1)^3 compares three moments, which for powers of uniform numbers are known."""
    truth = 3 * (1 / 2 - 1 / 3) ** 2 + 3 * (1 / 3 - 1 / 5) ** 2 + (1 / 4 - 1 / 7) ** 2
    generator, held = torch.Generator().manual_seed(0), []
    drawn = draw_subsets(300, 400, 2, 50)
    for _ in range(150):
        fakes, reals = (torch.rand(count, 1, generator=generator).double() for count in (300, 400))
        distance = kernel_distance(fakes, reals**2, drawn, within(reals**2, drawn[1]))
        held.append(abs(distance.whole - truth) < 1.96 * distance.error)
    assert 0.88 <= np.mean(held) <= 0.99


def test_a_number_that_some_draws_lack_is_resampled_without_them():
    ends = resampled(2, lambda times: torch.where(times[:, 0] == 0, torch.nan, times[:, 0]))
    assert ends == (1, 2)
