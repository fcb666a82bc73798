import hashlib
import itertools

import numpy as np
import pytest

from bench.datasets.paperdolls.appearance import PATTERN_ODDS, STRIPES, appearance, hsv
from bench.datasets.paperdolls.dataset import (
    CLASS_OF,
    NUM_SEEDS,
    PAPERDOLLS,
    PAPERDOLLS2,
    RENDERER,
    Paperdolls,
    appearance_seeds,
    draw_layout,
    open_paperdolls,
    open_paperdolls2,
    paint,
)
from bench.datasets.paperdolls.figures import FACE, TOP

# sha256 of labels, instances and image; a change needs a higher RENDERER, and makes all stored results stale.
PINNED = {
    ("paperdolls", "train", 0, 64): "daa77445ceb7dbc0edde96cd6a842085af1c24944dc1c73802df1ac8145fc8f5",
    ("paperdolls", "train", 19999, 64): "7d6935444397c6485a093df622ed92e2a8394e117833b4e9ae5cc0737797b53d",
    ("paperdolls", "val", 7, 64): "fb58a5691c2f3fa24d72dbc8f952b641cdf58794fc54cf4a3e23cfd9ed5ccc89",
    ("paperdolls", "val", 7, 256): "4ece1bd7052aa886a104c49d6b358fd8c986a102b3cfbc3d919f27f3c196cfc1",
    ("paperdolls2", "val", 99, 64): "cb10c9f56eb9df86a17fc998d4a0caed070d5f116bc297794f1db78df4189670",
}
OPEN = {"paperdolls": open_paperdolls, "paperdolls2": open_paperdolls2}


def digest(item):
    return hashlib.sha256(item.labels.tobytes() + item.instances.tobytes() + item.image.tobytes()).hexdigest()


@pytest.mark.parametrize(("name", "split", "index", "size"), PINNED)
def test_pixels_are_the_same_on_every_machine(name, split, index, size):
    assert RENDERER == 1
    assert digest(OPEN[name](split, size=size)[index]) == PINNED[name, split, index, size]


def test_an_item_does_not_depend_on_what_was_drawn_before():
    data = open_paperdolls("val")
    alone = digest(open_paperdolls("val")[3])
    for index in (2, 9, 3):
        item = data[index]
    assert digest(item) == alone


def test_splits_sizes_and_dtypes():
    assert (len(open_paperdolls("train")), len(open_paperdolls("val")), len(open_paperdolls2("val"))) == (
        20000,
        200,
        100,
    )
    item = open_paperdolls("val", size=96)[0]
    assert (item.labels.dtype, item.instances.dtype, item.image.dtype) == (np.uint8, np.int32, np.uint8)
    assert (item.labels.shape, item.instances.shape, item.image.shape) == ((96, 96), (96, 96), (96, 96, 3))


def test_items_of_the_two_splits_differ():
    drawn = [open_paperdolls(split)[index] for split in ("train", "val") for index in range(20)]
    assert len({digest(item) for item in drawn}) == 40
    assert len({item.key for item in drawn}) == 40


def test_an_index_outside_is_refused_so_that_iteration_ends():
    with pytest.raises(IndexError, match="0 to 99"):
        open_paperdolls2("val")[100]
    assert len(list(itertools.islice(open_paperdolls2("val"), 101))) == 100


def test_two_persons_are_for_evaluation_only_and_have_other_persons_as_reference():
    assert PAPERDOLLS2.evaluation_only
    assert not PAPERDOLLS.evaluation_only
    reference = open_paperdolls2("train")
    assert len(reference) == 2000
    assert digest(reference[0]) != digest(open_paperdolls2("val")[0])


@pytest.mark.parametrize("name", OPEN)
def test_every_class_is_where_the_instance_map_says(name):
    for index in range(60):
        item = OPEN[name]("val")[index]
        assert item.instances.min() == 1  # the background is an instance, and it is always there
        assert item.instances.max() < NUM_SEEDS
        assert (CLASS_OF[item.instances] == item.labels).all()


def test_one_person_has_all_classes_but_some_bottoms_and_socks():
    present = np.stack([np.bincount(open_paperdolls("train")[i].labels.ravel(), minlength=8) > 0 for i in range(300)])
    share = present.mean(0)
    assert share[[0, 1, 2, 3, 5, 6]].tolist() == [1.0] * 6
    assert 0.75 < share[4] < 0.9
    assert 0.45 < share[7] < 0.65


