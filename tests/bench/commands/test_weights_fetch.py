"""`bench weights fetch` against a server of its own."""

import errno
import hashlib
import http.server
import os
import threading
from dataclasses import replace

import pytest
from click.testing import CliRunner

from bench import downloads, weight_files
from bench.cli import cli
from bench.weight_files import WEIGHT_FILES, WeightFile

CONTENT = b"PK" + bytes(range(256)) * 2000  # more than one block
OTHER = b"PK" + bytes(reversed(range(256))) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CUT = 300_000  # bytes after which a first answer ends


def run(*words):
    return CliRunner().invoke(cli, ["weights", *map(str, words)], prog_name="bench")


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve what the test put in place, by the rules of its name."""

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        content, version = self.server.content, self.server.version
        if self.path == "/absent.pth":
            self.send_error(404)
            return
        whole = not asked or self.path == "/ignores.pth" or self.headers.get("If-Range") != version
        start = 0 if whole else int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(200 if whole else 206)
        if not whole:
            first = start + 1 if self.path == "/shifted.pth" else start
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if version:
            self.send_header("ETag", version)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = whole and self.path != "/good.pth" and len(self.server.requests) == 1
        self.wfile.write(content[start : CUT if cut else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.requests, served.content, served.version = [], CONTENT, '"one"'
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def known(server, monkeypatch):
    """Enter a file into the table of known ones."""

    def enter(file="good.pth", sha256=SHA256, name="tiny"):
        url = f"http://127.0.0.1:{server.server_port}/{file}"
        about = {"kind": "features", "use": "tests", "origin": "the tests", "licence": "none"}
        monkeypatch.setitem(WEIGHT_FILES, name, WeightFile(name, f"features/{file}", sha256=sha256, url=url, **about))
        return url

    return enter


@pytest.fixture
def fetch(tmp_path):
    return lambda *words: run("fetch", *words, "--weights-root", tmp_path)


@pytest.fixture
def place(tmp_path):
    """Where good.pth belongs."""
    return tmp_path / "features" / "good.pth"


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_fetched_file_lies_where_the_suite_looks_for_it(known, fetch, place, tmp_path):
    known()
    done = fetch("tiny")
    assert (done.exit_code, done.stdout) == (0, f"{place}\n")
    assert place.read_bytes() == CONTENT
    assert files_below(tmp_path) == ["good.pth"]
    assert weight_files.verified("tiny", tmp_path) == (place, SHA256)


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
    weight_files.fetch("tiny", tmp_path, lambda count, total: heard.append((count, total)))
    assert sum(count for count, _ in heard) == len(CONTENT)
    assert {total for _, total in heard} == {len(CONTENT)}
    assert len(heard) > 2


# Going on


def test_a_download_that_was_cut_off_goes_on_where_it_was(known, server, fetch, tmp_path):
    known("cut.pth")
    done = fetch("tiny")
    assert done.exit_code == 2
    assert f"the connection ended after {CUT} of {len(CONTENT)} bytes" in done.stderr
    assert "Run the command again" in done.stderr
    assert files_below(tmp_path) == ["cut.pth.part", "cut.pth.part.version"]
    assert fetch("tiny").exit_code == 0
    assert server.requests == [("/cut.pth", None), ("/cut.pth", f"bytes={CUT}-")]
    assert (tmp_path / "features" / "cut.pth").read_bytes() == CONTENT
    assert files_below(tmp_path) == ["cut.pth"]


def test_the_progress_of_a_second_attempt_starts_where_the_first_ended(known, fetch, tmp_path):
    known("cut.pth")
    fetch("tiny")
    heard = []
    weight_files.fetch("tiny", tmp_path, lambda count, total: heard.append((count, total)))
    assert heard[0] == (CUT, len(CONTENT))
    assert sum(count for count, _ in heard) == len(CONTENT)


def test_a_server_that_knows_no_ranges_sends_the_whole_file_again(known, server, fetch, tmp_path):
    known("ignores.pth", sha256=None)
    assert fetch("tiny").exit_code == 2
    assert fetch("tiny").exit_code == 0
    assert server.requests[1][1] == f"bytes={CUT}-"
    assert (tmp_path / "features" / "ignores.pth").read_bytes() == CONTENT


def test_halves_of_two_versions_are_not_put_together(known, server, fetch, tmp_path):
    known("cut.pth", sha256=None)
    assert fetch("tiny").exit_code == 2
    server.content, server.version = OTHER, '"two"'
    assert fetch("tiny").exit_code == 0
    assert (tmp_path / "features" / "cut.pth").read_bytes() == OTHER


def test_a_server_that_names_no_version_is_asked_for_the_whole_file(known, server, fetch, tmp_path):
    known("cut.pth", sha256=None)
    server.version = ""
    done = fetch("tiny")
    assert "Run the command again" not in done.stderr
    assert fetch("tiny").exit_code == 0
    assert server.requests[1] == ("/cut.pth", None)
    assert (tmp_path / "features" / "cut.pth").read_bytes() == CONTENT


def test_a_beginning_that_is_longer_than_the_file_is_given_up(known, server, fetch, place):
    known()
    place.parent.mkdir()
    place.with_name("good.pth.part").write_bytes(CONTENT + b"!")
    place.with_name("good.pth.part.version").write_text('"one"')
    assert fetch("tiny").exit_code == 0
    assert place.read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [f"bytes={len(CONTENT) + 1}-", None]


def test_other_bytes_than_those_asked_for_are_refused(known, fetch, tmp_path):
    known("shifted.pth")
    assert fetch("tiny").exit_code == 2
    assert f"asked for the bytes from {CUT} on and sent others" in fetch("tiny").stderr
    assert "shifted.pth" not in files_below(tmp_path)


def test_a_damaged_beginning_is_found_by_the_hash_and_not_used_again(known, fetch, tmp_path):
    known("cut.pth")
    fetch("tiny")
    (tmp_path / "features" / "cut.pth.part").write_bytes(b"PK" + bytes(CUT - 2))
    assert "sent another file than expected" in fetch("tiny").stderr
    assert fetch("tiny").exit_code == 0
    assert (tmp_path / "features" / "cut.pth").read_bytes() == CONTENT


# First use


def test_a_hash_that_nobody_published_is_printed_and_kept(known, fetch, place, tmp_path):
    known(sha256=None)
    done = fetch("tiny")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == str(place)
    assert SHA256 in done.stdout
    assert "trusted on this first use" in done.stdout
    assert place.with_name("good.pth.sha256").read_text() == f"{SHA256}  good.pth\n"  # as sha256sum --check reads it
    assert weight_files.verified("tiny", tmp_path) == (place, SHA256)
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
    assert (done.exit_code, done.stdout) == (0, f"{weight_files.SHIPPED / 'paperdolls' / 'features.safetensors'}\n")


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
    for name in [name for name in WEIGHT_FILES if name.startswith("crn/") and "model.ckpt" in name]:
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
