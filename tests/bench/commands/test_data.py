import json

import numpy as np
import pytest
from click.testing import CliRunner
from noted_items import wait_for_workers
from PIL import Image

from bench.commands.cli import cli
from bench.datasets.base import PERSON_PALETTE
from bench.datasets.cityscapes import CITYSCAPES
from bench.datasets.folder import EXAMPLE
from bench.datasets.paperdolls.dataset import open_paperdolls2
from bench.datasets.preparation import PREPARATIONS

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


def test_another_number_of_items_than_the_papers_count_is_a_warning(root):
    done = run("verify", "deepfashion", "--data-root", root)
    assert done.exit_code == 0
    assert done.stderr == "warning: deepfashion val has 4 items here; the papers count 2247.\n"


def test_the_report_can_be_json(root):
    save(root / "deepfashion" / "test_label" / "p1.png", np.full((256, 256), 8, np.uint8))
    done = run("verify", "deepfashion", "--data-root", root, "--json", "--num-workers", "0")
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (report["dataset"], report["split"], report["items"]) == ("deepfashion", "val", 4)
    assert len(report["problems"]) == 1
    assert "holds the label 8" in report["problems"][0]
    assert len(report["warnings"]) == 1
    assert report["unscored_share"] is None


def test_a_split_that_cannot_be_opened_is_json_too(root):
    (root / "deepfashion" / "test_label" / "p3.png").unlink()
    done = run("verify", "deepfashion", "--data-root", root, "--json")
    assert done.exit_code == 1
    assert "'p3'" in json.loads(done.stdout)["problems"][0]


def test_other_processes_find_the_same(root):
    save(root / "deepfashion" / "test_label" / "p2.png", np.zeros((256, 128), np.uint8))
    wait_for_workers(2)
    alone = run("verify", "deepfashion", "--data-root", root, "--num-workers", "0")
    helped = run("verify", "deepfashion", "--data-root", root, "--num-workers", "2")
    assert alone.exit_code == helped.exit_code == 1
    assert alone.stdout == helped.stdout


@pytest.fixture
def streets(tmp_path):
    """Two street scenes, an eighth of whose pixels is not scored."""
    for number in range(2):
        labels = np.full((16, 32), 7, np.uint8)
        labels[:2] = 1
        instances = labels.astype(np.uint16)
        labels[8:, 20:], instances[8:, 20:] = 26, 26000 + number
        stem = f"aachen_00000{number}_000019"
        folder = tmp_path / "cityscapes"
        save(folder / "val_img" / f"{stem}_leftImg8bit.png", np.zeros((16, 32, 3), np.uint8))
        save(folder / "val_label" / f"{stem}_gtFine_labelIds.png", labels)
        save(folder / "val_inst" / f"{stem}_gtFine_instanceIds.png", instances)
    return tmp_path


def test_the_share_of_pixels_that_are_not_scored_is_printed(streets):
    done = run("verify", "cityscapes", "--data-root", streets)
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()
    assert first == "cityscapes val: 0.1250 of all pixels are not scored"
    assert second == "cityscapes val: 2 items, nothing wrong"


@pytest.mark.parametrize(("void", "warned"), [(0, True), (1, False), (2, False), (3, True)])
def test_an_odd_share_on_the_whole_val_split_is_a_warning(streets, monkeypatch, void, warned):
    monkeypatch.setitem(CITYSCAPES.split_sizes, "val", 2)
    for path in (streets / "cityscapes" / "val_label").iterdir():
        labels = np.asarray(Image.open(path)).copy()
        labels[:2] = 7
        labels[:void] = 1
        labels[15, :12] = 4 if void == 1 else 7  # 44 of 512 pixels would be too few
        labels[14, :12] = 4 if void == 1 else 7
        save(path, labels)
        instances = path.parent.parent / "val_inst" / path.name.replace("labelIds", "instanceIds")
        save(instances, np.where(labels == 26, np.asarray(Image.open(instances)), labels).astype(np.uint16))
    done = run("verify", "cityscapes", "--data-root", streets)
    assert done.exit_code == 0
    assert ("expected 0.1 to 0.15" in done.stderr) == warned
    assert ("label maps of another kind" in done.stderr) == warned


def test_the_share_of_a_part_of_the_val_split_may_be_odd(streets):
    for path in (streets / "cityscapes" / "val_label").iterdir():
        save(path, np.where(np.asarray(Image.open(path)) == 1, 7, np.asarray(Image.open(path))))
    for path in (streets / "cityscapes" / "val_inst").iterdir():
        ids = np.asarray(Image.open(path))
        save(path, np.where(ids == 1, np.uint16(7), ids))
    done = run("verify", "cityscapes", "--data-root", streets)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "cityscapes val: 0.0000 of all pixels are not scored")
    assert done.stderr == "warning: cityscapes val has 2 items here; the papers count 500.\n"


def test_an_instance_of_two_classes_is_named(streets):
    path = next((streets / "cityscapes" / "val_inst").glob("aachen_000001*"))
    ids = np.asarray(Image.open(path)).copy()
    ids[8:, 15:] = 26001
    save(path, ids)
    done = run("verify", "cityscapes", "--data-root", streets)
    assert done.exit_code == 1
    assert f"{path}: instance 26001 covers the labels [7, 26] of" in done.stdout


def test_instances_may_cover_classes_where_they_are_for_edges_only(tmp_path):
    for kind, pixels in (("img", np.zeros((8, 8, 3), np.uint8)), ("label", np.eye(8, dtype=np.uint8))):
        save(tmp_path / "coco-stuff" / f"val_{kind}" / "1.png", pixels)
    save(tmp_path / "coco-stuff" / "val_inst" / "1.png", np.zeros((8, 8), np.uint8))
    assert run("verify", "coco-stuff", "--data-root", tmp_path).exit_code == 0


def test_broken_photos_of_unpaired_data_are_named(tmp_path):
    for domain in "AB":
        save(tmp_path / "summer2winter-yosemite" / f"test{domain}" / "1.png", np.zeros((8, 8, 3), np.uint8))
    assert run("verify", "summer2winter-yosemite", "--data-root", tmp_path).exit_code == 0
    photo = tmp_path / "summer2winter-yosemite" / "testB" / "1.png"
    photo.write_bytes(b"no picture")
    done = run("verify", "summer2winter-yosemite", "--data-root", tmp_path)
    assert (done.exit_code, str(photo) in done.stdout) == (1, True)


def test_an_example_of_a_description_is_printed():
    done = run("example")
    assert done.exit_code == 0
    assert done.stdout == EXAMPLE.strip() + "\n"
