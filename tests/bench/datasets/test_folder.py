"""Data of one's own: described in a file, and every mistake in that file said with key, file and what was expected."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from small_files import areas, photo, save

from bench.common.errors import UserError
from bench.datasets import DATASETS
from bench.datasets.coco_stuff import COCO_STUFF
from bench.datasets.find import find_dataset
from bench.datasets.folder import EXAMPLE, FOLDER, KEYS, find_folder

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LEAST = 'title = "Facades"\nclasses = ["ground", "wall", "door"]\nsize = [32, 64]\n'


@pytest.fixture
def root(tmp_path):
    """Two photos per split in the folders that need not be named."""
    for split in ("train", "val"):
        for stem in ("a", "b"):
            save(tmp_path / "facades" / f"{split}_img" / f"{stem}.jpg", photo())
            save(tmp_path / "facades" / f"{split}_label" / f"{stem}.png", areas(0, 1, 2))
    describe(tmp_path)
    return tmp_path


def describe(root, more="", text=LEAST):
    (root / "facades" / "dataset.toml").write_text(text + more, encoding="utf-8")


def test_a_folder_in_the_data_root_goes_by_its_name_and_any_other_by_its_path(root, tmp_path):
    by_name, by_path = find_dataset("folder:facades", root), find_dataset(f"folder:{root / 'facades'}", None)
    assert by_name.name == by_path.name == "folder-facades"  # safe in names of files
    assert by_name.open("val", root).fingerprint() == by_path.open("val", None).fingerprint()


def test_the_least_description_is_enough(root):
    spec = find_dataset("folder:facades", root)
    assert (spec.title, spec.class_names, spec.size) == ("Facades", ("ground", "wall", "door"), (32, 64))
    assert (spec.scored_as, spec.scoring, spec.ignored_classes, spec.has_instances) == ((), "", (), False)
    assert len(set(spec.palette)) == 3
    data = spec.open("train", root)
    assert (len(data), data.split) == (2, "train")
    assert data[0].labels.shape == (32, 64)
    assert np.unique(data[0].instances).tolist() == [1, 2, 3]


def test_folders_and_all_else_can_be_said(root):
    folder = root / "facades"
    for split in ("train", "val"):
        (folder / f"{split}_img").rename(folder / f"photos-{split}")
        (folder / "maps").mkdir(exist_ok=True)
        (folder / f"{split}_label").rename(folder / "maps" / split)
        for stem in ("a", "b"):
            save(folder / "ids" / split / f"{stem}.png", areas(5, 70, 70, 900, dtype=np.uint16))
            save(folder / "maps" / split / f"{stem}.png", areas(0, 1, 1, 255))
    describe(
        root,
        'images = "photos-{split}"\nlabels = "maps/{split}"\ninstances = "ids/{split}"\ndont_care = 255\n'
        "palette = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]\n",
    )
    spec = find_dataset("folder:facades", root)
    assert (spec.num_classes, spec.class_names[3], spec.ignored_classes) == (4, "don't care", (3,))
    assert spec.palette == ((1, 2, 3), (4, 5, 6), (7, 8, 9), (0, 0, 0))
    assert spec.has_instances
    item = spec.open("val", root)[0]
    assert np.unique(item.labels).tolist() == [0, 1, 3]
    assert np.unique(item.instances).tolist() == [1, 2, 3]


def test_the_colour_of_unscored_pixels_can_be_said_too(root):
    describe(root, "dont_care = 9\npalette = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [5, 5, 5]]\n")
    assert find_dataset("folder:facades", root).palette[3] == (5, 5, 5)


def test_a_folder_can_be_scored_like_a_data_set_of_the_same_classes(root):
    names = [f'"{name}"' for name in COCO_STUFF.class_names[:-1]]
    text = f'title = "Mine"\nclasses = [{", ".join(names)}]\nsize = [64, 64]\n'
    describe(root, 'dont_care = 255\nscored_like = "coco-stuff"\n', text)
    spec = find_dataset("folder:facades", root)
    assert (spec.scoring, spec.scored_as) == (COCO_STUFF.scoring, COCO_STUFF.scored_as)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            'scored_like = "coco-stuff"',
            r"'scored_like' is 'coco-stuff'.*of which there are 3 here \(coco-stuff has 183",
        ),
        ('scored_like = "paperdolls"', r"paperdolls has 8 and no segmenter"),
        ('scored_like = "citscapes"', r"Unknown data set in .*dataset\.toml 'citscapes'. Did you mean 'cityscapes'"),
        ("palette = [[0, 0, 0]]", r"'palette' is \[\[0, 0, 0\]\]; expected a list of .*, 3 in all"),
        (
            "palette = [[0, 0, 256], [0, 0, 0], [0, 0, 0]]",
            r"'palette' is .*256.*; expected a list of \[red, green, blue\]",
        ),
        ("dont_care = 2", r"'dont_care' is 2; expected a label from 0 to 255 that is none of the classes"),
        ("dont_care = 256", r"'dont_care' is 256; expected a label from 0 to 255"),
        ("dont_care = true", r"'dont_care' is True; expected"),
        ('images = "photos"', r"'images' is 'photos'; expected a folder's name with \{split\} in it"),
        ("instances = 3", r"'instances' is 3; expected a folder's name"),
        ("pallette = []", r"Unknown key in .*dataset\.toml 'pallette'. Did you mean 'palette'"),
        ("[[", r"dataset\.toml is not a TOML file that can be read: "),
    ],
)
def test_a_wrong_entry_is_said_with_key_file_and_what_was_expected(root, more, expected):
    describe(root, more)
    with pytest.raises(UserError, match=expected) as caught:
        find_dataset("folder:facades", root)
    assert str(root / "facades" / "dataset.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("title", "3"),
        ("title", '" "'),
        ("classes", "[]"),
        ("classes", '["a", "a"]'),
        ("classes", '["a", 3]'),
        ("classes", f"[{', '.join(repr(str(n)) for n in range(256))}]"),
        ("size", "256"),
        ("size", "[256]"),
        ("size", "[256, 0]"),
        ("size", "[256.0, 256]"),
    ],
)
def test_what_must_be_there_must_be_right(root, key, value):
    lines = [line for line in LEAST.splitlines() if not line.startswith(key)]
    describe(root, text="\n".join(lines))
    with pytest.raises(UserError, match=rf"dataset\.toml lacks the key '{key}'; expected "):
        find_dataset("folder:facades", root)
    describe(root, text="\n".join([*lines, f"{key} = {value}"]))
    with pytest.raises(UserError, match=rf"dataset\.toml: '{key}' is .*; expected "):
        find_dataset("folder:facades", root)


def test_a_folder_without_a_description_says_how_to_get_one(root):
    for place in ("nothing", root / "facades" / "val_img"):
        with pytest.raises(UserError, match=r"There is no .*dataset\.toml.*`bench data example` prints one"):
            find_dataset(f"folder:{place}", root)


@pytest.mark.parametrize("name", ["folder", "folder:"])
def test_without_a_name_there_is_nothing_to_open(root, name):
    with pytest.raises(UserError, match=r"folder:NAME|Unknown dataset"):
        find_dataset(name, root).open("val", root)
    assert DATASETS["folder"][1].startswith("your own data")
    assert FOLDER.name == "folder"


def test_a_name_that_is_no_data_set_is_refused_with_the_nearest(root):
    with pytest.raises(UserError, match=r"Unknown dataset 'cityscape'. Did you mean 'cityscapes'"):
        find_dataset("cityscape", root)


def test_the_example_is_right_and_names_every_key(root):
    entries = tomllib.loads(EXAMPLE)
    assert set(entries) == set(KEYS)
    assert all(KEYS[name].fits(value) for name, value in entries.items())
    optional = EXAMPLE.replace("scored_like", "# scored_like")  # Cityscapes has more classes than the example
    describe(root, text=optional)
    assert find_folder("facades", root).class_names == ("background", "wall", "don't care")


def test_promised_instance_maps_must_be_there(root):
    describe(root, 'instances = "{split}_inst"')
    with pytest.raises(UserError, match=r"val_inst is not there, where .*dataset\.toml has instance maps"):
        find_dataset("folder:facades", root).open("val", root)


def test_missing_photos_and_missing_splits_are_one_line(root):
    (root / "facades" / "val_img").rename(root / "facades" / "elsewhere")
    with pytest.raises(UserError, match=r"folder-facades: .*val_label holds label maps, but there are no photos"):
        find_dataset("folder:facades", root).open("val", root)
    (root / "facades" / "val_label").rename(root / "facades" / "elsewhere too")
    with pytest.raises(UserError, match=r"folder-facades is not there: expected .*val_img and .*val_label"):
        find_dataset("folder:facades", root).open("val", root)


@pytest.mark.parametrize("place", ["../secret/{split}", "{absolute}/{split}"])
def test_a_description_cannot_lead_out_of_its_folder(root, place):
    secret = root / "secret"
    for stem in ("a", "b"):
        save(secret / "val" / f"{stem}.png", areas(0, 1))
    describe(root, f'labels = "{place.replace("{absolute}", str(secret))}"')
    with pytest.raises(UserError, match="leads out of the folder"):
        find_dataset("folder:facades", root).open("val", root)


def test_what_the_description_says_of_labels_is_part_of_the_fingerprint(root):
    before = find_dataset("folder:facades", root).open("val", root).fingerprint()
    describe(root, "dont_care = 255")
    assert find_dataset("folder:facades", root).open("val", root).fingerprint() != before
