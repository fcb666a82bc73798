import shutil

import numpy as np
import pytest
from small_trees import contents, cut, load, prepare, save, times

from bench.datasets.deepfashion import open_deepfashion

NAMES = ("a_2", "a_10")


def masks(number):
    labels = np.zeros((256, 256), np.uint8)
    labels[10 : 50 + number] = 6
    labels[100:120, 5:30] = 2
    return labels


@pytest.fixture
def package(tmp_path):
    """GroupDNet's package with two persons in each part; its masks repeat the class in three channels."""
    folder = tmp_path / "package"
    for number, name in enumerate(NAMES):
        for part in ("train", "test"):
            save(folder / part / f"{name}.jpg", np.full((256, 256, 3), 50 + number, np.uint8))
            save(folder / f"cihp_{part}_mask" / f"{name}.png", np.repeat(masks(number)[..., None], 3, 2))
    return folder


def check(folder, part="test"):
    for number, name in enumerate(NAMES):
        assert (load(folder / f"{part}_label" / f"{name}.png") == masks(number)).all()
        ranks = np.searchsorted([0, 2, 6], masks(number))
        assert (load(folder / f"{part}_inst" / f"{name}.png") == ranks).all()


def test_the_package_becomes_the_layout_that_inade_reads(package, tmp_path):
    before = contents(package)
    done = prepare("deepfashion", "--from", package, "--data-root", tmp_path)
    assert (done.exit_code, done.stdout) == (0, f"deepfashion: 4 items in {tmp_path / 'deepfashion'}, 4 made now\n")
    for part in ("train", "test"):
        check(tmp_path / "deepfashion", part)
        for name in NAMES:
            photo = tmp_path / "deepfashion" / f"{part}_img" / f"{name}.jpg"
            assert photo.samefile(package / part / f"{name}.jpg")
    assert contents(package) == before
    assert [item.key for item in open_deepfashion("val", tmp_path)] == ["a_2", "a_10"]


def test_the_package_can_be_completed_where_it_lies(package, tmp_path):
    package.rename(tmp_path / "deepfashion")
    assert prepare("deepfashion", "--data-root", tmp_path).exit_code == 0
    check(tmp_path / "deepfashion")
    (tmp_path / "deepfashion" / "test_img" / "a_2.jpg").unlink()  # as if it had been stopped
    before = times(tmp_path)
    assert prepare("deepfashion", "--data-root", tmp_path).stdout.endswith(", 1 made now\n")
    assert before.keys() < times(tmp_path).keys()


def test_renamed_folders_are_read_too(package, tmp_path):
    for part in ("train", "test"):
        (package / part).rename(package / f"{part}_img")
        (package / f"cihp_{part}_mask").rename(package / f"{part}_mask")
    package.rename(tmp_path / "deepfashion")
    assert prepare("deepfashion", "--data-root", tmp_path).exit_code == 0
    check(tmp_path / "deepfashion")


def test_one_part_is_enough(package, tmp_path):
    shutil.rmtree(package / "train")
    done = prepare("deepfashion", "--from", package, "--data-root", tmp_path)
    assert done.stdout.startswith("deepfashion: 2 items")


def test_bad_files_are_named(package, tmp_path):
    save(package / "cihp_test_mask" / "a_2.png", np.full((256, 256), 8, np.uint8))
    (package / "test" / "a_10.jpg").write_bytes(b"")
    cut(package / "cihp_train_mask" / "a_10.png")
    done = prepare("deepfashion", "--from", package, "--data-root", tmp_path)
    assert done.exit_code == 1
    for words in ("cihp_test_mask/a_2.png holds the label 8", "test/a_10.jpg cannot", "mask/a_10.png cannot"):
        assert words in done.stdout
    assert "1 made now, 3 damaged" in done.stdout


def test_a_photo_without_its_mask_is_refused(package, tmp_path):
    (package / "cihp_test_mask" / "a_2.png").unlink()
    done = prepare("deepfashion", "--from", package, "--data-root", tmp_path)
    assert done.exit_code == 2
    assert "'a_2'" in done.stderr


def test_another_folder_is_the_users_mistake(tmp_path):
    done = prepare("deepfashion", "--from", tmp_path, "--data-root", tmp_path)
    assert done.exit_code == 2
    assert "expected cihp_train_mask or cihp_test_mask" in done.stderr
    assert not (tmp_path / "deepfashion").exists()
