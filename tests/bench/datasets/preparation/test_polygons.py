"""Our polygons are skimage's, whose rasteriser drew the instance maps of COCO-Stuff."""

import numpy as np
import pytest
from skimage.draw import polygon

from bench.datasets.preparation.parts.polygons import polygon_mask

SHAPE = (20, 24)
GRIDS = {"whole": 1, "half": 2, "tenth": 10, "hundredth": 100, "any": None}


def peer(rows, columns):
    mask = np.zeros(SHAPE, np.bool_)
    mask[polygon(rows, columns, SHAPE)] = True
    return mask


@pytest.mark.parametrize("grid", GRIDS)
def test_any_polygon_covers_what_skimage_covers(grid):
    rng = np.random.default_rng(sum(map(ord, grid)))
    covered = 0
    for _ in range(400):
        corners = rng.uniform(-6, 30, (2, rng.integers(1, 12)))  # beyond the image on all sides, crossing itself
        rows, columns = np.round(corners * GRIDS[grid]) / GRIDS[grid] if GRIDS[grid] else corners
        mask = polygon_mask(rows, columns, SHAPE)
        np.testing.assert_array_equal(mask, peer(rows, columns))
        covered += mask.sum()
    assert covered > 10_000


@pytest.mark.parametrize(
    "corners",
    [
        [(3, 4)],
        [(3.5, 4)],
        [(2, 2), (2, 9)],
        [(2, 2), (9, 2)],
        [(2, 2), (9, 9)],
        [(2, 2), (2, 9), (9, 9), (9, 2)],
        [(2, 2), (2, 9), (9, 9), (9, 2), (2, 2)],
        [(-1, -1), (-1, 9), (9, 9), (9, -1)],
        [(0, 0), (0, 40), (40, 40), (40, 0)],
        [(-9, -9), (-9, -3), (-3, -3)],
        [(30, 30), (30, 40), (40, 40)],
        [(5, 2), (2, 5), (5, 8), (8, 5)],
        [(2, 2), (8, 8), (2, 8), (8, 2)],
    ],
    ids=str,
)
def test_outlines_on_whole_coordinates_belong_to_the_polygon_as_with_skimage(corners):
    rows, columns = np.array(corners, np.float64).T
    np.testing.assert_array_equal(polygon_mask(rows, columns, SHAPE), peer(rows, columns))


def test_a_square_has_its_outline():
    rows, columns = np.array([(2, 3), (2, 6), (4, 6), (4, 3)], np.float64).T
    expected = np.zeros(SHAPE, np.bool_)
    expected[2:5, 3:7] = True
    np.testing.assert_array_equal(polygon_mask(rows, columns, SHAPE), expected)
