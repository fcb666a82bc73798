"""Who vouches for a file, and that what was trusted once stays the same."""

from __future__ import annotations

import hashlib
import json
import logging

import pytest

from bench.common.errors import UserError
from bench.weights import trust
from bench.weights.trust import Expected, check_start, expected_hash, first_use_file, remember, trusted, vouched_by

CONTENT = b"PK weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "best_net_G.pth"
    path.write_bytes(CONTENT)
    return path


def test_the_first_use_is_remembered_and_later_ones_must_match(path):
    assert expected_hash(path) is None
    assert vouched_by(path, SHA256) == "unknown"
    assert trusted(path) == trusted(path) == SHA256
    assert expected_hash(path) == Expected(SHA256, "first use")
    assert vouched_by(path, SHA256) == "first use"
    path.write_bytes(b"PK others")
    with pytest.raises(UserError) as error:
        trusted(path)
    for words in (str(path), SHA256[:8], "(first use)", str(first_use_file(path))):
        assert words in str(error.value)
    first_use_file(path).unlink()  # the way out
    assert trusted(path) == hashlib.sha256(b"PK others").hexdigest()


def test_the_record_of_a_training_vouches_and_nothing_is_written(path):
    record = path.with_suffix(".json")
    record.write_text(json.dumps({"sha256": SHA256}))
    assert trusted(path) == SHA256
    assert expected_hash(path) == Expected(SHA256, "training record")
    assert not first_use_file(path).exists()
    record.write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(UserError, match=r"\(training record\).*best_net_G.json"):
        trusted(path)


def test_the_publisher_has_the_last_word(path):
    remember(path, "1" * 64)
    assert expected_hash(path, SHA256) == Expected(SHA256, "published")
    assert vouched_by(path, SHA256, SHA256) == "published"
    assert vouched_by(path, "1" * 64, SHA256) == "unknown"


def test_a_folder_that_cannot_be_written_does_not_stop_a_run(path, monkeypatch, caplog):
    def refuse(*_):
        raise UserError("the file system is read-only")

    monkeypatch.setattr(trust, "write_text", refuse)
    with caplog.at_level(logging.WARNING):
        assert trusted(path) == SHA256
    assert "read-only" in caplog.text
    assert vouched_by(path, SHA256) == "unknown"


@pytest.mark.parametrize("text", ["", "abc", "<html>"])
def test_a_damaged_note_is_named(path, text):
    first_use_file(path).write_text(text)
    with pytest.raises(UserError, match=r"best_net_G.pth.sha256: .*delete it"):
        trusted(path)


def test_a_damaged_record_is_named(path):
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(UserError, match=r"best_net_G.json: not the record"):
        trusted(path)


@pytest.mark.parametrize(
    ("name", "start", "right"),
    [
        ("a.pth", b"PK\x03\x04", True),
        ("a.pth", b"\x80\x02", True),
        ("a.pt", b"<!DOCTYPE html>", False),
        ("a.pth", b"", False),
        ("a.zip", b"PK\x03\x04", True),
        ("a.zip", b"Quota exceeded", False),
        ("a.tgz", b"\x1f\x8b\x08", True),
        ("a.tgz", b"PK", False),
        ("a.npy", b"\x93NUMPY", True),
        ("a.npy", b"version https://git-lfs", False),
        ("a.mat", b"MATLAB 5.0", True),
        ("a.mat", b"\n <html>", False),
        ("model.ckpt.index", b"\x00\x00", True),
    ],
)
def test_a_page_in_place_of_a_file_is_no_first_use(tmp_path, name, start, right):
    path = tmp_path / name
    path.write_bytes(start + bytes(100) if start else b"")
    if right:
        check_start(path)
        return
    with pytest.raises(UserError, match="probably it is a page"):
        trusted(path)
    assert not first_use_file(path).exists()
