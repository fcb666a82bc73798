"""Files become arrays: exact numbers, and one clear line for whatever is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_files import areas, photo, save

from bench.common.errors import UserError
from bench.datasets.parts.reading import Files, Form, dense_rank, read_ids, read_image, read_item, read_labels

GOLDENS = Path(__file__).parents[2] / "goldens" / "metrics"
FORM = Form((12, 20), num_classes=5)


@pytest.fixture
def files(tmp_path):
    """A photo with label and instance map, all at twice the size of the items."""
    ids = areas(7, 26000, 26001, 33001, dtype=np.uint16)
    return Files(
        save(tmp_path / "img" / "a.png", photo()),
        save(tmp_path / "label" / "a.png", areas(0, 3, 3, 4)),
        save(tmp_path / "inst" / "a.png", ids),
    )


def test_labels_and_instances_take_the_nearest_pixel_and_photos_are_resized_bicubically(files):
    item = read_item(FORM, files)

    def resized(path, how):
        return np.asarray(Image.open(path).resize((20, 12), how))

    assert (item.labels == resized(files.label, Image.Resampling.NEAREST)).all()
    assert (item.image == resized(files.image, Image.Resampling.BICUBIC)).all()
    assert (item.instances == dense_rank(read_ids(files.instance)[1::2, 1::2]) + 1).all()
    assert (item.labels.dtype, item.instances.dtype, item.image.dtype) == (np.uint8, np.int32, np.uint8)
    assert item.key == "a"


def test_labels_are_shrunk_as_the_network_of_the_golden_saw_them(tmp_path):
    golden = np.load(GOLDENS / "cityscapes_id_map.npz")
    for full, small in zip(golden["label_ids"], golden["label_ids_nearest_48x24"], strict=True):
        assert (read_labels(save(tmp_path / "l.png", full), (24, 48), 34) == small).all()


def test_the_label_map_is_kept_as_it_is_stored(files):
    assert (read_item(FORM, files).stored_labels == areas(0, 3, 3, 4)).all()
    assert read_item(Form((24, 40), 5), files).stored_labels is None  # the same as the labels


def test_instance_ids_of_16_bits_do_not_turn_negative_or_collide(files):
    assert read_ids(files.instance).max() == 33001
    assert (
        read_ids(files.instance, (12, 20)).tolist()[0]
        == areas(7, 26000, 26001, 33001, size=(1, 20), dtype=int).tolist()[0]
    )
    item = read_item(FORM, files)
    assert np.unique(item.instances).tolist() == [1, 2, 3, 4]
    assert (item.instances[:, -5:] == 4).all()  # 33001 - 65536 would have come first


def test_an_instance_that_is_lost_in_resizing_leaves_no_gap(files):
    ids = areas(3, 8, dtype=np.uint16)
    ids[0, 0] = 5  # the items have every second row and column, from the second on
    save(files.instance, ids)
    assert np.unique(read_item(Form((24, 40), 5), files).instances).tolist() == [1, 2, 3]
    assert np.unique(read_item(FORM, files).instances).tolist() == [1, 2]


def test_instances_of_32_bits_are_read_too(tmp_path):
    path = save(tmp_path / "a.tiff", areas(5, 70000, dtype=np.int32))
    assert np.unique(read_ids(path)).tolist() == [5, 70000]


@pytest.mark.parametrize(("ids", "ranks"), [("label", "label_reid"), ("cityscapes_instance_ids", "cityscapes_reid")])
def test_ids_are_ranked_as_inade_does(ids, ranks):
    golden = np.load(GOLDENS / "inade_reid.npz")
    assert (dense_rank(golden[ids].astype(np.int32)) == golden[ranks]).all()


def test_without_an_instance_map_every_class_is_one_instance(files):
    item = read_item(FORM, Files(files.image, files.label, None))
    assert {(label, instance) for label, instance in zip(item.labels.flat, item.instances.flat, strict=True)} == {
        (0, 1),
        (3, 2),
        (4, 3),
    }


def test_the_label_of_unlabelled_pixels_becomes_the_last_class(tmp_path):
    path = save(tmp_path / "a.png", areas(0, 181, 255))
    assert np.unique(read_labels(path, None, 183, 255)).tolist() == [0, 181, 182]


@pytest.mark.parametrize(
    ("labels", "dont_care", "expected"),
    [
        ((0, 5), None, r"holds the label 5; expected 0 to 4, one"),
        ((0, 255), None, r"holds the label 255; expected 0 to 4, one"),
        ((4, 255), 255, r"holds the label 4; expected 0 to 3 or 255"),
        ((9, 255), 255, r"holds the label 9; expected 0 to 3 or 255"),
    ],
)
def test_a_label_out_of_range_names_file_label_and_range(tmp_path, labels, dont_care, expected):
    path = save(tmp_path / "bad.png", areas(*labels))
    with pytest.raises(UserError, match=rf"bad\.png {expected}"):
        read_labels(path, None, 5, dont_care)


def test_a_wrong_label_of_one_pixel_is_found_though_no_item_would_show_it(tmp_path, files):
    labels = areas(0, 3, 3, 4)
    labels[0, 0] = 77
    save(files.label, labels)
    with pytest.raises(UserError, match="holds the label 77"):
        read_item(FORM, files)


def test_a_negative_label_is_refused(tmp_path):
    path = save(tmp_path / "a.tiff", areas(-1, 2, dtype=np.int32))
    with pytest.raises(UserError, match="holds the label -1"):
        read_labels(path, None, 5)


def test_a_label_map_of_three_equal_channels_is_read_and_a_coloured_one_is_not(tmp_path):
    grey = areas(0, 3, 4)
    equal = save(tmp_path / "equal.png", grey[..., None].repeat(3, 2))
    assert (read_labels(equal, None, 5) == grey).all()
    one_pixel = grey[..., None].repeat(3, 2)
    one_pixel[3, 5, 2] += 1
    with pytest.raises(UserError, match=r"coloured\.png is a colour picture; expected a map with one class index"):
        read_labels(save(tmp_path / "coloured.png", one_pixel), None, 5)


def test_a_palette_is_refused(tmp_path):
    Image.fromarray(areas(0, 3)).convert("P").save(tmp_path / "palette.png")
    with pytest.raises(UserError, match=r"palette\.png is a colour picture"):
        read_labels(tmp_path / "palette.png", None, 5)


def test_numbers_with_a_fraction_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.tiff is a colour picture"):
        read_ids(save(tmp_path / "a.tiff", areas(0, 3, dtype=np.float32)))


@pytest.mark.parametrize("kind", ["image", "label", "instance"])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.7])
def test_a_file_that_is_cut_off_is_one_line(files, kind, keep):
    rng = np.random.default_rng(0)
    path = getattr(files, kind)
    if kind != "image":  # as hard to compress as a photo, so that the cut goes through the pixels
        save(path, rng.integers(0, 5, (24, 40), np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(UserError, match=r"a\.png cannot be read as an image") as caught:
        read_item(FORM, files)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_picture_or_not_there_is_one_line(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    for name in ("a.png", "b.png"):
        with pytest.raises(UserError, match=rf"{name[0]}\.png cannot be read as an image"):
            read_image(tmp_path / name)


def test_a_picture_of_more_pixels_than_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match="cannot be read as an image"):
        read_image(save(tmp_path / "bomb.png", photo()))


def test_a_photo_of_another_size_than_its_label_map_is_refused_before_any_resize(files):
    save(files.image, photo(size=(48, 80)))  # the same aspect, so that resizing would hide it
    with pytest.raises(UserError, match=r"label/a\.png is 40x24; expected 80x48, the size of its photo .*img/a\.png"):
        read_item(FORM, files)


def test_where_sizes_differ_by_nature_both_are_resized(files):
    save(files.image, photo(size=(48, 80)))
    item = read_item(Form((12, 20), 5, one_size=False), files)
    assert item.image.shape == (12, 20, 3)
    assert item.stored_labels.shape == (24, 40)


@pytest.mark.parametrize("one_size", [True, False])
def test_an_instance_map_of_another_size_is_refused(files, one_size):
    save(files.instance, areas(1, 2, size=(12, 20)))
    with pytest.raises(UserError, match=r"inst/a\.png is 20x12; expected 40x24, the size of its label map"):
        read_item(Form((12, 20), 5, one_size=one_size), files)


def test_grey_photos_have_three_channels(tmp_path):
    assert (read_image(save(tmp_path / "a.png", areas(3, 9))) == areas(3, 9)[..., None]).all()
