import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bench.cli import cli
from bench.datasets.base import PERSON_PALETTE
from bench.datasets.paperdolls import open_paperdolls2
from bench.preparation import PREPARATIONS

NAMES = ("p1", "p2", "p3", "p4")


def run(*words):
    return CliRunner().invoke(cli, ["data", *map(str, words)], prog_name="bench")


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path):
    """Four test persons in INADE's layout."""
    for number, name in enumerate(NAMES):
        labels = np.zeros((256, 256), np.uint8)
        labels[50:200, 80 + number : 170] = 3
        save(tmp_path / "deepfashion" / "test_img" / f"{name}.png", np.full((256, 256, 3), 40 * number, np.uint8))
        save(tmp_path / "deepfashion" / "test_label" / f"{name}.png", labels)
    return tmp_path


def test_what_cannot_be_prepared_is_said(root):
    done = run("prepare", "deepfashon2", "--data-root", root)
    assert done.exit_code == 2
    assert "Did you mean 'deepfashion2'?" in done.stderr


def test_the_help_page_names_every_preparation_and_each_has_a_page_with_an_example():
    shown = run("prepare", "--help")
    assert shown.exit_code == 0
    for name in PREPARATIONS:
        assert f" {name} " in shown.stdout
        page = run("prepare", name, "--help")
        assert page.exit_code == 0
        assert f"Example: bench data prepare {name}" in page.stdout


@pytest.mark.parametrize("words", [("verify", "deepfashion"), ("prepare", "deepfashion2")], ids=" ".join)
def test_data_that_is_not_there_is_no_damage(tmp_path, words):
    done = run(*words, "--data-root", tmp_path)
    assert done.exit_code == 2
    assert str(tmp_path / "deepfashion" / "test_img") in done.stderr


def test_whole_data_are_right(root):
    done = run("verify", "deepfashion", "--data-root", root)
    assert (done.exit_code, done.stdout) == (0, "deepfashion val: 4 items, nothing wrong\n")
    assert run("verify", "paperdolls2").stdout == "paperdolls2 val: 100 items, nothing wrong\n"


def test_every_damaged_file_is_named(root):
    folder = root / "deepfashion"
    photo = folder / "test_img" / "p1.png"
    photo.write_bytes(photo.read_bytes()[:-200])
    save(folder / "test_label" / "p1.png", np.full((256, 256), 8, np.uint8))
    save(folder / "test_label" / "p2.png", np.zeros((256, 128), np.uint8))
    (folder / "test_label" / "p4.png").write_text("no picture")
    done = run("verify", "deepfashion", "--data-root", root)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{photo} cannot be read")
    assert lines[1].startswith(f"{folder / 'test_label' / 'p1.png'} holds the label 8")
    assert lines[2].startswith(f"{folder / 'test_label' / 'p2.png'} is 128x256; expected 256x256")
    assert lines[3].startswith(f"{folder / 'test_label' / 'p4.png'} cannot be read")
    assert lines[4:] == ["deepfashion val: 4 items, 4 wrong"]


def test_a_broken_instance_map_is_named(root):
    run("prepare", "deepfashion2", "--data-root", root)
    path = sorted((root / "deepfashion2" / "test_inst").iterdir())[1]
    save(path, np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
    done = run("verify", "deepfashion2", "--data-root", root)
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{path} is a colour picture")


def test_a_file_without_a_partner_is_named(root):
    (root / "deepfashion" / "test_label" / "p3.png").unlink()
    done = run("verify", "deepfashion", "--data-root", root)
    assert done.exit_code == 1
    assert "'p3'" in done.stdout
    assert str(root / "deepfashion" / "test_label") in done.stdout


def test_the_training_split_can_be_verified(root):
    done = run("verify", "deepfashion", "--split", "train", "--data-root", root)
    assert "train_img" in done.stdout + done.stderr


def test_the_picture_shows_layouts_beside_their_photos(tmp_path):
    path = tmp_path / "pictures" / "dolls.png"
    done = run("show", "paperdolls2", "-o", path, "--items", 5)
    assert (done.exit_code, done.stdout) == (0, f"{path}\n")
    picture = np.asarray(Image.open(path))
    assert picture.shape == (2 * 64 + 2, 8 * 64 + 7 * 2, 3)
    item = open_paperdolls2("val")[4]
    assert (picture[66:, :64] == np.asarray(PERSON_PALETTE, np.uint8)[item.labels]).all()
    assert (picture[66:, 66:130] == item.image).all()
