"""`bench weights fetch` against a server of its own."""

import errno
import os
from dataclasses import replace

import pytest
from file_server import CONTENT, OTHER, SHA256, files_below

from bench.common.places import SHIPPED_WEIGHTS
from bench.weights import downloads
from bench.weights.fetch import fetch as fetched
from bench.weights.known import WEIGHT_FILES, verified


def test_a_fetched_file_lies_where_the_suite_looks_for_it(known, fetch, place, tmp_path):
    known()
    done = fetch("tiny")
    assert (done.exit_code, done.stdout) == (0, f"{place}\n")
    assert place.read_bytes() == CONTENT
    assert files_below(tmp_path) == ["good.pth"]
    assert verified("tiny", tmp_path) == (place, SHA256)


def test_a_right_file_is_not_fetched_twice_and_a_wrong_one_is_replaced(known, server, fetch, place):
    known()
    place.parent.mkdir()
    place.write_bytes(b"old")
    for _ in range(2):
        assert fetch("tiny").exit_code == 0
    assert place.read_bytes() == CONTENT
    assert server.requests == [("/good.pth", None)]


@pytest.mark.parametrize(
    ("file", "sha256", "words"),
    [
        ("good.pth", "0" * 64, "sent another file than expected"),
        ("absent.pth", SHA256, "404"),
    ],
)
def test_a_download_that_fails_leaves_no_file_and_says_what_to_do(known, fetch, tmp_path, file, sha256, words):
    url = known(file, sha256)
    done = fetch("tiny")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    for part in (url, words, str(tmp_path / "features" / file)):
        assert part in done.stderr
    assert files_below(tmp_path) == []


def test_a_failed_download_leaves_the_file_that_was_there(known, fetch, place):
    known(sha256="0" * 64)
    place.parent.mkdir()
    place.write_bytes(b"old")
    assert fetch("tiny").exit_code == 2
    assert place.read_bytes() == b"old"


def test_offline_the_error_names_the_address_and_the_place(known, server, fetch, place):
    url = known()
    server.server_close()
    done = fetch("tiny")
    assert done.exit_code == 2
    assert url in done.stderr
    assert f"put it at {place}" in done.stderr


