"""Every choice of mCSD and mOCD on four by four pixels, by numbers that can be worked out on paper."""

import pytest
import torch
from torch.nn import functional as F

from metrics.base import Samples
from metrics.networks.perceptual import PerceptualNetwork, distance_map, pulled_back
from metrics.protocol import derive
from metrics.region_diversity import MCSD, MISD


class PaperNetwork(PerceptualNetwork):
    """Compares the pixels, and the squares of the means of two by two."""

    def stages(self, images):
        return [images, F.avg_pool2d(images, 2).square()]

    def taps_of(self, stages):
        return list(stages)


class Pixels(PaperNetwork):
    """Compares the pixels only."""

    def taps_of(self, stages):
        return list(stages[:1])


@pytest.fixture
def four(setting):
    """A setting whose label maps have classes 0 to 3, none of them ignored, and whose images come in twos."""

    def choose(*settings, network=None):
        setting.networks["alexnet"] = network or PaperNetwork()
        setting.protocol = derive(setting.protocol, ["region.images=2", *settings])
        setting.ignored_classes = ()
        return setting

    return choose


def columns(values):
    """Pixels that are alike in every row."""
    return torch.tensor(values, dtype=torch.float32).expand(4, 4)


def samples_of(pairs, labels, regions, index):
    """Image pairs that differ in red only: the first is grey, the second has these pixels."""
    second = torch.stack(pairs)
    fake = torch.zeros(len(pairs), 2, 3, 4, 4)
    fake[:, 1, 0] = second
    labels, region_id = torch.stack(labels).long(), torch.tensor(regions)
    place = torch.tensor(index)
    return Samples(fake, fake[:, 0], labels, labels, place, labels == region_id[:, None, None], region_id)


# The left half differs by 0.5, or 1/4 when squared; its means of two by two are 1/2, 1/4 when squared, or 1/16 apart,
# on a map that the size of the images stretches to 1, 3/4, 1/4 and 0 of that. The region is the second column.
@pytest.mark.parametrize(
    ("mask", "inside", "outside"),
    [
        # A column alone has half the mean, 1/4, which is 1/16 when squared.
        ("image_zero", 1 / 16 + 1 / 2 / 16**2, 1 / 16 + 1 / 2 / 16**2),
        # Beside black the means are -1/2 and -1/4, their squares 1/4 and 1/16, 3/16 apart.
        ("image_black", 1 / 16 + 1 / 2 * (3 / 16) ** 2, 1 / 16 + 1 / 2 * (3 / 16) ** 2),
        ("map_area", (1 / 4 + 3 / 4 / 16) / 4, (1 / 4 + 5 / 4 / 16) / 4),
        ("map_mean", 1 / 4 + 3 / 4 / 16, (1 / 4 + 5 / 4 / 16) / 3),
        # The region covers half of the left two by twos.
        ("feat_area", 1 / 16 + 1 / 4 / 16, 1 / 16 + 1 / 4 / 16),
        ("feat_mean", 1 / 4 + 1 / 16, 1 / 12 + 1 / 3 / 16),
    ],
)
def test_mask(four, mask, inside, outside):
    samples = samples_of([columns([0.5, 0.5, 0, 0])], [columns([0, 1, 0, 0])], [1], [0])
    metric = MCSD.build(four(f"region.mask={mask}", "region.pairs=all"))
    metric.update(samples)
    assert metric.compute() == {"mcsd": [pytest.approx(inside, rel=1e-6)], "mocd": [pytest.approx(outside, rel=1e-6)]}


@pytest.mark.parametrize("kind", ["map", "feat"])
def test_inside_and_outside_of_an_area_make_up_the_whole(setting, kind):
    setting.protocol = derive(setting.protocol, [f"region.mask={kind}_area", "region.images=3", "lpips.groups=3"])
    generator = torch.Generator().manual_seed(0)
    fake = torch.rand(2, 3, 3, 64, 64, generator=generator) * 2 - 1
    labels = (torch.rand(2, 64, 64, generator=generator) < 0.3).long()
    samples = Samples(fake, fake[:, 0], labels, labels, torch.arange(2), labels == 1, torch.tensor([1, 1]))
    metric = MCSD.build(setting)
    metric.update(samples)
    taps = [samples.per_layout(tap) for tap in setting.networks["alexnet"].taps(fake.flatten(0, 1))]
    pairs = [([tap[:, i] for tap in taps], [tap[:, j] for tap in taps]) for i, j in ((0, 1), (0, 2), (1, 2))]
    if kind == "map":
        whole = torch.stack([distance_map(*pair, (64, 64)).mean() for pair in pairs]).mean()
    else:
        layers = [sum((a - b).square().sum(1).mean() for a, b in zip(*pair, strict=True)) for pair in pairs]
        whole = torch.stack(layers).mean()
    assert sum(values[0] for values in metric.compute().values()) == pytest.approx(float(whole), rel=1e-5)


def test_pulled_back_weights_give_the_sum_of_the_enlarged_map():
    generator = torch.Generator().manual_seed(0)
    pixels, layer = torch.rand(2, 13, 20, generator=generator), torch.rand(2, 5, 6, generator=generator)
    enlarged = F.interpolate(layer[:, None], size=(13, 20), mode="bilinear")[:, 0]
    found = (pulled_back(pixels, (5, 6)) * layer).sum((1, 2))
    torch.testing.assert_close(found, (pixels * enlarged).sum((1, 2)))


