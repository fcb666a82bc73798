import numpy as np
import pytest
from small_files import areas, photo, save

from bench.common.errors import UserError
from bench.datasets.ade20k import ADE20K, ADE20K_OUTDOOR, open_ade20k, open_ade20k_outdoor

PARTS = {"training": "ADE_train", "validation": "ADE_val"}


def make(root, name="ade20k", *, instances=False, count=3):
    for part, prefix in PARTS.items():
        for number in range(1, count + 1):
            stem = f"{prefix}_{number:08d}"
            save(root / name / "images" / part / f"{stem}.jpg", photo(number))
            save(root / name / "annotations" / part / f"{stem}.png", areas(0, number, 150))
            if instances:
                save(root / name / "instances" / part / f"{stem}.png", areas(0, 1, 1))
    return root


def test_labels_stay_as_they_are_stored(tmp_path):
    data = open_ade20k("val", make(tmp_path))
    assert [item.key for item in data] == ["ADE_val_00000001", "ADE_val_00000002", "ADE_val_00000003"]
    item = data[1]
    assert item.labels.shape == (256, 256)
    assert np.unique(item.labels).tolist() == [0, 2, 150]
    assert (item.stored_labels == areas(0, 2, 150)).all()
    assert np.unique(item.instances).tolist() == [1, 2, 3]
    assert open_ade20k("train", tmp_path)[0].key == "ADE_train_00000001"


def test_labels_are_scored_one_lower_and_unlabelled_not_at_all():
    assert ADE20K.scored_as == (-1, *range(150))
    assert ADE20K.ignored_classes == (0,)
    assert ADE20K.num_classes == 151


def test_instance_maps_are_read_where_inade_has_made_some(tmp_path):
    assert np.unique(open_ade20k("val", make(tmp_path, instances=True))[0].instances).tolist() == [1, 2]


def test_names_and_colours():
    assert ADE20K.class_names[:3] == ("unlabelled", "wall", "building")
    assert ADE20K.class_names[131] == "screen (silver/projection screen)"
    assert ADE20K.class_names[150] == "flag"
    assert ADE20K.palette[:2] == ((0, 0, 0), (120, 120, 120))
    assert ADE20K.palette[150] == (92, 0, 255)


def test_a_label_beyond_the_classes_is_refused(tmp_path):
    make(tmp_path)
    save(tmp_path / "ade20k" / "annotations" / "validation" / "ADE_val_00000001.png", areas(0, 151))
    with pytest.raises(UserError, match=r"ADE_val_00000001\.png holds the label 151; expected 0 to 150"):
        open_ade20k("val", tmp_path)[0]


def test_the_coloured_masks_of_the_full_ade20k_are_refused(tmp_path):
    make(tmp_path)
    save(tmp_path / "ade20k" / "annotations" / "validation" / "ADE_val_00000001.png", photo(5))
    with pytest.raises(UserError, match="colour picture"):
        open_ade20k("val", tmp_path)[0]


def test_missing_data_name_the_package(tmp_path):
    with pytest.raises(
        UserError, match=r"ade20k is not there: expected .*images/validation and .*ADEChallengeData2016"
    ):
        open_ade20k("val", tmp_path)


# Outdoor scenes


def test_outdoor_scenes_are_a_folder_of_their_own(tmp_path):
    data = open_ade20k_outdoor("val", make(tmp_path, "ade20k-outdoor", count=2))
    assert (len(data), data.name, data.spec.scoring) == (2, "ade20k-outdoor", "ade20k")
    assert ADE20K_OUTDOOR.split_sizes == {}  # no paper says how many


def test_outdoor_scenes_are_items_of_ade20k_that_a_file_names(tmp_path):
    make(tmp_path)
    lines = ["ADE_val_00000003", "", "ADE_train_00000002.jpg", "ADE_val_00000001"]
    (tmp_path / "ade20k-outdoor.txt").write_text("\n".join(lines))
    assert [item.key for item in open_ade20k_outdoor("val", tmp_path)] == ["ADE_val_00000001", "ADE_val_00000003"]
    assert [item.key for item in open_ade20k_outdoor("train", tmp_path)] == ["ADE_train_00000002"]
    assert open_ade20k_outdoor("val", tmp_path).fingerprint() != open_ade20k("val", tmp_path).fingerprint()


@pytest.mark.parametrize("line", ["ADE_val_00000009", "street", "../ADE_val_1x"])
def test_a_name_that_ade20k_does_not_have_is_an_error(tmp_path, line):
    make(tmp_path)
    (tmp_path / "ade20k-outdoor.txt").write_text(f"ADE_val_00000001\n{line}\n")
    with pytest.raises(UserError, match=r"ade20k-outdoor\.txt names 1 items that ade20k does not have, the first is"):
        open_ade20k_outdoor("val", tmp_path)


def test_a_file_without_names_of_a_split_is_an_error(tmp_path):
    make(tmp_path)
    (tmp_path / "ade20k-outdoor.txt").write_text("ADE_val_00000001\n")
    with pytest.raises(UserError, match=r"names no item of the train split, such as ADE_train_00000001"):
        open_ade20k_outdoor("train", tmp_path)


def test_outdoor_scenes_are_never_guessed(tmp_path):
    make(tmp_path)
    with pytest.raises(
        UserError, match=r"expected a folder .*ade20k-outdoor arranged as ADE20K.* a text file .*outdoor\.txt"
    ):
        open_ade20k_outdoor("val", tmp_path)
