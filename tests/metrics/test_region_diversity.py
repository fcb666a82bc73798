import itertools
import json

import numpy as np
import pytest
import torch
from drawn_samples import draw_samples, take

from metrics.base import Samples
from metrics.networks.perceptual import mean_squared_distance, squared_distance
from metrics.protocol import derive
from metrics.region_diversity import MCSD, MCSD_PD, MISD, MISD_PD

MASKS = ("image_zero", "image_black", "map_area", "map_mean")
ORDERS = {
    "absent_counts": ["region.absent=count"],
    "skip_per_class": ["region.average=per_class"],
    "skip_per_image": ["region.average=per_image"],
}


@pytest.fixture(scope="module")
def golden(goldens):
    """All classes of both label maps, the absent ones included."""
    name = goldens / "lpips_region_mcsd"
    arrays = np.load(name.with_suffix(".npz"))
    images = torch.from_numpy(arrays["images"]).movedim(-1, 3).flatten(0, 1) / 127.5 - 1  # [2 * 5, 4, 3, H, W]
    labels = torch.from_numpy(arrays["label"]).long().repeat_interleave(5, 0)
    region_id = torch.arange(5).repeat(2)
    index = torch.arange(2).repeat_interleave(5)
    region = labels == region_id[:, None, None]
    samples = Samples(images, images[:, 0], labels, labels, index, region, region_id)
    return json.loads(name.with_suffix(".json").read_text())["results"], samples


def golden_setting(setting, settings):
    setting.protocol = derive(setting.protocol, ["region.images=4", "region.pairs=consecutive", *settings])
    setting.num_classes, setting.num_layouts, setting.ignored_classes = 5, 2, ()
    return setting


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("order", ORDERS)
def test_variant_is_the_golden_one(setting, golden, mask, order):
    results, samples = golden
    metric = MCSD.build(golden_setting(setting, [f"region.mask={mask}", *ORDERS[order]]))
    metric.update(samples)
    values = metric.compute()
    assert values["mcsd"] == pytest.approx([results[f"mCSD/{mask}/{order}"]], abs=1e-6)
    assert values["mocd"] == pytest.approx([results[f"mOCD/{mask}/{order}"]], abs=1e-6)


def test_counting_absent_classes_asks_for_them(setting):
    assert not MCSD.build(setting).view.absent
    setting.protocol = derive(setting.protocol, ["region.absent=count"])
    assert MCSD.build(setting).view.absent
    assert not MISD.build(setting).view.absent


def test_counting_absent_classes_gives_both_orders_the_same_value(setting, golden):
    _, samples = golden
    values = []
    for order in ("per_class", "per_image"):
        tiny = golden_setting(setting, ["region.absent=count", f"region.average={order}"])
        metric = MCSD_PD.build(tiny)
        metric.update(samples)
        values.append(metric.compute()["mcsd_pd"])
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_a_change_confined_to_the_region_leaves_the_outside_at_exactly_zero(setting):
    samples = draw_samples(3, 8)
    inside = samples.region[:, None, None]
    samples.fake = torch.where(inside, samples.fake, samples.fake[:, :1])
    metric = MCSD.build(setting)
    metric.update(samples)
    values = metric.compute()
    assert values["mocd"] == [0.0]
    assert values["mcsd"][0] > 0.01


def test_inside_and_outside_of_the_area_map_add_up_to_its_mean(setting):
    setting.protocol = derive(setting.protocol, ["region.mask=map_area"])
    samples = take(draw_samples(3, 8), [1])
    metric = MCSD.build(setting)
    metric.update(samples)
    both = sum(values[0] for values in metric.compute().values())
    samples.region = torch.ones_like(samples.region)
    whole = MCSD.build(setting)
    whole.update(samples)
    assert both == pytest.approx(whole.compute()["mcsd"][0], rel=1e-5)


def test_a_mask_of_the_whole_image_gives_ordinary_lpips(setting, alexnet):
    samples = take(draw_samples(1, 8), [0])
    samples.region = torch.ones_like(samples.region)
    metric = MCSD.build(setting)
    metric.update(samples)
    embedded = alexnet.embed(samples.fake[0])
    pairs = itertools.combinations(range(8), 2)
    expected = np.mean([float(squared_distance(embedded[i], embedded[j])) for i, j in pairs])
    assert metric.compute()["mcsd"] == pytest.approx([expected], rel=1e-5)


def test_ignored_classes_are_no_regions(setting):
    samples = draw_samples(4, 8)  # region of layout 3 is the ignored class 3
    with_ignored, without = MCSD_PD.build(setting), MCSD_PD.build(setting)
    with_ignored.update(samples)
    without.update(take(samples, [0, 1, 2]))
    assert with_ignored.compute()["mcsd_pd"] == pytest.approx(without.compute()["mcsd_pd"], rel=1e-6)
    assert with_ignored.sums["regions"].sum(0).tolist() == [1, 1, 1, 0]


def test_ignored_classes_are_no_regions_where_absent_ones_count(setting):
    setting.protocol = derive(setting.protocol, ["region.absent=count"])
    samples = draw_samples(4, 8)
    samples.region[2:] = False  # classes 2 and 3 are absent, 3 is ignored
    metric = MCSD_PD.build(setting)
    metric.update(samples)
    assert metric.sums["regions"].sum(0).tolist() == [1, 1, 1, 0]
    assert metric.sums["inside"][:, 2].eq(0).all()


def test_instances_are_averaged_within_their_image_first(setting):
    samples = draw_samples(3, 8)
    samples.index = torch.tensor([2, 2, 5])
    samples.region_id = torch.tensor([1, 2, 1000])
    metric = MISD_PD.build(setting)
    metric.update(samples)
    alone = []
    for n in range(3):
        single = MISD_PD.build(setting)
        single.update(take(samples, [n]))
        alone.append(single.compute()["misd_pd"][0])
    expected = ((alone[0] + alone[1]) / 2 + alone[2]) / 2
    assert metric.compute()["misd_pd"] == pytest.approx([expected], rel=1e-6)


def test_data_without_regions_give_no_number(setting):
    assert MISD.build(setting).compute() == {}


def test_images_without_a_region_are_refused(setting):
    samples = draw_samples(1, 8)
    samples.region = None
    with pytest.raises(ValueError, match="mcsd and mocd"):
        MCSD.build(setting).update(samples)


def test_the_average_over_all_pairs_equals_pair_by_pair():
    embedded = torch.randn(3, 5, 40, generator=torch.Generator().manual_seed(0))
    pairs = [squared_distance(embedded[:, i], embedded[:, j]) for i in range(5) for j in range(i)]
    torch.testing.assert_close(mean_squared_distance(embedded).float(), torch.stack(pairs).mean(0), rtol=1e-6, atol=0)
    assert mean_squared_distance(embedded[:, :1].expand(-1, 5, -1)).eq(0).all()
