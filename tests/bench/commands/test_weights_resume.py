"""A download that was cut off goes on, and never with the bytes of another file."""

from file_server import CONTENT, CUT, OTHER, files_below

from bench.weights.fetch import fetch as fetched


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
    fetched("tiny", tmp_path, lambda count, total: heard.append((count, total)))
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
