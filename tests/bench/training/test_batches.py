"""Training batches: every epoch a permutation, some items mirrored, nothing but (seed, step) decides."""

from dataclasses import replace

import pytest
import torch
from noted_items import wait_for_workers

from bench.datasets.paperdolls.dataset import PAPERDOLLS, Paperdolls
from bench.training.batches import ShuffledBatches

ITEMS, SIZE = 6, 2


@pytest.fixture(scope="module")
def data():
    return Paperdolls(PAPERDOLLS, "train", length=ITEMS, persons=1, size=32)


def batches(data, steps, *, flip=False, crop=False, seed=0, workers=0):
    shuffled = ShuffledBatches(
        dataset=data, size=SIZE, per_epoch=ITEMS // SIZE, seed=seed, flip=flip, crop=crop, workers=workers
    )
    return list(shuffled.of_steps(steps))


def names(data, found):
    """Say which item, and whether mirrored, every label map of the batches is."""
    known = {}
    for index in range(ITEMS):
        labels = torch.from_numpy(data[index].labels).long()
        known |= {labels.flatten(): (index, False), labels.flip(1).flatten(): (index, True)}
    rows = [labels for batch in found for labels in batch.layout.labels.flatten(1)]
    return [next(name for labels, name in known.items() if torch.equal(labels, row)) for row in rows]


def test_an_epoch_holds_every_item_once_in_an_order_of_its_own(data):
    found = names(data, batches(data, range(6)))
    orders = [index for index, _ in found[:ITEMS]], [index for index, _ in found[ITEMS:]]
    assert [sorted(order) for order in orders] == [list(range(ITEMS))] * 2
    assert orders[0] != orders[1]
    assert not any(turned for _, turned in found)
    assert names(data, batches(data, range(6), seed=1)) != found


def test_about_half_of_the_items_are_mirrored_photo_and_labels_alike(data):
    found = batches(data, range(12), flip=True)
    turned = [turned for _, turned in names(data, found)]
    assert 6 <= sum(turned) <= 18
    assert len({tuple(turned[start : start + SIZE]) for start in range(0, len(turned), SIZE)}) > 2
    plain = batches(data, range(12))
    for step, batch in enumerate(found):
        for n in range(SIZE):
            image = plain[step].images[n]
            assert torch.equal(batch.images[n], image.flip(2) if turned[step * SIZE + n] else image)


def test_batches_are_the_same_from_any_step_on_and_with_workers(data):
    wait_for_workers(2)
    whole = names(data, batches(data, range(7), flip=True))
    assert names(data, batches(data, range(4, 7), flip=True)) == whole[4 * SIZE :]
    assert names(data, batches(data, range(7), flip=True, workers=2)) == whole


def test_items_are_cut_out_of_their_larger_form_only_where_that_is_asked_for(data):
    larger = Paperdolls(replace(PAPERDOLLS, load_size=(40, 40)), "train", length=ITEMS, persons=1, size=32)
    whole = batches(larger, range(3))
    assert all(torch.equal(one.images, two.images) for one, two in zip(whole, batches(data, range(3)), strict=True))
    cut = batches(larger, range(3), crop=True)
    assert {tuple(batch.images.shape) for batch in cut} == {(SIZE, 3, 32, 32)}
    assert not any(torch.equal(one.images, two.images) for one, two in zip(cut, whole, strict=True))
