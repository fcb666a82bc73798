import json

import numpy as np
import pytest
from small_trees import cut, load, prepare, save

SQUARE = [2, 2, 5, 2, 5, 4, 2, 4]  # x, y of the corners; the first pixel of an image has the coordinates 1, 1
CROWD = {"counts": [3, 5, 2], "size": [6, 8]}


def annotation(image, *polygons, **fields):
    return {"image_id": image, "segmentation": list(polygons), "iscrowd": 0, "bbox": [0, 0, 1, 1], **fields}


def labels():
    return np.full((6, 8), 100, np.uint8)


@pytest.fixture
def root(tmp_path):
    """An image of val."""
    save(tmp_path / "coco-stuff" / "val_label" / "000000000139.png", labels())
    return tmp_path


def drawn(root, *annotations, images=(139,)):
    """Prepare val, and read the instance map of its first image."""
    content = {"images": [{"id": image, "width": 8, "height": 6} for image in images], "annotations": annotations}
    folder = root / "coco-stuff" / "annotations"
    folder.mkdir(exist_ok=True)
    (folder / "instances_val2017.json").write_text(json.dumps(content))
    path = root / "coco-stuff" / "val_inst" / f"{images[0]:012d}.png"
    path.unlink(missing_ok=True)
    done = prepare("coco-stuff", "--data-root", root)
    assert done.exit_code == 0, done.output
    return load(path)


def test_objects_are_filled_with_their_number_one_pixel_up_and_left(root):
    expected = labels()
    expected[1:4, 1:5] = 0
    np.testing.assert_array_equal(drawn(root, annotation(139, SQUARE)), expected)


def test_later_objects_cover_earlier_ones_and_all_polygons_of_one_have_its_number(root):
    ids = drawn(root, annotation(139, SQUARE), annotation(139, [1, 1, 3, 1, 3, 3, 1, 3], [8, 6, 8, 5, 7, 6]))
    expected = labels()
    expected[1:4, 1:5] = 0
    expected[0:3, 0:3] = 1
    expected[5, 6:8], expected[4, 7] = 1, 1
    np.testing.assert_array_equal(ids, expected)


def test_crowds_have_no_number_and_objects_of_other_images_do_not_count(root):
    save(root / "coco-stuff" / "val_label" / "000000000005.png", labels())
    ids = drawn(
        root,
        annotation(139, segmentation=CROWD, iscrowd=1),
        annotation(5, SQUARE),
        annotation(139, SQUARE),
        annotation(139, []),
        annotation(139, [7, 5, 8, 5, 8, 6]),
        images=(139, 5),
    )
    assert sorted(set(ids.ravel().tolist())) == [0, 2, 100]  # the second object has a number, and nothing to draw


def test_an_image_without_objects_is_its_label_map(root):
    np.testing.assert_array_equal(drawn(root), labels())


def test_numbers_begin_again_after_255(root):
    ids = drawn(root, *[annotation(139, SQUARE)] * 258)
    assert sorted(set(ids.ravel().tolist())) == [1, 100]


def test_what_lies_outside_the_image_is_not_drawn(root):
    expected = labels()
    expected[:3, :2] = 0
    np.testing.assert_array_equal(drawn(root, annotation(139, [0, 0, 2, 0, 2, 3, 0, 3])), expected)
    expected = labels()
    expected[4:, 6:] = 0
    np.testing.assert_array_equal(drawn(root, annotation(139, [7, 5, 20, 5, 20, 20, 7, 20])), expected)


def test_both_parts_are_made_and_annotations_may_lie_elsewhere(root, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    save(root / "coco-stuff" / "train_label" / "000000000009.png", labels())
    for part, image in (("train", 9), ("val", 139)):
        content = {"images": [{"id": image}], "annotations": [annotation(image, SQUARE)]}
        (folder / f"instances_{part}2017.json").write_text(json.dumps(content))
    done = prepare("coco-stuff", "--from", folder, "--data-root", root, processes=2)
    assert (done.exit_code, done.stdout) == (0, f"coco-stuff: 2 items in {root / 'coco-stuff'}, 2 made now\n")
    assert load(root / "coco-stuff" / "train_inst" / "000000000009.png")[2, 2] == 0


def test_label_maps_that_are_missing_or_damaged_are_named(root):
    save(root / "coco-stuff" / "val_label" / "000000000005.png", np.zeros((40, 40), np.uint8))
    cut(root / "coco-stuff" / "val_label" / "000000000005.png")
    with pytest.raises(AssertionError) as shown:
        drawn(root, images=(139, 5, 6))
    assert "000000000005.png cannot be read" in str(shown.value)
    assert "000000000006.png cannot be read" in str(shown.value)
    assert "1 made now, 2 damaged" in str(shown.value)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[]",
        '{"images": []}',
        '{"images": [{"id": 139}], "annotations": [{"id": 1, "image_id": 139, "area": 2}]}',
        json.dumps({"images": [{"id": 139}], "annotations": [annotation(139, [1, 2, 3])]}),
        json.dumps({"images": [{"id": 139}], "annotations": [annotation(139, ["a", "b"])]}),
        json.dumps({"images": [{"id": 139}], "annotations": [annotation(139, [float("nan"), 1.0])]}),
        json.dumps({"images": [{"id": "../139"}], "annotations": []}),
    ],
)
def test_a_file_that_holds_no_annotations_is_named(root, text):
    path = root / "coco-stuff" / "annotations" / "instances_val2017.json"
    path.parent.mkdir()
    if text is not None:
        path.write_text(text)
    done = prepare("coco-stuff", "--data-root", root)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert f"{path} cannot be read as COCO's instance annotations" in done.stderr
    assert not (root / "coco-stuff" / ".unfinished").exists()


def test_another_folder_is_the_users_mistake(tmp_path):
    done = prepare("coco-stuff", "--data-root", tmp_path)
    assert done.exit_code == 2
    assert "expected the folders train_label and val_label" in done.stderr
