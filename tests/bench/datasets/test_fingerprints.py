"""Fingerprints read every byte once, and again as soon as any file has changed."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from bench.datasets.parts import fingerprints
from bench.datasets.parts.fingerprints import cache_folder, fingerprint_of


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Three files that were written a while ago, and a cache of their own."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fingerprints, "SETTLED", -1.0)  # the clock is not waited for
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


@pytest.fixture
def read(monkeypatch):
    """The files whose bytes were read, in order."""
    found, sha256_of = [], fingerprints.sha256_of
    monkeypatch.setattr(fingerprints, "sha256_of", lambda path: found.append(path.name) or sha256_of(path))
    return found


def test_the_hash_is_that_of_title_names_and_bytes(files):
    expected = hashlib.sha256(b"title")
    for path in files:
        expected.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    assert fingerprint_of("title", files) == expected.hexdigest()


def test_files_that_have_not_changed_are_not_read_again(files, read):
    first = fingerprint_of("title", files)
    assert read == ["a.png", "b.png", "c.png"]
    assert fingerprint_of("title", files) == first
    assert len(read) == 3


@pytest.mark.parametrize("change", ["content", "same length", "same length and time"])
def test_any_change_of_a_file_is_noticed(files, change):
    first = fingerprint_of("title", files)
    before = files[1].stat()
    files[1].write_bytes(b"longer content" if change == "content" else b"B.png")
    if change.endswith("time"):
        os.utime(files[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fingerprint_of("title", files) != first


def test_title_order_and_number_of_files_count(files):
    prints = {
        fingerprint_of("title", files),
        fingerprint_of("other", files),
        fingerprint_of("title", files[::-1]),
        fingerprint_of("title", files[:2]),
    }
    assert len(prints) == 4


def test_equal_files_elsewhere_have_the_same_fingerprint(files, tmp_path):
    copies = [tmp_path / "copies" / path.name for path in files]
    copies[0].parent.mkdir()
    for path, copy in zip(files, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    assert fingerprint_of("title", copies) == fingerprint_of("title", files)


def test_what_was_written_just_now_is_not_remembered_as_it_may_change_within_a_tick(files, read, monkeypatch):
    monkeypatch.setattr(fingerprints, "SETTLED", 60.0)
    fingerprint_of("title", files)
    fingerprint_of("title", files)
    assert len(read) == 6
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    fingerprint_of("title", files)
    fingerprint_of("title", files)
    assert len(read) == 9


def test_a_damaged_memory_is_no_fingerprint(files):
    first = fingerprint_of("title", files)
    (remembered,) = (cache_folder() / "fingerprints").iterdir()
    for text in ("", "no hash", first[:-2], "é"):
        remembered.write_text(text, encoding="utf-8")
        assert fingerprint_of("title", files) == first
        assert remembered.read_text(encoding="utf-8") == first + "\n"


def test_without_a_place_to_remember_nothing_is_lost_but_time(files, read, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert fingerprint_of("title", files) == fingerprint_of("title", files)
    assert len(read) == 6


def test_the_cache_lies_where_caches_of_this_user_lie(monkeypatch, tmp_path):
    monkeypatch.delenv("BENCH_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "bench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "bench"
