from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest

from bench.common.errors import UserError
from bench.evaluation.shards import ShardStore

ARRAYS = {
    "fid/sum": np.linspace(0, 1, 7),
    "file": np.array(3, dtype=np.int64),  # a name that numpy.savez keeps for itself
    "confusion": np.arange(6).reshape(2, 3),
    "empty": np.zeros((0, 4), dtype=np.float32),
}


def test_a_shard_reads_back_to_the_last_bit(tmp_path):
    store = ShardStore(tmp_path)
    store.save("cell", "0-of-2", ARRAYS)
    loaded = store.load("cell", "0-of-2")
    assert list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_equal_shards_are_equal_bytes(tmp_path):
    store = ShardStore(tmp_path)
    store.save("cell", "a", ARRAYS)
    store.save("cell", "b", ARRAYS)
    assert store.path("cell", "a").read_bytes() == store.path("cell", "b").read_bytes()
    with zipfile.ZipFile(store.path("cell", "a")) as archive:  # no time stamp
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_finished_shards_of_a_cell_are_listed_until_cleared(tmp_path):
    store = ShardStore(tmp_path)
    for cell, shard in (("x", "1"), ("x", "0"), ("y", "0")):
        store.save(cell, shard, ARRAYS)
    assert store.names("x") == ["0", "1"]
    store.clear("x")
    assert store.names("x") == []
    assert store.names("y") == ["0"]
    store.clear("never there")


def test_a_crash_before_the_rename_leaves_no_shard(tmp_path, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", die)
    store = ShardStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.save("cell", "0", ARRAYS)
    assert store.names("cell") == []
    assert os.listdir(tmp_path / "cell") == []


def test_objects_are_not_stored(tmp_path):
    with pytest.raises(ValueError, match="Python objects"):
        ShardStore(tmp_path).save("cell", "0", {"bad": np.array([{}], dtype=object)})


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04cut"])
def test_a_corrupt_shard_is_named(tmp_path, content):
    store = ShardStore(tmp_path)
    store.save("cell", "0", ARRAYS)
    store.path("cell", "0").write_bytes(content)
    with pytest.raises(UserError, match=r"0\.npz is not a whole shard"):
        store.load("cell", "0")


def test_a_cut_shard_is_named(tmp_path):
    store = ShardStore(tmp_path)
    store.save("cell", "0", ARRAYS)
    path = store.path("cell", "0")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"0\.npz"):
        store.load("cell", "0")


def test_a_pickle_is_never_read(tmp_path):
    path = tmp_path / "cell" / "0.npz"
    path.parent.mkdir()
    np.savez(path, bad=np.array([{}], dtype=object))
    with pytest.raises(UserError, match=r"0\.npz"):
        ShardStore(tmp_path).load("cell", "0")


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(UserError, match=r"7\.npz"):
        ShardStore(tmp_path).load("cell", "7")
