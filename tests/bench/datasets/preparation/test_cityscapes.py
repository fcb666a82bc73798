import numpy as np
import pytest
from small_trees import load, prepare, save

from bench.datasets.parts.cityscapes_ids import CLASS_NAMES, PALETTE, SCORED_AS, VOID, train_ids

FOLDER = ("cityscapes", "gtFine", "val", "lindau")


def test_ids_are_dense_in_every_image_and_lie_beside_the_stored_ones(tmp_path):
    folder = tmp_path.joinpath(*FOLDER)
    ids = np.array([[7, 26, 26001], [33001, 26000, 7]], np.uint16)
    save(folder / "lindau_000000_000019_gtFine_instanceIds.png", ids)
    save(folder / "lindau_000001_000019_gtFine_instanceIds.png", ids[:, :1])
    save(folder / "lindau_000001_000019_gtFine_labelIds.png", np.zeros((2, 2), np.uint8))
    assert prepare("cityscapes", "--data-root", tmp_path).stdout.startswith("cityscapes: 2 items")
    assert load(folder / "lindau_000000_000019_gtFine_instanceReIds.png").tolist() == [[0, 1, 3], [4, 2, 0]]
    assert load(folder / "lindau_000001_000019_gtFine_instanceReIds.png").tolist() == [[0], [1]]


@pytest.mark.parametrize("processes", [0, 1])
def test_more_ids_than_8_bits_can_tell_apart_are_counted_and_named(tmp_path, processes):
    path = tmp_path.joinpath(*FOLDER) / "lindau_000000_000019_gtFine_instanceIds.png"
    save(path, np.arange(26000, 26257, dtype=np.uint16)[None])
    save(path.with_name("lindau_000001_000019_gtFine_instanceIds.png"), np.arange(26000, 26256, dtype=np.uint16)[None])
    done = prepare("cityscapes", "--data-root", tmp_path, processes=processes)
    assert done.exit_code == 0
    remark, summary = done.stdout.splitlines()
    assert remark.startswith(f"{path} holds 257 ids, more than 256")
    assert summary.endswith("2 made now, 1 with a remark")
    assert load(path.with_name(path.name.replace("Ids", "ReIds")))[0, -1] == 0


def test_another_folder_is_the_users_mistake(tmp_path):
    done = prepare("cityscapes", "--data-root", tmp_path)
    assert done.exit_code == 2
    assert "expected gtFine/{train,val}/<city>/*_gtFine_instanceIds.png" in done.stderr


def test_every_raw_id_has_a_train_id_or_is_void():
    assert len(CLASS_NAMES) == len(PALETTE) == len(SCORED_AS) == 35
    labels = np.arange(256, dtype=np.uint8)
    scored = {int(label): int(train) for label, train in zip(labels, train_ids(labels), strict=True) if train != VOID}
    assert scored == dict(zip([7, 8, *range(11, 14), 17, *range(19, 29), 31, 32, 33], range(19), strict=True))
    assert set(SCORED_AS) == {-1, *range(19)}
    assert [train if train >= 0 else VOID for train in SCORED_AS] == train_ids(labels)[:35].tolist()


def test_names_and_colours_are_those_of_the_data_set():
    assert [CLASS_NAMES[index] for index in (0, 3, 7, 17, 26, 33, 34)] == [
        *("unlabeled", "out of roi", "road", "pole", "car", "bicycle", "license plate")
    ]
    colours = {4: (0, 0, 0), 5: (111, 74, 0), 7: (128, 64, 128), 9: (250, 170, 160), 33: (119, 11, 32)}
    assert {index: PALETTE[index] for index in colours} == colours
