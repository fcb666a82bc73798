"""Files are found, paired by name, and never outside the data set's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from small_files import areas, photo, save

from bench.common.errors import UserError
from bench.datasets.parts.folders import (
    Naming,
    Places,
    choose_places,
    folder_of,
    listed,
    matched,
    natural,
    pair,
)
from bench.datasets.parts.reading import read_image


def fill(folder, *names):
    for name in names:
        save(folder / name, areas(0, 1))
    return folder


@pytest.fixture
def root(tmp_path):
    fill(tmp_path / "data" / "img", "p1.png", "p2.png", "p10.png")
    fill(tmp_path / "data" / "label", "p1.png", "p2.png", "p10.png")
    return tmp_path / "data"


def places(root, instances=None):
    return Places(root / "img", root / "label", instances)


def test_numbers_in_names_sort_as_numbers(root):
    assert [files.image.stem for files in pair(places(root), root)] == ["p1", "p2", "p10"]
    paths = map(Path, ["a10b2", "a2b10", "a2b9", "2²"])
    assert list(map(str, sorted(paths, key=natural))) == ["2²", "a2b9", "a2b10", "a10b2"]


@pytest.mark.parametrize("kind", ["img", "label"])
def test_files_without_a_partner_are_counted_and_the_first_is_named(root, kind):
    (root / kind / "p2.png").unlink()
    (root / kind / "p10.png").unlink()
    with pytest.raises(UserError, match=rf"2 of 3 files in .* have no partner in .*{kind}, the first is 'p2'"):
        pair(places(root), root)


def test_an_instance_map_too_few_is_named(root):
    fill(root / "inst", "p1.png", "p2.png")
    with pytest.raises(UserError, match=r"have no partner in .*inst, the first is 'p10'"):
        pair(places(root, root / "inst"), root)


def test_two_files_of_one_name_are_refused(root):
    save(root / "img" / "p1.JPG", photo())
    with pytest.raises(UserError, match=r"img holds two files of one name, .*p1\.(png|JPG) and .*p1\.(png|JPG)"):
        pair(places(root), root)


def test_an_empty_folder_says_which_files_were_expected(root):
    for path in (root / "img").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"img holds no images; expected files that end in \.bmp, \.jpeg, \.jpg, \.png"):
        pair(places(root), root)


def test_hidden_files_folders_and_other_files_are_left_alone(root):
    (root / "img" / "._p1.png").write_text("of another system")
    (root / "img" / "notes.txt").write_text("")
    (root / "img" / "more.png").mkdir()
    assert len(pair(places(root), root)) == 3


def test_an_ending_chooses_the_files_of_one_kind_and_fields_pair_them(root):
    fill(root / "both", "a_1_2_left.png", "a_1_3_left.png", "a_1_2_right.png", "a_1_3_right.png")
    left, right = (listed(root / "both", root, Naming(ending, fields=3)) for ending in ("_left", "_right"))
    assert [(files.image.name, files.label.name) for files in matched(left, right)] == [
        ("a_1_2_left.png", "a_1_2_right.png"),
        ("a_1_3_left.png", "a_1_3_right.png"),
    ]


# Lists of files


def test_a_list_of_files_takes_the_place_of_the_folder(root):
    (root / "img" / "files.list").write_text("p1.png\n\np10.png\n")
    (root / "label" / "files.list").write_text(f"{root / 'label' / 'p10.png'}\n{root / 'label' / 'p1.png'}\n")
    assert [files.label.stem for files in pair(places(root), root)] == ["p1", "p10"]


def test_a_list_may_name_files_from_the_working_folder_as_its_authors_do(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    (root / "img" / "files.list").write_text("./data/img/p2.png\n")
    assert list(listed(root / "img", root).files) == ["p2"]


def test_a_list_that_is_out_of_date_names_what_is_missing(root):
    (root / "img" / "files.list").write_text("p1.png\np3.png\n")
    with pytest.raises(UserError, match=r"files\.list names 'p3\.png', which is not there; .*delete files\.list"):
        pair(places(root), root)


@pytest.mark.parametrize("line", ["../../secret.png", "{absolute}"])
def test_a_list_cannot_lead_out_of_the_folder(root, line):
    secret = save(root.parent / "secret.png", photo())
    (root / "img" / "files.list").write_text(line.format(absolute=secret) + "\n")
    with pytest.raises(UserError, match=r"leads out of the folder"):
        pair(places(root), root)


def test_a_list_that_is_no_text_is_one_line(root):
    (root / "img" / "files.list").write_bytes(b"\xff\xfe\x00p1.png\n")
    with pytest.raises(UserError, match="which is not there"):
        pair(places(root), root)


# Links


def test_the_folder_of_a_data_set_may_be_a_link_itself(root):
    link = root.parent / "link"
    link.symlink_to(root)
    assert len(pair(places(link), link)) == 3


def test_links_that_stay_inside_are_followed(root):
    (root / "img" / "p11.png").symlink_to(root / "img" / "p1.png")
    (root / "label" / "p11.png").symlink_to("p1.png")
    (root / "more").symlink_to(root / "label")
    assert len(pair(Places(root / "img", root / "more"), root)) == 4


@pytest.mark.parametrize("what", ["file", "folder", "absolute"])
def test_a_link_that_leads_out_is_refused(root, what):
    secret = fill(root.parent / "secret", "p2.png")
    path = root / "label" / "p2.png"
    if what == "folder":
        os.rename(root / "label", root.parent / "label")
        (root / "label").symlink_to(root.parent / "label")
    else:
        path.unlink()
        path.symlink_to(secret / "p2.png" if what == "absolute" else "../../secret/p2.png")
    with pytest.raises(UserError, match=r"leads out of the folder .*data, to .*; .*put a copy there") as caught:
        pair(places(root), root)
    assert str(root / "label") in str(caught.value)


def test_a_link_to_a_file_that_is_not_listed_is_nobodys_business(root):
    (root / "img" / "notes.txt").symlink_to("/etc/hostname")
    assert len(pair(places(root), root)) == 3


def test_a_link_in_a_circle_is_one_line(root):
    (root / "img" / "p11.png").symlink_to("p11.png")
    (root / "label" / "p11.png").symlink_to("p1.png")
    with pytest.raises(UserError, match=r"p11\.png"):
        [read_image(files.image) for files in pair(places(root), root)]


# Layouts


def test_the_first_layout_that_is_there_is_taken_and_its_instances_if_they_are(root):
    options = [Places(root / "none", root / "nothing"), places(root, root / "inst")]
    assert choose_places("mine", options, "make it.") == places(root)
    fill(root / "inst", "p1.png")
    assert choose_places("mine", options, "make it.") == places(root, root / "inst")


def test_label_maps_without_photos_say_where_the_photos_belong(root):
    with pytest.raises(UserError, match=r"mine: .*label holds label maps, but there are no photos: add .*none"):
        choose_places("mine", [Places(root / "a", root / "b"), Places(root / "none", root / "label")], "")


def test_a_data_set_that_is_not_there_names_every_layout_and_the_way_out(root):
    options = [Places(root / "a", root / "b"), Places(root / "c", root / "d")]
    with pytest.raises(UserError, match=r"mine is not there: expected .*a and .*b or .*c and .*d; make it\."):
        choose_places("mine", options, "make it.")


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("coco-stuff", "coco-stuff"),
        ("coco-stuff", "coco_stuff"),
        ("ade20k", "ADEChallengeData2016"),
        ("ade20k-outdoor", "ADEData2016_outdoor"),
        ("celebamask-hq", "CelebA-HQ"),
    ],
)
def test_packages_may_keep_the_names_they_unpack_to(tmp_path, name, spelling):
    (tmp_path / spelling).mkdir()
    assert folder_of(name, tmp_path) == tmp_path / spelling
    (tmp_path / name).mkdir(exist_ok=True)
    assert folder_of(name, tmp_path) == tmp_path / name  # its own name goes first
