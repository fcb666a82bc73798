"""The bank of SIMS against brute force, and its way through a file."""

import numpy as np
import pytest
import torch

from models.sims.bank import Bank
from models.sims.segments import Scene, Segment, segments_of

SCENE = Scene(void=4, ground=(0,), context=(0,))


def label_map(seed, rows=64, columns=64):
    """Rectangles of classes 1 to 3 on class 0, with a void corner."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((rows, columns), np.uint8)
    for _ in range(6):
        top, left = rng.integers(0, rows * 3 // 4), rng.integers(0, columns * 3 // 4)
        height, width = rng.integers(rows // 8, rows // 2), rng.integers(columns // 8, columns // 2)
        labels[top : top + height, left : left + width] = rng.integers(1, 4)
    labels[: rows // 8, : columns // 8] = 4
    return labels


def photo(seed, rows=64, columns=64):
    return np.random.default_rng(100 + seed).integers(0, 256, (rows, columns, 3)).astype(np.uint8)


def made(count, **size):
    return Bank.of(((label_map(seed, **size), photo(seed, **size)) for seed in range(count)), SCENE)


@pytest.fixture(scope="module")
def bank():
    return made(40)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def brute_force(segment, seeds, **size):
    """All segments of the class with the overlap of each, best first."""
    found = [
        (overlap(segment.mask, other.mask), seed)
        for seed in seeds
        for other in segments_of(label_map(seed, **size), SCENE.void)
        if other.label == segment.label and (other.mask & segment.mask).any()
    ]
    return sorted(found, key=lambda pair: -pair[0])


def test_bank_holds_photos_labels_and_segments(bank):
    assert len(bank.photos) == 40
    for number in (0, 17, 39):
        assert (bank.photos[number] == photo(number)).all()
        assert (bank.labels(number) == label_map(number)).all()
    assert len(bank.segments) == sum(len(segments_of(label_map(seed), SCENE.void)) for seed in range(40))


def test_finds_are_the_best_overlaps_of_the_class(bank):
    for seed in range(100, 106):
        for segment in segments_of(label_map(seed), SCENE.void):
            found, expected = bank.best(segment), brute_force(segment, range(40))[:10]
            assert [f.overlap for f in found] == pytest.approx([value for value, _ in expected])
            assert [f.overlap for f in found] == pytest.approx([overlap(f.mask, segment.mask) for f in found])
            for f in found:
                assert (bank.labels(f.photo)[f.mask] == segment.label).all()


def test_a_segment_finds_itself_and_not_the_same_place_in_another_class(bank):
    for segment in segments_of(label_map(7), SCENE.void):
        best = bank.best(segment, count=1)[0]
        assert (best.overlap, best.photo) == (1, 7)
        other = Segment((segment.label + 1) % 4, segment.mask)
        assert all((bank.labels(f.photo)[f.mask] == other.label).all() for f in bank.best(other))


def test_only_the_photos_that_are_named_are_searched(bank):
    (segment, *_) = segments_of(label_map(7), SCENE.void)
    found = bank.best(segment, np.array([3, 8, 20]))
    assert {f.photo for f in found} <= {3, 8, 20}
    assert [f.overlap for f in found] == pytest.approx([v for v, _ in brute_force(segment, (3, 8, 20))])


def test_nothing_is_found_where_nothing_overlaps(bank):
    corner = np.zeros((64, 64), bool)
    corner[:8, :8] = True  # void in all
    assert bank.best(Segment(0, corner)) == []
    assert bank.best(Segment(200, ~corner)) == []


def test_large_masks_are_compared_coarsely_first_and_then_exactly():
    size = {"rows": 256, "columns": 512}
    bank = made(45, **size)
    assert bank.coarse.shape[1] == 64 * 128 // 8
    for seed in range(200, 204):
        for segment in segments_of(label_map(seed, **size), SCENE.void):
            best = bank.best(segment, count=1)[0]
            assert best.overlap == pytest.approx(brute_force(segment, range(45), **size)[0][0])


def test_classes_are_ordered_by_how_often_they_are_behind():
    """Class 3 reaches down in front of class 2, which reaches down in front of class 1; all stand on class 0."""
    labels = np.zeros((64, 64), np.uint8)
    labels[8:24, 8:56], labels[24:40, 8:56], labels[40:56, 8:56] = 1, 2, 3
    order = Bank.of([(labels, photo(0))] * 2, SCENE).order.tolist()
    assert [label for label in order if label < 4] == [0, 1, 2, 3]
    assert sorted(order) == list(range(256))
    upside_down = Bank.of([(labels[::-1].copy(), photo(0))], SCENE).order.tolist()
    assert [label for label in upside_down if label < 4] == [0, 3, 2, 1]


def test_small_regions_do_not_count_for_the_order():
    labels = np.zeros((64, 64), np.uint8)
    labels[10:40, 10:40] = 1
    labels[40:42, 10:20] = 2  # 20 pixels in front of class 1
    order = Bank.of([(labels, photo(0))], SCENE).order.tolist()
    assert order.index(2) < order.index(1)  # as a class of which nothing is known


def test_a_bank_survives_its_file(bank):
    again = Bank.of_tensors(bank.tensors())
    assert all(torch.equal(a, b) for a, b in zip(again.tensors().values(), bank.tensors().values(), strict=True))
    (segment, *_) = segments_of(label_map(50), SCENE.void)
    assert [f.photo for f in again.best(segment)] == [f.photo for f in bank.best(segment)]


def test_label_maps_without_a_segment_make_no_bank():
    with pytest.raises(ValueError, match="no segment"):
        Bank.of([(np.full((64, 64), 4, np.uint8), photo(0))], SCENE)
    with pytest.raises(ValueError, match="no segment"):
        Bank.of([], SCENE)


SPOILED = {
    "it lacks an array": (lambda t: t.pop("order"), "expected photos"),
    "it has one too many": (lambda t: t.update(more=t["order"]), "holds classes"),
    "another type": (lambda t: t.update(starts=t["starts"].int()), "starts are int32"),
    "another rank": (lambda t: t.update(coarse=t["coarse"][0]), "coarse are uint8 with 1 axes"),
    "photos of another size": (lambda t: t.update(photos=t["photos"][:, :-1]), "do not fit"),
    "fewer starts": (lambda t: t.update(starts=t["starts"][:-1]), "do not fit"),
    "fewer masks": (lambda t: t.update(coarse=t["coarse"][:-1]), "do not fit"),
    "narrower masks": (lambda t: t.update(coarse=t["coarse"][:, :-1]), "do not fit"),
    "a photo too far": (lambda t: t["segments"][0, 0].fill_(40), "do not fit"),
    "a photo before the first": (lambda t: t["segments"][0, 0].fill_(-1), "do not fit"),
    "a region too far": (lambda t: t["segments"][-1, 1].fill_(500), "do not fit"),
    "a region before the first": (lambda t: t["segments"][0, 1].fill_(-1), "do not fit"),
    "a pixel of no region": (lambda t: t["regions"][39, 0, 0].fill_(500), "do not fit"),
    "a pixel before the first region": (lambda t: t["regions"][0, 0, 0].fill_(-1), "do not fit"),
    "a class twice in the order": (lambda t: t["order"][0].fill_(int(t["order"][1])), "do not fit"),
    "no segments": (lambda t: t.update(coarse=t["coarse"][:0], segments=t["segments"][:0]), "do not fit"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_arrays_that_are_no_bank_are_refused(bank, case):
    spoil, message = SPOILED[case]
    tensors = {name: tensor.clone() for name, tensor in bank.tensors().items()}
    spoil(tensors)
    with pytest.raises(ValueError, match=message):
        Bank.of_tensors(tensors)
