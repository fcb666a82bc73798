import numpy as np
import pytest
from small_trees import contents, load, prepare, save, times

from bench.datasets.deepfashion import DEEPFASHION2, open_deepfashion, open_deepfashion2

NAMES = ("person_10", "person_2", "person_1")  # natural order: 1, 2, 10


def label_map(shift):
    labels = np.zeros((256, 256), np.uint8)
    labels[40:200, 70 + shift : 180 + shift] = 3
    labels[60:80, 100:140] = 7
    return labels


@pytest.fixture
def root(tmp_path):
    """Three test persons in INADE's layout."""
    for number, name in enumerate(NAMES):
        photo = np.random.default_rng(number).integers(0, 256, (256, 256, 3), np.uint8)
        save(tmp_path / "deepfashion" / "test_img" / f"{name}.jpg", photo)
        save(tmp_path / "deepfashion" / "test_label" / f"{name}.png", label_map(number))
    return tmp_path


def composites(root, *words):
    done = prepare("deepfashion2", "--data-root", root, *words)
    assert done.exit_code == 0, done.output
    return open_deepfashion2("val", root)


def test_composites_are_for_evaluation_only_and_their_splits_are_the_same(root):
    assert DEEPFASHION2.evaluation_only
    assert [item.key for item in composites(root)] == ["person_1__person_2"]  # the odd one is left out
    assert [item.key for item in open_deepfashion2("train", root)] == ["person_1__person_2"]


def test_a_composite_holds_the_middles_of_both_persons(root):
    (both,) = composites(root)
    one, two, _ = open_deepfashion("val", root)
    for part in ("labels", "image"):
        expected = np.concatenate([getattr(one, part)[:, 64:192], getattr(two, part)[:, 64:192]], axis=1)
        assert (getattr(both, part) == expected).all()


def test_a_squeezed_composite_holds_all_of_both_persons(root):
    (both,) = composites(root, "--mode", "squeeze")
    one, two, _ = open_deepfashion("val", root)
    assert (both.labels == np.concatenate([one.labels[:, 1::2], two.labels[:, 1::2]], axis=1)).all()
    assert both.image.shape == (256, 256, 3)


def test_persons_of_a_composite_share_the_background_and_no_other_instance(root):
    (both,) = composites(root, "--mode", "squeeze")
    left, right = both.instances[:, :128], both.instances[:, 128:]
    assert np.unique(left).tolist() == [1, 2, 4]  # background, top and socks of the left person
    assert np.unique(right).tolist() == [1, 3, 5]
    assert ((both.labels == 0) == (both.instances == 1)).all()


def test_the_number_of_the_background_is_kept_where_there_is_none(root):
    for name in NAMES:
        save(root / "deepfashion" / "test_label" / f"{name}.png", np.full((256, 256), 3, np.uint8))
    composites(root)
    assert np.unique(load(root / "deepfashion2" / "test_inst" / "person_1__person_2.png")).tolist() == [1, 2]


@pytest.mark.parametrize("mode", ["crop", "squeeze"])
def test_preparing_twice_makes_nothing_again(root, mode):
    target = root / "deepfashion2"
    composites(root, "--mode", mode)
    first, stamps = contents(target), times(target)
    composites(root, "--mode", mode)
    assert times(target) == stamps
    (target / "test_label" / "person_1__person_2.png").unlink()
    composites(root, "--mode", mode)
    assert contents(target) == first


def test_the_source_can_be_named_and_recipes_do_not_mix(root):
    (root / "deepfashion").rename(root / "elsewhere")
    words = ("deepfashion2", "--data-root", root, "--from", root / "elsewhere")
    assert prepare(*words, "--mode", "squeeze").exit_code == 0
    other = prepare(*words, "--mode", "crop")
    assert other.exit_code == 2
    assert "holds items of recipe 1, mode squeeze, expected recipe 1, mode crop" in other.stderr
    (root / "deepfashion2" / "recipe.txt").unlink()
    assert "an unknown recipe" in prepare(*words, "--mode", "squeeze").stderr


def test_a_source_that_is_half_made_is_refused(root):
    (root / "deepfashion" / ".unfinished").write_text("bench data prepare deepfashion")
    done = prepare("deepfashion2", "--data-root", root)
    assert done.exit_code == 2
    assert "run 'bench data prepare deepfashion' again" in done.stderr