def test_two_persons_stand_on_their_own_sides():
    for index in range(100):
        instances = open_paperdolls2("val")[index].instances
        for first, side in ((2, slice(0, 32)), (9, slice(32, 64))):
            mine = (instances >= first) & (instances < first + 7)
            assert {first, first + 1, first + 2} <= set(np.unique(instances[mine]))  # hair, face, top
            assert mine[:, side].sum() > 0.95 * mine.sum()


def test_single_person_fills_the_frame_more_than_each_of_two():
    one = np.mean([open_paperdolls("val")[i].labels == 0 for i in range(100)])
    assert 0.74 < one < 0.82


def test_drawing_one_part_anew_changes_its_pixels_only():
    labels, instances = draw_layout(5, 64, persons=2)
    seeds = appearance_seeds(1)
    before = paint(labels, instances, seeds)
    for instance in np.unique(instances).tolist():
        anew = seeds.copy()
        anew[instance] += 1
        changed = (paint(labels, instances, anew) != before).any(-1)
        assert changed[instances == instance].any()
        assert not changed[instances != instance].any()


def test_photos_of_the_other_size_show_the_same_person():
    small, large = open_paperdolls("val")[11], open_paperdolls("val", size=256)[11]
    assert (large.labels[2::4, 2::4] == small.labels).mean() > 0.97
    same = large.labels[2::4, 2::4] == small.labels
    assert np.median(abs(large.image[2::4, 2::4].astype(int) - small.image)[same]) <= 3


def test_light_comes_from_the_left():
    seed = next(s for s in range(99) if appearance(TOP, s).pattern == 0)
    labels, instances = np.full((40, 40), TOP, np.uint8), np.full((40, 40), 4, np.int32)
    row = paint(labels, instances, [seed] * NUM_SEEDS)[0].sum(-1)
    assert row[12] > row[0] > row[-1]


def test_stripes_repeat_with_the_period_of_the_look():
    seed = next(s for s in range(999) if (look := appearance(TOP, s)).pattern == STRIPES and look.angle == 1)
    labels, instances = np.full((200, 200), TOP, np.uint8), np.full((200, 200), 4, np.int32)
    column = paint(labels, instances, [seed] * NUM_SEEDS)[:, 60].sum(-1)
    edges = np.flatnonzero(np.diff(column))
    assert np.diff(edges).mean() == pytest.approx(appearance(TOP, seed).period * 100, abs=0.8)


def test_a_face_has_the_same_eyes_in_every_look():
    labels, instances = np.full((40, 40), FACE, np.uint8), np.full((40, 40), 3, np.int32)
    photos = [paint(labels, instances, [seed] * NUM_SEEDS) for seed in range(5)]
    constant = np.ptp(np.stack(photos).astype(int), axis=0).max(-1) == 0
    assert 0.05 < constant.mean() < 0.25


def test_looks_follow_the_stated_odds():
    looks = [appearance(TOP, seed) for seed in range(3000)]
    share = np.bincount([look.pattern for look in looks], minlength=4) / len(looks)
    np.testing.assert_allclose(share, PATTERN_ODDS[TOP], atol=0.03)
    assert all(0.10 <= look.period <= 0.17 for look in looks)
    assert {look.angle for look in looks} == {0, 1, 2}


def test_hsv_gives_the_pure_colours():
    np.testing.assert_allclose([hsv(h, 1, 1) for h in (0, 1 / 3, 2 / 3)], np.eye(3), atol=1e-12)
    assert hsv(0.3, 0, 0.5) == (0.5, 0.5, 0.5)


def test_fingerprints_tell_what_differs():
    opened = (
        open_paperdolls("train"),
        open_paperdolls("val"),
        open_paperdolls("val", size=128),
        open_paperdolls2("val"),
        Paperdolls(PAPERDOLLS2, "train", length=8, persons=2),
    )
    assert len({data.fingerprint() for data in opened}) == len(opened)
    assert open_paperdolls("val").fingerprint() == open_paperdolls("val").fingerprint()


@pytest.mark.parametrize("spec", [PAPERDOLLS, PAPERDOLLS2])
def test_every_class_has_a_name_and_a_colour(spec):
    assert len(spec.class_names) == len(spec.palette) == len(set(spec.palette)) == spec.num_classes == 8
