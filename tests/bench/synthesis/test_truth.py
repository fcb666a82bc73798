import numpy as np
import pytest
import torch

from bench.common.errors import UserError
from bench.datasets.paperdolls.dataset import appearance_seeds, open_paperdolls, open_paperdolls2
from bench.synthesis.images import to_photos
from bench.synthesis.truth import TRUTH
from models.base import Layout


def layout_of(data, count):
    items = [data[index] for index in range(count)]
    labels, instances = (np.stack([getattr(item, name) for item in items]) for name in ("labels", "instances"))
    return Layout(torch.from_numpy(labels).long(), torch.from_numpy(instances).long(), 8)


def rngs(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.fixture
def truth():
    return TRUTH.build(TRUTH.tiny)


@pytest.fixture(scope="module")
def pairs():
    return layout_of(open_paperdolls2("val"), 3)


def test_it_paints_the_photo_of_the_data_set_for_the_seeds_of_the_item(truth):
    data = open_paperdolls("val")
    style = torch.from_numpy(appearance_seeds(data.seed(0)))[None]
    image = truth.synthesize(layout_of(data, 1), style)
    assert (to_photos(image)[0] == data[0].image).all()


def test_a_style_depends_on_its_own_generator_alone(truth, pairs):
    styles = truth.sample_style(pairs, rngs(1, 2, 3))
    assert (truth.sample_style(pairs.select([2]), rngs(3))[0] == styles[2]).all()
    assert styles.shape == (3, 16)
    assert styles.unique().numel() == 48


def test_styles_of_one_layout_come_together(truth, pairs):
    styles = torch.cat([truth.sample_style(pairs, rngs(seed, seed + 1, seed + 2)) for seed in (0, 10)])
    together = styles.view(2, 3, 16).transpose(0, 1).reshape(6, 16)  # both styles of layout 0 first
    images = truth.synthesize(pairs, together)
    for row, (layout, style) in enumerate(zip((0, 0, 1, 1, 2, 2), together, strict=True)):
        assert (images[row] == truth.synthesize(pairs.select([layout]), style[None])[0]).all()


def test_restyling_an_instance_leaves_every_other_pixel(truth, pairs):
    base, other = truth.sample_style(pairs, rngs(1, 2, 3)), truth.sample_style(pairs, rngs(4, 5, 6))
    region = pairs.instances == 11  # the top of the right person
    changed = (
        truth.synthesize(pairs, truth.mix_styles(base, other, pairs, region)) != truth.synthesize(pairs, base)
    ).any(1)
    assert changed[region].any()
    assert not changed[~region].any()


def test_restyling_a_class_covers_all_its_instances(truth, pairs):
    base, other = truth.sample_style(pairs, rngs(1, 2, 3)), truth.sample_style(pairs, rngs(4, 5, 6))
    mixed = truth.mix_styles(base, other, pairs, pairs.labels == 3)
    taken = (mixed == other).all(0)
    assert taken.nonzero().flatten().tolist() == [4, 11]
    assert (mixed == torch.where(taken, other, base)).all()


def test_it_has_nothing_to_learn(truth):
    assert list(truth.parameters()) == []


def test_other_data_are_refused(truth, pairs):
    with pytest.raises(UserError, match="paperdolls"):
        truth.sample_style(Layout(pairs.labels, pairs.instances, 19), rngs(1, 2, 3))
    with pytest.raises(UserError, match="paperdolls"):
        truth.sample_style(Layout(pairs.labels, pairs.instances + 9, 8), rngs(1, 2, 3))
