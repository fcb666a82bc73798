from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone

import pytest
from processes import finished

from bench.results import provenance

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def checkout(tmp_path):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    (tmp_path / "a.txt").write_text("one")
    for words in (["init"], ["add", "a.txt"], [*who, "commit", "-m", "first"]):
        code, _, errors = finished("git", "-C", tmp_path, *words)
        assert code == 0, errors
    return tmp_path


@needs_git
def test_a_change_of_a_tracked_file_makes_the_checkout_dirty(checkout):
    commit, dirty = provenance.commit_of(checkout)
    assert len(commit) == 40
    assert dirty is False
    (checkout / "new.txt").write_text("untracked")
    assert provenance.commit_of(checkout) == (commit, False)
    (checkout / "a.txt").write_text("two")
    assert provenance.commit_of(checkout) == (commit, True)


@needs_git
def test_a_copy_inside_another_repository_has_no_commit(checkout):
    (checkout / "copy").mkdir()
    assert provenance.commit_of(checkout / "copy") == (None, None)


def test_a_folder_without_repository_has_no_commit(tmp_path):
    assert provenance.commit_of(tmp_path) == (None, None)


def test_a_machine_without_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit_of(provenance.ROOT) == (None, None)


def test_packages_that_are_not_installed_are_left_out():
    versions = provenance.package_versions(("numpy", "no-such-package"))
    assert list(versions) == ["numpy"]


def test_times_are_kept_in_utc():
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    collected = provenance.collect("cuda: NVIDIA X", start, 1.23456, batch_size=4)
    assert collected.start == "2026-01-02T01:04:05+00:00"
    assert collected.seconds == 1.235
    assert (collected.device, collected.batch_size) == ("cuda: NVIDIA X", 4)
    assert "torch" in collected.versions
