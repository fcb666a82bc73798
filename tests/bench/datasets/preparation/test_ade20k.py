import numpy as np
import pytest
from small_trees import load, prepare, save

SCENES = ("ADE_val_00000010", "ADE_val_00000002", "ADE_train_00000001")


@pytest.fixture
def root(tmp_path):
    """Three scenes."""
    for scene in SCENES:
        part = "validation" if "_val_" in scene else "training"
        save(tmp_path / "ade20k" / "images" / part / f"{scene}.jpg", np.zeros((2, 3, 3), np.uint8))
        labels = np.array([[0, 150, 3], [3, 0, 17]], np.uint8)
        save(tmp_path / "ade20k" / "annotations" / part / f"{scene}.png", labels)
    return tmp_path


def test_every_class_that_is_present_is_an_instance(root):
    done = prepare("ade20k", "--data-root", root)
    assert (done.exit_code, done.stdout) == (0, f"ade20k: 3 items in {root / 'ade20k'}, 3 made now\n")
    for part, scene in (("validation", SCENES[0]), ("training", SCENES[2])):
        ids = load(root / "ade20k" / "instances" / part / f"{scene}.png")
        assert ids.tolist() == [[0, 3, 1], [1, 0, 2]]


def test_annotations_of_another_release_are_named(root):
    folder = root / "ade20k" / "annotations" / "validation"
    save(folder / "ADE_val_00000002.png", np.random.default_rng(0).integers(0, 255, (2, 3, 3), np.uint8))
    save(folder / "ADE_val_00000010.png", np.full((2, 3), 151, np.uint8))
    done = prepare("ade20k", "--data-root", root)
    assert done.exit_code == 1
    assert "ADE_val_00000002.png is a colour picture" in done.stdout
    assert "ADE_val_00000010.png holds the label 151; expected 0 to 150" in done.stdout


def test_another_folder_is_the_users_mistake(tmp_path):
    done = prepare("ade20k", "--data-root", tmp_path)
    assert done.exit_code == 2
    assert "expected annotations/training and annotations/validation" in done.stderr


def outdoor(root, text):
    (root / "list.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return prepare("ade20k-outdoor", "--subset", root / "list.txt", "--data-root", root, processes=None)


def test_a_list_is_kept_in_natural_order_each_scene_once(root):
    done = outdoor(root, "ADE_val_00000010.jpg\r\nADE_val_00000002\n\nADE_train_00000001.png\nADE_val_00000010\n")
    path = root / "ade20k-outdoor.txt"
    assert (done.exit_code, done.stdout) == (0, f"ade20k-outdoor: 1 training and 2 validation scenes in {path}\n")
    assert path.read_bytes() == b"ADE_train_00000001\nADE_val_00000002\nADE_val_00000010\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ADE_val_00000003\nADE_val_00000002\n", "of which 2 files are not there, the first is"),
        ("../../etc/passwd\n", "names '../../etc/passwd'; expected scenes such as ADE_val_00000001"),
        ("ADE_val_2\n", "names 'ADE_val_2'"),
        ("\n", "names no scene"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(root, text, words):
    done = outdoor(root, text)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
    assert not (root / "ade20k-outdoor.txt").exists()


def test_a_list_that_is_not_there_is_named(root):
    done = prepare("ade20k-outdoor", "--subset", root / "nowhere.txt", "--data-root", root, processes=None)
    assert done.exit_code == 2
    assert "nowhere.txt cannot be read" in done.stderr
