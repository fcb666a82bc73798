"""Items become batches; training items are cut and mirrored, the same for everything in them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.datasets.base import Item
from bench.synthesis.batches import collate
from bench.training.batches import flipped, random_crop


def item(tall=30, wide=40, *, stored=None, with_source=False):
    """An item whose every array says which row and column a pixel came from."""
    rows, columns = np.mgrid[:tall, :wide].astype(np.uint8)
    image = np.stack([rows, columns, rows], -1)
    return Item(
        "a", rows, columns.astype(np.int32) + 1, image, stored, image[..., ::-1].copy() if with_source else None
    )


def stream(seed):
    return torch.Generator().manual_seed(seed)


def test_a_crop_is_the_same_place_of_everything():
    for seed in range(20):
        cut = random_crop(item(with_source=True), (24, 32), stream(seed))
        top, left = int(cut.labels[0, 0]), int(cut.instances[0, 0]) - 1
        whole = item(with_source=True)
        place = slice(top, top + 24), slice(left, left + 32)
        for part in ("labels", "instances", "image", "source"):
            assert (getattr(cut, part) == getattr(whole, part)[place]).all()


def test_every_place_can_be_cut_the_outermost_included():
    places = set()
    for seed in range(400):
        cut = random_crop(item(6, 7), (4, 4), stream(seed))
        places.add((int(cut.labels[0, 0]), int(cut.instances[0, 0]) - 1))
    assert places == {(top, left) for top in range(3) for left in range(4)}


def test_the_generator_alone_decides():
    one, two, three = (random_crop(item(), (8, 8), stream(seed)).labels for seed in (5, 5, 6))
    assert (one == two).all()
    assert not (one == three).all()


def test_a_crop_of_the_whole_is_the_whole():
    assert (random_crop(item(), (30, 40), stream(0)).image == item().image).all()


def test_what_is_cut_or_mirrored_has_no_label_map_on_disk():
    stored = np.zeros((60, 80), np.uint8)
    assert random_crop(item(stored=stored), (8, 8), stream(0)).stored_labels is None
    assert flipped(item(stored=stored)).stored_labels is None


def test_a_mirrored_item_is_mirrored_in_everything():
    mirrored = flipped(item(with_source=True))
    for part in ("labels", "instances", "image", "source"):
        assert (getattr(mirrored, part) == getattr(item(with_source=True), part)[:, ::-1]).all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_every_layout_of_a_batch_has_its_stored_labels_or_none_has(order):
    stored = np.full((60, 80), 7, np.uint8)
    items = [item(stored=stored), item()]
    batch = collate([items[n] for n in order], 40)
    assert [tuple(labels.shape) for labels in batch.stored_labels] == [((60, 80), (30, 40))[n] for n in order]
    assert collate([item(), item()], 40).stored_labels == ()
