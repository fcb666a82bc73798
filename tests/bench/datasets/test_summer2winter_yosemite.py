import numpy as np
import pytest
from small_files import photo, save

from bench.common.errors import UserError
from bench.datasets.parts.reading import read_image
from bench.datasets.summer2winter_yosemite import YOSEMITE, open_yosemite
from bench.synthesis.batches import collate
from bench.synthesis.images import to_photos
from bench.training.batches import ShuffledBatches


@pytest.fixture
def root(tmp_path):
    """Five summer photos and two winter ones."""
    for part in ("train", "test"):
        for domain, count in (("A", 5), ("B", 2)):
            for number in range(count):
                path = tmp_path / "summer2winter-yosemite" / f"{part}{domain}" / f"{domain.lower()}{number}.jpg"
                save(path, photo(number + 50 * (domain == "B"), (32, 32)))
    return tmp_path


def test_items_are_as_many_as_the_longer_side_and_the_shorter_begins_again(root):
    data = open_yosemite("val", root)
    assert [item.key for item in data] == ["a0__b0", "a1__b1", "a2__b0", "a3__b1", "a4__b0"]
    folder = root / "summer2winter-yosemite"
    assert (data[3].source == read_image(folder / "testA" / "a3.jpg", (256, 256))).all()
    assert (data[3].image == read_image(folder / "testB" / "b1.jpg", (256, 256))).all()
    with pytest.raises(IndexError):
        data[5]


def test_a_pair_is_the_summer_photo_of_one_item_and_the_winter_photo_of_another(root):
    data = open_yosemite("train", root)
    assert data.pair_loader(3, 4)().key == "a3__b0"
    assert (data.pair_loader(3, 4)().image == data[4].image).all()
    assert (data.pair_loader(3, 4)().source == data[3].source).all()
    for pair in ((5, 0), (0, 5), (0, -1)):
        with pytest.raises(IndexError):
            data.pair_loader(*pair)


def test_every_epoch_of_training_shows_all_photos_in_pairs_of_its_own(root):
    data = open_yosemite("train", root).resized((16, 16))
    known = {side: [getattr(item, side).tobytes() for item in data] for side in ("source", "image")}

    shuffled = ShuffledBatches(dataset=data, size=1, per_epoch=5, seed=0, flip=False)

    def pairs(steps):
        for batch in shuffled.of_steps(steps):
            found = to_photos(batch.layout.sources)[0], to_photos(batch.images)[0]
            yield tuple(known[side].index(photo.tobytes()) for side, photo in zip(known, found, strict=True))

    epochs = [list(pairs(range(5 * epoch, 5 * epoch + 5))) for epoch in range(4)]
    for epoch in epochs:
        assert sorted(summer for summer, _ in epoch) == [0, 1, 2, 3, 4]
        assert sorted(winter for _, winter in epoch) == [0, 0, 0, 1, 1]  # the shorter side again
    assert len({tuple(sorted(epoch)) for epoch in epochs}) > 1
    assert list(pairs(range(3, 8))) == [*epochs[0][3:], *epochs[1][:3]]


def test_labels_say_nothing(root):
    item = open_yosemite("train", root)[0]
    assert (item.labels.shape, np.unique(item.labels).tolist(), np.unique(item.instances).tolist()) == (
        (256, 256),
        [0],
        [1],
    )
    assert (YOSEMITE.num_classes, YOSEMITE.scoring) == (1, "")


def test_batches_carry_the_photos_to_translate(root):
    batch = collate(list(open_yosemite("val", root))[:2], 1)
    assert batch.layout.sources.shape == batch.images.shape == (2, 3, 256, 256)
    assert not (batch.layout.sources == batch.images).all()


def test_any_file_changes_the_fingerprint(root):
    before = open_yosemite("val", root).fingerprint()
    assert open_yosemite("train", root).fingerprint() != before
    save(root / "summer2winter-yosemite" / "testB" / "b1.jpg", photo(99, (32, 32)))
    assert open_yosemite("val", root).fingerprint() != before


def test_a_missing_domain_is_one_clear_error(root):
    (root / "summer2winter-yosemite" / "testB").rename(root / "elsewhere")
    with pytest.raises(UserError, match=r"expected .*testA and .*testB; unpack CycleGAN's"):
        open_yosemite("val", root)