def test_a_full_disk_is_no_matter_of_the_network(known, fetch, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(downloads, "_download", full)
    known()
    done = fetch("tiny")
    assert done.exit_code == 2
    assert "the disk is full" in done.stderr
    assert "http" not in done.stderr


def test_the_progress_of_a_download_adds_up(known, tmp_path):
    known()
    heard = []
    fetched("tiny", tmp_path, lambda count, total: heard.append((count, total)))
    assert sum(count for count, _ in heard) == len(CONTENT)
    assert {total for _, total in heard} == {len(CONTENT)}
    assert len(heard) > 2


# First use


def test_a_hash_that_nobody_published_is_printed_and_kept(known, fetch, place, tmp_path):
    known(sha256=None)
    done = fetch("tiny")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == str(place)
    assert SHA256 in done.stdout
    assert "trusted on this first use" in done.stdout
    assert place.with_name("good.pth.sha256").read_text() == f"{SHA256}  good.pth\n"  # as sha256sum --check reads it
    assert verified("tiny", tmp_path) == (place, SHA256)
    assert fetch("tiny").stdout == f"{place}\n"


def test_what_comes_later_must_be_what_came_first(known, server, fetch, place):
    known(sha256=None)
    fetch("tiny")
    place.write_bytes(b"PK damaged")
    assert fetch("tiny").exit_code == 0
    assert place.read_bytes() == CONTENT
    place.write_bytes(b"PK damaged")
    server.content = OTHER
    done = fetch("tiny")
    assert done.exit_code == 2
    assert "(first use)" in done.stderr
    assert place.read_bytes() == b"PK damaged"


def test_a_page_in_place_of_a_file_is_not_trusted(known, server, fetch, tmp_path):
    known(sha256=None)
    server.content = b"<!DOCTYPE html> quota exceeded"
    done = fetch("tiny")
    assert done.exit_code == 2
    assert "probably it is a page" in done.stderr
    assert files_below(tmp_path) == []


# By hand


def test_where_a_person_must_click_is_said_with_the_place(fetch, tmp_path):
    done = fetch("celeba_unet", "spade/ade20k", "spade/cityscapes")
    assert (done.exit_code, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len([line for line in lines if line.startswith("error: ")]) == 2  # one for each page
    assert "1o1m-eT38zNCIFldcRaoWcLvvBtY8S4W3" in lines[0]
    assert str(tmp_path / "segmenters" / "model.pth") in lines[1]
    assert "12gvlTbMvUcJewQlSEaZdeb2CdOB-b8kQ" in lines[2]
    for number, name in ((3, "ade20k"), (4, "cityscapes")):
        assert (
            f"{name}_pretrained/latest_net_G.pth at {tmp_path / 'spade' / name / 'latest_net_G.pth'}" in lines[number]
        )
    assert "run the command again" in lines[5]


def test_a_file_that_was_put_there_by_hand_is_trusted_from_then_on(fetch, tmp_path):
    path = tmp_path / "segmenters" / "model.pth"
    path.parent.mkdir()
    path.write_bytes(b"<html>")
    assert "probably it is a page" in fetch("celeba_unet").stderr
    assert files_below(tmp_path) == ["model.pth"]
    path.write_bytes(CONTENT)
    done = fetch("celeba_unet")
    assert done.exit_code == 0
    assert SHA256 in done.stdout
    path.write_bytes(OTHER)
    done = fetch("celeba_unet")
    assert done.exit_code == 2
    assert f"expected {SHA256[:8]} (first use)" in done.stderr
    assert "1o1m-eT38zNCIFldcRaoWcLvvBtY8S4W3" in done.stderr


def test_a_file_that_the_suite_makes_is_said_with_its_command(fetch):
    assert "bench train-segmenter --dataset deepfashion" in fetch("deepfashion_unet").stderr


def test_a_shipped_file_is_there(fetch):
    done = fetch("paperdolls_features")
    assert (done.exit_code, done.stdout) == (0, f"{SHIPPED_WEIGHTS / 'paperdolls' / 'features.safetensors'}\n")


# Many


def test_all_fetches_what_has_a_link_and_one_failure_stops_no_other(known, server, fetch, monkeypatch):
    for name in [name for name in WEIGHT_FILES if name not in ("celeba_unet", "paperdolls_features")]:
        monkeypatch.delitem(WEIGHT_FILES, name)
    known("absent.pth", name="first")
    known("good.pth", name="second")
    done = fetch("--all")
    assert done.exit_code == 2
    assert [path for path, _ in server.requests] == ["/absent.pth", "/good.pth"]
    assert done.stdout.endswith("good.pth\n")
    assert done.stderr.count("error: ") == 1


def test_a_method_names_all_its_files(known, fetch, monkeypatch, tmp_path):
    known()
    for name in ("crn/cityscapes/a.pth", "crn/cityscapes/b.pth", "crnx/cityscapes/a.pth"):
        monkeypatch.setitem(WEIGHT_FILES, name, replace(WEIGHT_FILES["tiny"], name=name, place=name))
    for name in [name for name in WEIGHT_FILES if name.startswith("crn/") and "tensorflow" in name]:
        monkeypatch.delitem(WEIGHT_FILES, name)
    assert fetch("crn").exit_code == 0
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.pth")) == [
        "crn/cityscapes/a.pth",
        "crn/cityscapes/b.pth",
    ]


def test_names_are_checked_before_anything_is_fetched(known, server, fetch):
    known()
    done = fetch("tiny", "alexnt")
    assert done.exit_code == 2
    assert "Did you mean 'alexnet'?" in done.stderr
    assert server.requests == []


def test_nothing_to_fetch_is_an_error(fetch):
    done = fetch()
    assert done.exit_code == 2
    assert "--all" in done.stderr
