"""Training pictures of SIMS: what is cut out, re-coloured and moved."""

import numpy as np
import pytest
import torch

from models.sims import training_pictures
from models.sims.bank import Bank
from models.sims.segments import Scene, Segment, band
from models.sims.training_pictures import damaged, transferred

VOID = 5
SCENE = Scene(VOID, ground=(0,), context=(0,))
SIZE = 64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def scenery(*areas):
    labels = np.zeros((SIZE, SIZE), np.uint8)
    for label, top, bottom, left, right in areas:
        labels[top:bottom, left:right] = label
    return labels


def photo(seed=0):
    return (0.1 + 0.8 * np.random.default_rng(seed).random((SIZE, SIZE, 3))).astype(np.float32)


def bytes_of(pixels):
    return np.rint(pixels * 255).astype(np.uint8)


OWN = scenery((1, 10, 40, 10, 40))
OTHER = scenery((1, 16, 50, 10, 30))
POOR = scenery((1, 30, 50, 30, 50))


@pytest.fixture
def still(monkeypatch):
    """Nothing left to chance: no white, no new colours, no moved labels."""
    for name in ("_EDGE", "_RECOLOURED", "_TURN", "_SHIFT"):
        monkeypatch.setattr(training_pictures, name, 0.0)


@pytest.mark.usefixtures("still")
def test_a_segment_keeps_what_its_best_find_in_another_photo_covers():
    pixels = photo()
    bank = Bank.of([(label, bytes_of(pixels)) for label in (POOR, OWN, OTHER)], SCENE)
    made = damaged(OWN, pixels, bank, SCENE, rng())
    kept = ((OWN == 1) & (OTHER == 1)) | ((OWN == 0) & (OTHER == 0))  # OWN itself is in the bank, and passed over
    assert (made.photo[kept] == pixels[kept]).all()
    assert not made.photo[~kept].any()
    assert (made.labels == OWN).all()


@pytest.mark.usefixtures("still")
def test_only_so_many_photos_are_searched(monkeypatch):
    monkeypatch.setattr(training_pictures, "_SEARCHED", 1)
    pixels = photo()
    bank = Bank.of([(label, bytes_of(pixels)) for label in (POOR, OTHER)], SCENE)
    kept = {int(damaged(OWN, pixels, bank, SCENE, rng(seed)).photo[OWN == 1].any(1).sum()) for seed in range(12)}
    assert kept == {int(((OWN == 1) & (label == 1)).sum()) for label in (POOR, OTHER)}


@pytest.mark.usefixtures("still")
def test_a_segment_without_a_find_in_another_photo_lies_open():
    pixels = photo()
    bank = Bank.of([(OWN, bytes_of(pixels))], SCENE)
    assert not damaged(OWN, pixels, bank, SCENE, rng()).photo.any()


def test_without_a_bank_nothing_is_known_and_nothing_moved():
    made = damaged(OWN, photo(), None, SCENE, rng())
    assert not made.photo.any()
    assert (made.labels == OWN).all()


@pytest.mark.usefixtures("still")
def test_half_of_the_pixels_along_the_edges_of_what_is_kept_are_white(monkeypatch):
    monkeypatch.setattr(training_pictures, "_EDGE", 0.1)
    pixels, wide = photo(), scenery((1, 10, 40, 10, 62))
    bank = Bank.of([(wide, bytes_of(pixels))], SCENE)
    made = damaged(OWN, pixels, bank, SCENE, rng())
    white = (made.photo == 1).all(2)
    edge = band(OWN == 1, 0.1) & (OWN == 1)
    assert 0.35 < white[edge].mean() < 0.65
    assert not white[(OWN == 1) & ~edge].any()
    beside = band(OWN == 0, 0.1) & (OWN == 0) & (wide == 0)  # the ground's own edge, and no other's
    assert 0.35 < white[beside].mean() < 0.65


@pytest.mark.usefixtures("still")
def test_segments_take_the_colours_of_their_finds_as_often_as_is_said(monkeypatch):
    monkeypatch.setattr(training_pictures, "_RECOLOURED", 0.3)
    pixels, dark = photo(), photo(1) * 0.2
    bank = Bank.of([(OTHER, bytes_of(dark))], SCENE)
    inside = (OWN == 1) & (OTHER == 1)
    changed = []
    for seed in range(60):
        made = damaged(OWN, pixels, bank, SCENE, rng(seed)).photo[inside]
        changed.append(not np.allclose(made, pixels[inside]))
        if changed[-1]:
            assert made.mean() == pytest.approx(dark.mean(), abs=0.03)
    assert 0.1 < np.mean(changed) < 0.5


