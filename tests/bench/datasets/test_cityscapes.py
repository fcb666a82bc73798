from pathlib import Path

import numpy as np
import pytest
from small_files import areas, photo, save

from bench.common.errors import UserError
from bench.datasets.cityscapes import CITYSCAPES, open_cityscapes
from models.parts import train_ids

GOLDENS = Path(__file__).parents[2] / "goldens" / "metrics"
FRAMES = ("bonn_000000_000019", "aachen_000010_000019", "aachen_000002_000019")
# A group of cars has the plain id; 33001 needs all 16 bits.
IDS = areas(7, 26, 26000, 33001, dtype=np.uint16, size=(32, 64))
LABELS = areas(7, 26, 26, 33, size=(32, 64))


def colour(number):
    """A photo that is told from the others whatever its size."""
    return np.full((32, 64, 3), 50 * number, np.uint8)


def official(root, split="val"):
    """The official folders, with the files beside label maps that packages hold."""
    for number, frame in enumerate(FRAMES):
        city = frame.split("_")[0]
        truth = root / "cityscapes" / "gtFine" / split / city
        save(root / "cityscapes" / "leftImg8bit" / split / city / f"{frame}_leftImg8bit.png", colour(number))
        save(truth / f"{frame}_gtFine_labelIds.png", LABELS)
        save(truth / f"{frame}_gtFine_instanceIds.png", IDS)
        save(truth / f"{frame}_gtFine_labelTrainIds.png", areas(0, 13, 13, 18, size=(32, 64)))
        save(truth / f"{frame}_gtFine_color.png", photo(9, (32, 64)))
        (truth / f"{frame}_gtFine_polygons.json").write_text("{}")
    return root


def flat(root, part):
    """The folders of pix2pixHD."""
    for number, frame in enumerate(FRAMES):
        folder = root / "cityscapes"
        save(folder / f"{part}_img" / f"{frame}_leftImg8bit.png", colour(number))
        save(folder / f"{part}_label" / f"{frame}_gtFine_labelIds.png", LABELS)
        save(folder / f"{part}_inst" / f"{frame}_gtFine_instanceIds.png", IDS)
    return root


@pytest.mark.parametrize(
    ("split", "make"),
    [
        ("train", lambda root: official(root, "train")),
        ("val", official),
        ("train", lambda root: flat(root, "train")),
        ("val", lambda root: flat(root, "val")),
        ("val", lambda root: flat(root, "test")),
    ],
    ids=["official train", "official val", "flat train", "flat val", "flat test"],
)
def test_every_layout_gives_the_same_items_in_the_same_order(tmp_path, split, make):
    items = list(open_cityscapes(split, make(tmp_path)))
    assert [item.key for item in items] == [f"{FRAMES[n]}_leftImg8bit" for n in (2, 1, 0)]
    for item, number in zip(items, (2, 1, 0), strict=True):
        assert item.labels.shape == (256, 512)
        assert (item.labels == LABELS.repeat(8, 0).repeat(8, 1)).all()  # raw ids, not train ids
        assert (item.stored_labels == LABELS).all()
        assert np.unique(item.instances).tolist() == [1, 2, 3, 4]
        assert (item.instances[:, -1] == 4).all()
        assert (item.image == 50 * number).all()


def test_inades_instance_maps_serve_where_the_official_ones_are_missing(tmp_path):
    official(tmp_path)
    before = open_cityscapes("val", tmp_path)[0]
    for path in tmp_path.rglob("*_instanceIds.png"):
        save(path.with_name(path.name.replace("instanceIds", "instanceReIds")), areas(0, 1, 2, 3, size=(32, 64)))
    assert len(open_cityscapes("val", tmp_path)) == 3  # of both, one is taken
    for path in list(tmp_path.rglob("*_instanceIds.png")):
        path.unlink()
    item = open_cityscapes("val", tmp_path)[0]
    assert (item.instances == before.instances).all()


