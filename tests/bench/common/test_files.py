from __future__ import annotations

import errno
import os

import pytest

from bench.common.errors import UserError
from bench.common.files import link_or_copy, whole_file, write_text


def test_a_file_appears_only_once_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with whole_file(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("crash", [KeyboardInterrupt, MemoryError])
def test_a_crash_while_writing_leaves_the_old_file(tmp_path, crash):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def die():
        with whole_file(path) as file:
            file.write(b"new")
            raise crash

    with pytest.raises(crash):
        die()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_file_is_on_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (steps.append("fsync"), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda *names: (steps.append("replace"), replace(*names)))
    write_text(tmp_path / "a.txt", "text")
    assert steps == ["fsync", "replace"]


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")]
)
def test_a_disk_that_refuses_is_named_with_the_way_out(tmp_path, monkeypatch, code, words):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UserError, match=words) as caught:
        write_text(tmp_path / "a.txt", "text")
    assert str(tmp_path) in str(caught.value)
    assert "folder" in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="taken"):
        write_text(tmp_path / "taken" / "a.txt", "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser writes anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="permission denied"):
        write_text(tmp_path / "a.txt", "text")


def test_a_link_is_the_same_file_and_takes_the_place_of_another(tmp_path):
    write_text(tmp_path / "a.txt", "new")
    write_text(tmp_path / "folder" / "b.txt", "old")
    link_or_copy(tmp_path / "a.txt", tmp_path / "folder" / "b.txt")
    assert (tmp_path / "folder" / "b.txt").samefile(tmp_path / "a.txt")
    link_or_copy(tmp_path / "a.txt", tmp_path / "folder" / "b.txt")
    assert os.listdir(tmp_path / "folder") == ["b.txt"]


def test_a_link_to_a_link_leads_to_the_file_itself(tmp_path):
    write_text(tmp_path / "a.txt", "text")
    (tmp_path / "b.txt").symlink_to("a.txt")
    link_or_copy(tmp_path / "b.txt", tmp_path / "folder" / "c.txt")
    assert not (tmp_path / "folder" / "c.txt").is_symlink()
    assert (tmp_path / "folder" / "c.txt").samefile(tmp_path / "a.txt")


def test_where_the_disk_has_no_links_a_file_is_copied_whole(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    write_text(tmp_path / "a.txt", "text")
    link_or_copy(tmp_path / "a.txt", tmp_path / "folder" / "b.txt")
    assert (tmp_path / "folder" / "b.txt").read_text() == "text"
    assert not (tmp_path / "folder" / "b.txt").samefile(tmp_path / "a.txt")
    assert os.listdir(tmp_path / "folder") == ["b.txt"]