def test_transferred_colours_have_the_mean_and_covariance_of_the_model():
    rng = np.random.default_rng(0)
    mix_a, mix_b = rng.normal(size=(3, 3)) * 0.04, rng.normal(size=(3, 3)) * 0.04
    own = (0.5 + rng.normal(size=(4000, 3)) @ mix_a).astype(np.float32)
    model = (0.4 + rng.normal(size=(5000, 3)) @ mix_b).astype(np.float32)
    moved = transferred(own, own, model)
    np.testing.assert_allclose(moved.mean(0), model.mean(0), atol=1e-3)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(model.T), atol=2e-4)
    np.testing.assert_allclose(transferred(own, own, own), own, atol=1e-5)


def test_transfer_is_the_shortest_one():
    """Of all linear maps between the two it is the symmetric one: it stretches, and does not turn."""
    rng = np.random.default_rng(0)
    mix_a, mix_b = rng.normal(size=(3, 3)) * 0.04, rng.normal(size=(3, 3)) * 0.04
    own = (0.5 + rng.normal(size=(4000, 3)) @ mix_a).astype(np.float32)
    model = (0.5 + rng.normal(size=(4000, 3)) @ mix_b).astype(np.float32)
    moved = transferred(own, own, model)
    change = np.linalg.lstsq(own - own.mean(0), moved - moved.mean(0), rcond=None)[0]
    np.testing.assert_allclose(change, change.T, atol=5e-3)
    assert np.linalg.eigvalsh(change).min() > 0
    assert abs(change - np.diag(np.diag(change))).max() > 0.1


def test_a_flat_segment_becomes_flat_in_the_colour_of_the_model():
    own, model = np.full((4, 4, 3), 0.25, np.float32), np.full((5, 5, 3), 0.75, np.float32)
    np.testing.assert_allclose(transferred(own, own, model), 0.75, atol=1e-6)


def test_colours_stay_colours():
    rng = np.random.default_rng(0)
    own, model = rng.random((500, 3), np.float32), np.where(rng.random((500, 3)) < 0.5, 0, 1).astype(np.float32)
    moved = transferred(own, own, model)
    assert (moved.min(), moved.max(), moved.dtype) == (0, 1, np.float32)


@pytest.mark.usefixtures("still")
def test_labels_are_void_where_a_moved_segment_leaves_its_place(monkeypatch):
    monkeypatch.setattr(training_pictures, "_SHIFT", 0.1)
    labels = scenery((1, 20, 44, 20, 44))
    bank = Bank.of([(OTHER, bytes_of(photo()))], SCENE)
    shapes, left = set(), np.zeros_like(labels, bool)
    for seed in range(16):
        moved = damaged(labels, photo(), bank, SCENE, rng(seed)).labels
        assert set(np.unique(moved).tolist()) <= {0, 1, VOID}
        assert (moved[moved != VOID] == labels[moved != VOID]).all()
        left |= (labels == 0) & (moved == VOID)
        shapes.add(moved.tobytes())
    rows, columns = np.nonzero(left)
    for places in (rows, columns):
        assert 13 <= places.min() < 18  # 6.4 pixels at most
        assert 46 < places.max() <= 50
    assert len(shapes) > 10


def test_turned_segments_stay_about_where_they_are(monkeypatch):
    monkeypatch.setattr(training_pictures, "_SHIFT", 0.0)
    mask = np.zeros((100, 200), bool)
    mask[40:60, 20:180] = True
    for seed in range(5):
        turned = training_pictures._moved(Segment(1, mask), rng(seed))
        assert turned.sum() == pytest.approx(mask.sum(), rel=0.02)
        rows, columns = np.nonzero(turned)
        assert (rows.mean(), columns.mean()) == pytest.approx((49.5, 99.5), abs=0.5)
        slope = np.polyfit(columns, rows, 1)[0]
        assert abs(np.rad2deg(np.arctan(slope))) <= 2.6
    assert len({training_pictures._moved(Segment(1, mask), rng(seed)).tobytes() for seed in range(1, 5)}) == 4


def test_damage_follows_from_its_stream():
    bank = Bank.of([(OTHER, bytes_of(photo())), (POOR, bytes_of(photo(1)))], SCENE)
    first, again, other = (damaged(OWN, photo(), bank, SCENE, rng(seed)) for seed in (3, 3, 4))
    assert (first.photo == again.photo).all()
    assert (first.labels == again.labels).all()
    assert (first.photo != other.photo).any()
