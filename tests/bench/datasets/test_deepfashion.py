import numpy as np
import pytest
from PIL import Image

from bench.common.errors import UserError
from bench.datasets.deepfashion import open_deepfashion, open_deepfashion2
from bench.datasets.parts.folders import UNFINISHED

NAMES = ("person_10", "person_2", "person_1")  # natural order: 1, 2, 10


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def label_map(shift=0):
    labels = np.zeros((256, 256), np.uint8)
    labels[40:200, 70 + shift : 180 + shift] = 3
    labels[60:80, 100:140] = 7
    return labels


@pytest.fixture
def root(tmp_path):
    """Three persons in INADE's layout."""
    folder = tmp_path / "deepfashion"
    for number, name in enumerate(NAMES):
        rng = np.random.default_rng(number)
        save(folder / "test_img" / f"{name}.jpg", rng.integers(0, 256, (256, 256, 3), np.uint8))
        save(folder / "test_label" / f"{name}.png", label_map(number))
        save(
            folder / "test_inst" / f"{name}.png",
            np.unique(label_map(number), return_inverse=True)[1].reshape(256, 256).astype(np.uint8),
        )
    return tmp_path


def test_items_come_in_natural_order(root):
    assert [item.key for item in open_deepfashion("val", root)] == ["person_1", "person_2", "person_10"]


def test_the_layout_of_smis_is_read_too_and_instances_are_ranks_of_classes(root):
    folder = root / "deepfashion"
    expected = open_deepfashion("val", root)[0]
    for number in ("img", "label"):
        (folder / f"test_{number}").rename(folder / {"img": "test", "label": "cihp_test_mask"}[number])
    for path in (folder / "test_inst").iterdir():
        path.unlink()
    (folder / "test_inst").rmdir()
    item = open_deepfashion("val", root)[0]
    assert (item.labels == expected.labels).all()
    assert (item.instances == expected.instances).all()
    assert np.unique(item.instances).tolist() == [1, 2, 3]  # classes 0, 3, 7; 0 means none
    assert (item.instances[item.labels == 7] == 3).all()


def test_a_label_map_with_three_equal_channels_is_read(root):
    path = root / "deepfashion" / "test_label" / "person_1.png"
    save(path, np.repeat(label_map()[..., None], 3, axis=2))
    assert (open_deepfashion("val", root)[0].labels == label_map()).all()


def test_a_coloured_label_map_is_refused(root):
    path = root / "deepfashion" / "test_label" / "person_1.png"
    save(path, np.random.default_rng(0).integers(0, 8, (256, 256, 3), np.uint8))
    with pytest.raises(UserError, match=r"person_1\.png is a colour picture"):
        open_deepfashion("val", root)[0]


def test_a_palette_label_map_is_refused(root):
    path = root / "deepfashion" / "test_label" / "person_1.png"
    Image.fromarray(label_map()).convert("P").save(path)
    with pytest.raises(UserError, match="colour picture"):
        open_deepfashion("val", root)[0]


def test_other_sizes_are_resized_without_new_labels(root):
    folder = root / "deepfashion"
    for kind in ("label", "inst"):
        save(folder / f"test_{kind}" / "person_1.png", label_map().repeat(2, 0).repeat(2, 1))
    save(folder / "test_img" / "person_1.jpg", np.full((512, 512, 3), 90, np.uint8))
    item = open_deepfashion("val", root)[0]
    assert (item.labels == label_map()).all()
    assert item.image.shape == (256, 256, 3)
    assert (item.image == 90).all()


def test_a_label_out_of_range_names_the_file_and_the_range(root):
    path = root / "deepfashion" / "test_label" / "person_2.png"
    save(path, label_map() + np.uint8(5))
    with pytest.raises(UserError, match=r"person_2\.png holds the label 12; expected 0 to 7"):
        open_deepfashion("val", root)[1]


@pytest.mark.parametrize("keep", [10, 60, 200])
def test_a_truncated_file_is_one_clear_error(root, keep):
    path = root / "deepfashion" / "test_label" / "person_2.png"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"person_2\.png cannot be read as an image"):
        open_deepfashion("val", root)[1]


@pytest.mark.parametrize("kind", ["img", "label", "inst"])
def test_a_file_without_its_partner_is_refused(root, kind):
    for path in (root / "deepfashion" / f"test_{kind}").glob("person_2.*"):
        path.unlink()
    with pytest.raises(
        UserError, match=rf"1 of 3 files in .* have no partner in .*test_{kind}, the first is 'person_2'"
    ):
        open_deepfashion("val", root)


def test_two_photos_of_one_name_are_refused(root):
    save(root / "deepfashion" / "test_img" / "person_1.png", np.zeros((256, 256, 3), np.uint8))
    with pytest.raises(UserError, match="test_img holds two files of one name"):
        open_deepfashion("val", root)


def test_an_empty_folder_is_refused(root):
    for path in (root / "deepfashion" / "test_img").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="test_img holds no images"):
        open_deepfashion("val", root)


@pytest.mark.parametrize(("opener", "name"), [(open_deepfashion, "deepfashion"), (open_deepfashion2, "deepfashion2")])
def test_missing_data_say_where_they_belong_and_what_works_now(opener, name, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(UserError) as caught:
        opener("val", None)
    assert str(tmp_path / name / "test_img") in str(caught.value)
    assert "--dataset paperdolls2" in str(caught.value)
    assert name == "deepfashion" or "bench data prepare deepfashion2" in str(caught.value)


def test_data_lie_in_the_working_folder_by_default(root, monkeypatch):
    monkeypatch.delenv("BENCH_DATA", raising=False)
    (root / "data").mkdir()
    (root / "deepfashion").rename(root / "data" / "deepfashion")
    monkeypatch.chdir(root)
    assert len(open_deepfashion("val")) == 3


@pytest.mark.parametrize(("opener", "name"), [(open_deepfashion, "deepfashion"), (open_deepfashion2, "deepfashion2")])
def test_data_that_are_half_made_are_refused_with_the_command_that_goes_on(root, opener, name):
    (root / name).mkdir(exist_ok=True)
    (root / name / UNFINISHED).write_text(f"bench data prepare {name} --from raw\n")
    with pytest.raises(UserError, match=f"not finished: run 'bench data prepare {name} --from raw' again"):
        opener("val", root)


def test_a_changed_byte_changes_the_fingerprint(root):
    before = open_deepfashion("val", root).fingerprint()
    assert open_deepfashion("val", root).fingerprint() == before
    labels = label_map()
    labels[0, 0] = 1
    save(root / "deepfashion" / "test_label" / "person_2.png", labels)
    assert open_deepfashion("val", root).fingerprint() != before
