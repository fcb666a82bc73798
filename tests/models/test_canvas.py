"""What SIMS puts on its canvas, on pictures small enough to think through."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.sims import canvas
from models.sims.bank import Bank
from models.sims.canvas import compose, whiten
from models.sims.segments import Scene, band, box

VOID = 5
SCENE = Scene(VOID, ground=(0,), context=(0,))
SIZE = 64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def scenery(*areas):
    """Class 0 with rectangles (class, top, bottom, left, right)."""
    labels = np.zeros((SIZE, SIZE), np.uint8)
    for label, top, bottom, left, right in areas:
        labels[top:bottom, left:right] = label
    return labels


def flat(level):
    return np.full((SIZE, SIZE, 3), level, np.uint8)


def never(first, second):
    return False


@pytest.fixture
def plain(monkeypatch):
    """Leave no edges out, so that what is painted can be seen whole."""
    for name in ("_INNER", "_OUTER", "_SHADOW", "_FRINGE"):
        monkeypatch.setattr(canvas, name, 0.0)


def drawn(labels, *items, scene=SCENE, hides=never):
    return compose(labels, Bank.of(items, scene), scene, hides, rng())


def level(photo):
    """Grey levels of a canvas, -1 where nothing is known."""
    return np.where(photo.any(2), np.rint(photo[..., 0] * 255), -1)


@pytest.mark.usefixtures("plain")
def test_every_segment_comes_from_the_photo_where_one_overlaps_it_best():
    wanted = scenery((1, 10, 40, 10, 40))
    close, far = scenery((1, 12, 40, 10, 40)), scenery((1, 30, 60, 30, 60), (2, 0, 20, 0, 64))
    made = drawn(wanted, (far, flat(50)), (close, flat(100)))
    assert (level(made.photo) == 100).all()  # its ground is more alike, too
    assert (made.labels == close).all()  # as it was drawn, not as it was asked for


@pytest.mark.usefixtures("plain")
def test_an_object_is_void_where_nothing_covers_it():
    wanted, found = scenery((1, 10, 40, 10, 40)), scenery((2, 10, 40, 10, 40), (1, 14, 40, 10, 40))
    made = drawn(wanted, (found, flat(100)))
    assert (made.labels[10:14, 10:40] == VOID).all()
    assert (level(made.photo)[10:14, 10:40] == -1).all()
    assert (made.labels == wanted).sum() == SIZE * SIZE - 4 * 30


@pytest.mark.usefixtures("plain")
def test_the_context_goes_on_where_nothing_is_drawn():
    wanted, found = scenery((1, 10, 40, 10, 40)), scenery((1, 10, 40, 10, 40), (2, 44, 64, 0, 64))
    made = drawn(wanted, (found, flat(100)))
    assert (made.labels == wanted).all()
    assert (level(made.photo)[44:] == -1).all()  # the ground of the find ends there


@pytest.mark.usefixtures("plain")
def test_what_is_painted_later_lies_on_top_unless_the_other_hides_it():
    """Class 1 stands higher up than class 2 in all photos, and is painted first; their finds overlap."""
    wanted = scenery((1, 8, 28, 10, 50), (2, 28, 48, 10, 50))
    first = scenery((1, 8, 32, 10, 50), (2, 32, 48, 10, 50))
    second = scenery((2, 26, 48, 10, 50), (1, 8, 16, 10, 50))
    made = drawn(wanted, (first, flat(100)), (second, flat(200)))
    assert (made.labels[28:32, 10:50] == 2).all()
    assert (level(made.photo)[28:32, 10:50] == 200).all()
    hidden = drawn(wanted, (first, flat(100)), (second, flat(200)), hides=lambda a, b: (a.label, b.label) == (1, 2))
    assert (hidden.labels[26:32, 10:50] == 1).all()
    assert (hidden.labels[32:48, 10:50] == 2).all()
    assert (level(hidden.photo)[8:32, 10:50] == 100).all()


@pytest.mark.usefixtures("plain")
def test_pairs_are_asked_for_as_painted_first_and_painted_later():
    asked = []
    wanted = scenery((1, 8, 28, 10, 50), (2, 28, 48, 10, 50))

    def hides(first, second):
        asked.append((first.label, second.label))
        assert (first.mask == (wanted == first.label)).all()  # as they lie in the layout
        assert (second.mask == (wanted == second.label)).all()
        return False

    items = scenery((1, 8, 32, 10, 50), (2, 32, 48, 10, 50)), scenery((2, 26, 48, 10, 50), (1, 8, 16, 10, 50))
    drawn(wanted, *((item, flat(9)) for item in items), hides=hides)
    assert (1, 2) in asked
    assert (2, 1) not in asked


@pytest.mark.usefixtures("plain")
def test_segments_of_one_class_never_hide_each_other():
    wanted = scenery((1, 8, 28, 4, 30), (1, 32, 60, 4, 30))
    upper, lower = scenery((1, 8, 34, 4, 30)), scenery((1, 26, 60, 4, 30))
    made = drawn(wanted, (upper, flat(100)), (lower, flat(200)), hides=lambda a, b: a.label == b.label)
    assert (made.labels[8:60, 4:30] == 1).all()
    assert (level(made.photo)[8:26, 4:30] == 100).all()
    assert (level(made.photo)[26:60, 4:30] == 200).all()


@pytest.mark.usefixtures("plain")
def test_small_segments_and_void_lie_open_in_front_with_their_own_label():
    wanted = scenery((1, 10, 40, 10, 40), (3, 20, 24, 20, 24), (VOID, 50, 64, 0, 10))
    found = scenery((1, 10, 40, 10, 40))
    made = drawn(wanted, (found, flat(100)))
    assert (made.labels == wanted).all()
    open_ = (wanted == 3) | (wanted == VOID)
    assert (level(made.photo)[open_] == -1).all()
    assert (level(made.photo)[(wanted == 1)] == 100).all()


@pytest.mark.usefixtures("plain")
def test_a_class_without_a_find_lies_open():
    wanted = scenery((1, 10, 40, 10, 40))
    made = drawn(wanted, (scenery(), flat(100)))
    assert (made.labels == wanted).all()
    assert ((level(made.photo) == -1) == (wanted == 1)).all()


def test_without_a_bank_nothing_is_known():
    wanted = scenery((1, 10, 40, 10, 40))
    made = compose(wanted, None, SCENE, never, rng())
    assert (made.labels == wanted).all()
    assert not made.photo.any()
    assert (made.photo.dtype, made.photo.shape) == (np.float32, (SIZE, SIZE, 3))


def only(monkeypatch, name):
    for other in {"_INNER", "_OUTER", "_SHADOW", "_FRINGE"} - {name}:
        monkeypatch.setattr(canvas, other, 0.0)


def test_half_of_the_pixels_along_edges_are_white(monkeypatch):
    only(monkeypatch, "_INNER")
    monkeypatch.setattr(canvas, "_INNER", 0.2)
    wanted = scenery((1, 10, 40, 10, 40))
    made = drawn(wanted, (wanted, flat(100)))
    edge = band(wanted == 1, 0.2)
    white = (made.photo == 1).all(2)
    assert not white[~edge].any()
    assert 0.6 < white[edge].mean() < 0.9  # a half along the object's edge, and a half along the ground's
    assert (level(made.photo)[~white] == 100).all()
    again = drawn(wanted, (wanted, flat(100)))
    assert (again.photo == made.photo).all()


def test_nothing_white_is_put_where_nothing_is_known():
    photo = np.zeros((8, 8, 3), np.float32)
    photo[:4] = 0.5
    whiten(photo, np.ones((8, 8), bool), rng())
    assert not photo[4:].any()
    assert set(photo[:4].ravel().tolist()) == {0.5, 1.0}


def test_the_context_around_an_object_lies_open_in_its_wider_box(monkeypatch):
    only(monkeypatch, "_OUTER")
    wanted = scenery((1, 10, 40, 10, 40))
    made = drawn(wanted, (wanted, flat(100)))
    area = wanted == 1
    assert ((level(made.photo) == -1) == (band(area, 0.08) & box(area, 0.125) & ~area)).all()
    assert (level(made.photo)[9, 10:40] == 100).all()  # not above it
    assert (level(made.photo)[40, 10:40] == -1).all()


def test_objects_keep_their_pixels_beside_other_objects(monkeypatch):
    only(monkeypatch, "_OUTER")
    wanted = scenery((1, 10, 40, 10, 30), (2, 10, 40, 30, 50))
    made = drawn(wanted, (wanted, flat(100)))
    assert (level(made.photo)[wanted > 0] == 100).all()


def test_ground_is_left_out_where_its_photo_has_shadows_and_leaves_where_sky_shines_through(monkeypatch):
    scene = replace(SCENE, shaded=(0,), shading=(2,), fringed=(1,))
    wanted, found = scenery((1, 0, 20, 0, 64)), scenery((1, 0, 20, 0, 64), (2, 40, 56, 20, 50))
    with monkeypatch.context() as patched:
        only(patched, "_SHADOW")
        made = drawn(wanted, (found, flat(100)), scene=scene)
        assert ((level(made.photo) == -1) == (band(found == 2, 0.06) | (found == 2))).all()
        assert (made.labels == wanted).all()
    only(monkeypatch, "_FRINGE")
    made = drawn(wanted, (found, flat(100)), scene=scene)
    assert ((level(made.photo) == -1)[:40] == (band(found == 1, 0.04) & (found == 1))[:40]).all()