# Class 0 differs by 0.1 in the first label map and by 0.3 in the second, class 1 by 0.2 in the first and is not in the
# second; only the re-styled region differs. Distances in a region are 0.01, 0.09 and 0.04.
@pytest.fixture
def three_regions():
    halves, whole = columns([0, 0, 1, 1]), columns([0, 0, 0, 0])
    return samples_of(
        [columns([0.1, 0.1, 0, 0]), columns([0, 0, 0.2, 0.2]), columns([0.3] * 4)],
        [halves, halves, whole],
        [0, 1, 0],
        [2, 2, 5],
    )


@pytest.mark.parametrize(
    ("average", "expected"),
    [
        ("per_class", ((0.01 + 0.09) / 2 + 0.04) / 2),
        ("per_image", ((0.01 + 0.04) / 2 + 0.09) / 2),
        ("per_region", (0.01 + 0.04 + 0.09) / 3),
    ],
)
def test_order_of_averaging(four, three_regions, average, expected):
    metric = MCSD.build(four("region.mask=map_mean", f"region.average={average}", network=Pixels()))
    metric.update(three_regions)
    assert metric.compute() == {"mcsd": [pytest.approx(expected, rel=1e-6)], "mocd": [0.0]}


@pytest.mark.parametrize(
    ("average", "expected"), [("per_class", 0.0575), ("per_image", 0.0575), ("per_region", 0.14 / 3)]
)
def test_instances_have_no_class_to_be_averaged_by(four, three_regions, average, expected):
    metric = MISD.build(four("region.mask=map_mean", f"region.average={average}", network=Pixels()))
    metric.update(three_regions)
    assert metric.compute()["misd"] == [pytest.approx(expected, rel=1e-6)]


# With one code per image all pixels differ, here by 0.1: outside of a class that is not there lies the whole frame.
@pytest.mark.parametrize(
    ("absent", "inside", "outside"), [("skip", 0.01 / 2, 0.01 / 2), ("count", 0.01 / 4, (0.005 * 2 + 0.01 * 2) / 4)]
)
@pytest.mark.parametrize("average", ["per_class", "per_image", "per_region"])
def test_absent_classes(four, absent, inside, outside, average):
    halves = columns([0, 0, 1, 1])
    samples = samples_of([columns([0.1] * 4)] * 4, [halves] * 4, [0, 1, 2, 3], [0] * 4)
    metric = MCSD.build(four(f"region.absent={absent}", f"region.average={average}", network=Pixels()))
    metric.update(samples)
    assert metric.compute() == {"mcsd": [pytest.approx(inside, rel=1e-5)], "mocd": [pytest.approx(outside, rel=1e-5)]}


@pytest.mark.parametrize(("percent", "regions"), [("none", 4), ("18", 4), ("19", 3), ("25", 3), ("26", 2), ("100", 1)])
def test_regions_below_the_least_size_are_left_out_and_absent_ones_are_not_small(four, percent, regions):
    quarters, fewer, whole = columns([0, 1, 2, 2]), columns([0, 1, 2, 2]).clone(), columns([0] * 4)
    fewer[0, 1] = 2  # three pixels of sixteen are left to class 1
    labels = [quarters, quarters, fewer, whole, whole]
    samples = samples_of([columns([0.1] * 4)] * 5, labels, [2, 1, 1, 0, 3], [0, 1, 2, 3, 4])
    for absent in ("skip", "count"):
        metric = MCSD.build(four(f"region.min_percent={percent}", f"region.absent={absent}", network=Pixels()))
        metric.update(samples)
        assert int(metric.sums["regions"].sum()) == regions + (absent == "count")


@pytest.mark.parametrize(
    ("pairs", "expected"), [("consecutive", (0.01 + 0.04 + 0.09) / 3), ("disjoint", (0.01 + 0.09) / 2)]
)
def test_pairs(four, pairs, expected):
    setting = four("region.images=4", f"region.pairs={pairs}", network=Pixels())
    fake = torch.zeros(1, 4, 3, 4, 4)
    fake[0, :, 0] = torch.tensor([0, 0.1, -0.1, 0.2])[:, None, None]
    labels = torch.zeros(1, 4, 4, dtype=torch.int64)
    metric = MCSD.build(setting)
    metric.update(Samples(fake, fake[:, 0], labels, labels, torch.tensor([0]), labels == 0, torch.tensor([0])))
    assert metric.compute()["mcsd"] == [pytest.approx(expected, rel=1e-5)]


def test_shards_do_not_move_the_last_digit(four):
    generator = torch.Generator().manual_seed(0)
    parts = [
        samples_of([torch.rand(4, 4, generator=generator)], [columns([0, 0, 1, 1])], [number % 2], [number])
        for number in range(7)
    ]
    whole, merged = (MCSD.build(four(network=Pixels())) for _ in range(2))
    for part in parts:
        whole.update(part)
    for number in (5, 0, 3, 6, 1, 4, 2):
        shard = MCSD.build(four(network=Pixels()))
        shard.update(parts[number])
        merged.merge(shard.state())
    assert merged.compute() == whole.compute()
    assert merged.intervals() == whole.intervals()


def test_the_sums_of_every_label_map_and_class_are_kept(four, three_regions):
    metric = MCSD.build(four("region.mask=map_mean", network=Pixels()))
    metric.update(three_regions)
    tables = metric.tables()
    assert tables["regions"].nonzero().tolist() == [[2, 0], [2, 1], [5, 0]]
    assert tables["inside"][[2, 2, 5], [0, 1, 0]].tolist() == pytest.approx([0.01, 0.04, 0.09], rel=1e-6)