def test_without_instance_maps_there_is_no_cityscapes(tmp_path):
    flat(tmp_path, "val")
    for path in list(tmp_path.rglob("*_instanceIds.png")):
        path.unlink()
    with pytest.raises(UserError, match=r"val_inst holds no images; expected files that end in .*_instanceReIds\.png"):
        open_cityscapes("val", tmp_path)
    (tmp_path / "cityscapes" / "val_inst").rmdir()
    with pytest.raises(UserError, match="no instance maps"):
        open_cityscapes("val", tmp_path)


def test_a_frame_without_its_label_map_is_named_across_cities(tmp_path):
    official(tmp_path)
    next(tmp_path.rglob("bonn*_labelIds.png")).unlink()
    with pytest.raises(UserError, match=r"1 of 3 files in .*leftImg8bit/val have .*the first is 'bonn_000000_000019'"):
        open_cityscapes("val", tmp_path)


def test_label_maps_without_photos_are_one_clear_error(tmp_path):
    flat(tmp_path, "test")
    for path in list((tmp_path / "cityscapes" / "test_img").iterdir()):
        path.unlink()
    (tmp_path / "cityscapes" / "test_img").rmdir()
    with pytest.raises(UserError, match=r"test_label holds label maps, but there are no photos: add .*test_img"):
        open_cityscapes("val", tmp_path)


def test_a_city_that_is_a_link_to_elsewhere_is_refused(tmp_path):
    official(tmp_path / "data")
    city = tmp_path / "data" / "cityscapes" / "gtFine" / "val" / "bonn"
    city.rename(tmp_path / "bonn")
    city.symlink_to(tmp_path / "bonn")
    with pytest.raises(UserError, match=r"gtFine/val/bonn leads out of the folder"):
        open_cityscapes("val", tmp_path / "data")


def test_a_label_of_no_class_is_an_error_also_where_it_means_unlabelled_elsewhere(tmp_path):
    official(tmp_path)
    save(next(tmp_path.rglob("bonn*_labelIds.png")), areas(7, 255, size=(32, 64)))
    with pytest.raises(
        UserError, match=r"bonn_000000_000019_gtFine_labelIds\.png holds the label 255; expected 0 to 34"
    ):
        list(open_cityscapes("val", tmp_path))


def test_labels_are_scored_as_train_ids():
    golden = np.load(GOLDENS / "cityscapes_id_map.npz")
    expected = np.where(golden["train_ids"] == 255, -1, golden["train_ids"].astype(int))
    assert (np.array(CITYSCAPES.scored_as)[golden["label_ids"]] == expected).all()
    assert np.unique(golden["label_ids"]).tolist() == list(range(34))
    assert CITYSCAPES.scored_as[34] == -1
    assert sorted(score for score in CITYSCAPES.scored_as if score >= 0) == list(range(19))
    assert len(CITYSCAPES.ignored_classes) == 16


def test_methods_number_the_classes_as_the_data_set_scores_them():
    scored = [train_ids.VOID if score < 0 else score for score in CITYSCAPES.scored_as]
    assert list(train_ids.CITYSCAPES) == scored
    colours = {score: CITYSCAPES.palette[label] for label, score in enumerate(scored) if score != train_ids.VOID}
    assert (*(colours[score] for score in range(19)), (0, 0, 0)) == train_ids.COLOURS


def test_names_and_colours():
    assert (CITYSCAPES.num_classes, CITYSCAPES.size, CITYSCAPES.load_size) == (35, (256, 512), None)
    assert CITYSCAPES.class_names[7] == "road"
    assert CITYSCAPES.class_names[33] == "bicycle"
    assert CITYSCAPES.palette[:5] == ((0, 0, 0),) * 5
    assert CITYSCAPES.palette[7] == (128, 64, 128)
    assert CITYSCAPES.palette[33:] == ((119, 11, 32), (0, 0, 142))
    assert CITYSCAPES.has_instances
