import numpy as np
import pytest
from PIL import Image
from small_trees import cut, save

from bench.common.errors import UserError
from bench.datasets.parts.reading import read_ids, read_labels
from bench.datasets.preparation.parts.maps import check_photo, renumbered

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_ids_are_ranks_in_rising_order_and_nothing_is_connected():
    ids = np.array([[33001, 7, 7], [7, 26000, 33001]], np.uint16)
    numbers = renumbered(ids)
    assert numbers.dtype == np.uint8
    assert numbers.tolist() == [[2, 0, 0], [0, 1, 2]]


def test_more_than_256_ids_repeat():
    numbers = renumbered(np.arange(300, dtype=np.int32).reshape(20, 15))
    assert numbers.ravel().tolist() == [number % 256 for number in range(300)]


def test_sixteen_bits_are_read_whole(tmp_path):
    save(tmp_path / "a.png", np.array([[40000, 65535], [0, 33001]], np.uint16))
    assert read_ids(tmp_path / "a.png").tolist() == [[40000, 65535], [0, 33001]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_that_repeat_the_class_are_dropped(tmp_path, channels):
    stack = np.repeat(LABELS[..., None], channels, 2)
    if channels == 4:
        stack[..., 3] = 255  # opaque
    save(tmp_path / "a.png", stack.squeeze())
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", None, 12), LABELS)


def test_colours_and_palettes_are_refused(tmp_path):
    save(tmp_path / "a.png", np.stack([LABELS, LABELS + 1, LABELS], 2))
    palette = Image.fromarray(LABELS).convert("P")
    palette.putpalette([value for index in range(256) for value in (index, 0, 255 - index)])
    palette.save(tmp_path / "b.png")
    for name in "ab":
        with pytest.raises(UserError, match=rf"{name}\.png is a colour picture; expected a map"):
            read_labels(tmp_path / f"{name}.png", None, 12)


@pytest.mark.parametrize("number", [12, -1])
def test_labels_out_of_range_are_refused(tmp_path, number):
    save(tmp_path / "a.tiff", np.array([[0, number]], np.int32))
    with pytest.raises(UserError, match=rf"a\.tiff holds the label {number}; expected 0 to 11"):
        read_labels(tmp_path / "a.tiff", None, 12)


@pytest.mark.parametrize("read", [read_ids, check_photo])
def test_damaged_and_missing_files_are_named(tmp_path, read):
    save(tmp_path / "a.png", LABELS)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"a\.png cannot be read as an image"):
        read(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"b\.png cannot be read as an image"):
        read(tmp_path / "b.png")


def test_the_end_of_a_map_is_needed(tmp_path):
    save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8))
    cut(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png cannot be read as an image"):
        read_ids(tmp_path / "a.png")
