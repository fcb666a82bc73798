"""Label maps as segments, by hand."""

import numpy as np
import pytest

from models.sims.segments import (
    Scene,
    Segment,
    band,
    box,
    components,
    is_in_front,
    large,
    segments_of,
    touching,
)

SCENE = Scene(void=9, ground=(0, 1), context=(0,))


def picture(*rows):
    return np.array([[int(c) for c in row] for row in rows], np.uint8)


def mask(*rows):
    return picture(*rows) == 1


def test_regions_of_a_class_hang_together_by_their_corners_and_not_by_other_classes():
    numbers, classes = components(picture("1020", "0100", "2001", "2001"))
    assert sorted(zip(classes.tolist(), np.bincount(numbers.ravel()).tolist(), strict=True)) == [
        (0, 9), (1, 2), (1, 2), (2, 1), (2, 2)
    ]  # fmt: skip
    assert numbers[0, 0] == numbers[1, 1] != numbers[2, 3] == numbers[3, 3]
    assert (classes[numbers] == picture("1020", "0100", "2001", "2001")).all()


def test_only_segments_of_more_than_a_thousand_pixels_of_256_by_512_are_looked_up():
    for rows, columns, threshold in ((256, 512, 1000), (64, 64, 31.25), (128, 128, 125)):
        for pixels in (int(threshold), int(threshold) + 1):
            labels = np.full((rows, columns), 9, np.uint8)
            labels.ravel()[:pixels] = 3
            assert [segment.label for segment in segments_of(labels, void=9)] == [3] * (pixels > threshold)


def test_void_is_no_segment():
    labels = np.full((64, 64), 9, np.uint8)
    labels[:, 32:] = 4
    (segment,) = segments_of(labels, void=9)
    assert segment.label == 4
    assert (segment.mask == (labels == 4)).all()
    numbers, classes = components(labels)
    assert classes[large(numbers, classes, void=9)].tolist() == [4]


def test_regions_touch_by_edges_and_corners():
    numbers = picture("0012", "0312", "3344").astype(np.int32)
    assert touching(numbers).tolist() == [[0, 1], [0, 3], [1, 2], [1, 3], [1, 4], [2, 4], [3, 4]]
    assert touching(picture("01", "20").astype(np.int32)).tolist() == [[0, 1], [0, 2], [1, 2]]


HIGH = mask("1110", "1110", "0000", "0000")
LOW = mask("0000", "0000", "0000", "0011")
TALL = mask("0001", "0001", "0001", "0001")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Segment(5, LOW), Segment(4, HIGH), True),  # reaches further down
        (Segment(5, HIGH), Segment(4, LOW), False),
        (Segment(5, HIGH), Segment(0, LOW), True),  # stands on the ground
        (Segment(1, LOW), Segment(4, HIGH), False),
        (Segment(1, LOW), Segment(0, HIGH), True),  # both are ground
        (Segment(5, LOW), Segment(4, TALL), True),  # reaches as far, and is smaller
        (Segment(5, TALL), Segment(4, LOW), False),
    ],
)
def test_what_stands_nearer_or_on_the_ground_is_in_front(first, second, expected):
    assert is_in_front(first, second, SCENE) == expected
    assert is_in_front(second, first, SCENE) != expected


def test_a_band_has_pixels_of_both_sides_within_its_square():
    area = np.zeros((40, 60), bool)
    area[10:30, 20:50] = True
    found = band(area, 5 / 40)
    expected = np.zeros_like(area)
    for row in range(40):
        for column in range(60):
            window = area[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
            expected[row, column] = window.any() and not window.all()
    assert (found == expected).all()
    assert 0 < found.sum() < area.sum()


def test_a_band_grows_with_the_height_in_whole_pixels():
    def width(rows, share):
        area = np.zeros((rows, rows), bool)
        area[:, rows // 2 :] = True
        return int(band(area, share)[0].sum())

    assert [width(256, 0.035), width(64, 0.035), width(512, 0.035)] == [7, 1, 16]  # squares of 8, 2 and 17
    assert width(64, 1 / 64) == 0


def test_the_frame_of_a_picture_is_no_edge():
    assert not band(np.ones((20, 20), bool), 0.2).any()


def test_a_box_is_wider_on_three_sides():
    area = mask("00000000", "00000000", "00011110", "00001110", "00000000", "00000000")
    assert (box(area) == mask("00000000", "00000000", "00011110", "00011110", "00000000", "00000000")).all()
    assert (box(area, 0.5) == mask("00000000", "00000000", "01111111", "01111111", "01111111", "00000000")).all()
    assert not box(np.zeros((3, 3), bool), 0.5).any()
