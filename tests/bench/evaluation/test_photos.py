"""What the real photos are summed up to: made once, whole, again when anything changed; exported and imported."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import BENCH, finished, running
from small_runs import bench, measure, records, values

from bench.common.errors import UserError
from bench.datasets.paperdolls.dataset import PAPERDOLLS2, Paperdolls, open_paperdolls2
from bench.evaluation.moment_files import read_moments, write_moments
from bench.evaluation.one_pass import Pass
from bench.evaluation.photos import VERSION, Photos, PhotoStatistics, choose_photos, import_moments
from bench.evaluation.shards import ShardStore
from metrics.networks.inception import FIDInception, Inception
from metrics.networks.paperdolls import PaperdollsFeatures
from metrics.parts.moments import Gaussian, Moments
from metrics.protocol import FidChoices

WIDE = ("--metrics", "fid-pd,kid-pd,prdc-pd", "--set", "prdc.neighbours=2")


def features(count=9, size=4, seed=0):
    return torch.rand(count, size, generator=torch.Generator().manual_seed(seed))


class Maker:
    """Makes features, and counts how often."""

    def __init__(self, made=None):
        self.made = features() if made is None else made
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.made


# The key


PHOTOS = Photos("paperdolls2 val", "abc", 20, open_paperdolls2("val"))


def test_the_key_holds_all_that_determines_the_features(monkeypatch):
    class Larger:
        size = (128, 64)

    keys = [
        PHOTOS.key("inception", "hash", "clean"),
        replace(PHOTOS, fingerprint="abd").key("inception", "hash", "clean"),
        replace(PHOTOS, count=19).key("inception", "hash", "clean"),
        replace(PHOTOS, dataset=Larger()).key("inception", "hash", "clean"),
        PHOTOS.key("paperdolls", "hash", "clean"),
        PHOTOS.key("inception", "hush", "clean"),
        PHOTOS.key("inception", "hash", "pytorch_fid"),
    ]
    assert PHOTOS.key("inception", "hash", "clean") == keys[0]
    monkeypatch.setattr("bench.evaluation.photos.VERSION", VERSION + 1)
    keys.append(PHOTOS.key("inception", "hash", "clean"))
    assert len(set(keys)) == len(keys)


# The file


def test_features_are_made_once_for_all_that_is_asked_of_them(tmp_path):
    maker = Maker()
    for _ in range(2):
        statistics = PhotoStatistics(tmp_path / "r.npz", 9, maker)
        assert torch.equal(statistics.features(), maker.made)
        expected = Moments.of(maker.made).gaussian()
        found = statistics.gaussian()
        assert torch.equal(found.mean, expected.mean)
        assert torch.equal(found.covariance, expected.covariance)
        assert torch.equal(found.factor, expected.factor)
        assert found.stored_factor is not None
        assert found.count == 9
    assert maker.calls == 1
    assert [path.name for path in tmp_path.iterdir()] == ["r.npz"]


def test_sums_in_blocks_are_the_sums(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.evaluation.photos._BLOCK", 4)
    found = PhotoStatistics(tmp_path / "r.npz", 9, Maker()).gaussian()
    np.testing.assert_allclose(found.covariance, np.cov(features().double().numpy(), rowvar=False), rtol=1e-12)


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


def _without(name):
    def damage(path):
        with np.load(path) as stored:
            arrays = {key: stored[key] for key in stored.files if key != name}
        np.savez(path, **arrays)

    return damage


def _with(**changes):
    def damage(path):
        with np.load(path) as stored:
            arrays = {key: stored[key] for key in stored.files}
        np.savez(path, **(arrays | changes))

    return damage


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-300]),
    "text": lambda path: path.write_bytes(b"not an archive"),
    "flipped bits": _flip,
    "an array": lambda path: path.write_bytes(_npy(np.ones(3))),
    "without mu": _without("mu"),
    "without features": _without("features"),
    "of other photos": _with(count=np.array(8), features=np.ones((8, 4), np.float32)),
    "another sigma": _with(sigma=np.ones((3, 3)), features=np.ones((9, 4, 1), np.float32)),
    "pickled": _with(mu=np.array([{}], dtype=object), features=np.array([{}], dtype=object)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_again(tmp_path, damage):
    maker = Maker(torch.rand(9, 40))
    statistics = PhotoStatistics(tmp_path / "r.npz", 9, maker)
    before = statistics.gaussian()
    DAMAGES[damage](statistics.path)
    assert torch.equal(statistics.gaussian().covariance, before.covariance)
    assert torch.equal(statistics.features(), maker.made)
    assert maker.calls == 2


def test_a_file_of_another_process_may_come_in_between(tmp_path):
    class Interrupted(Maker):
        def __call__(self):
            PhotoStatistics(tmp_path / "r.npz", 9, Maker()).gaussian()
            return super().__call__()

    assert torch.equal(PhotoStatistics(tmp_path / "r.npz", 9, Interrupted()).features(), features())
    assert [path.name for path in tmp_path.iterdir()] == ["r.npz"]


def test_two_processes_at_once_both_end_well(tmp_path):
    words = ("data", "reference", "paperdolls2", "--set", "fid.reference_limit=80", "--num-workers", "0")
    with running(*BENCH, *words, "--out", tmp_path) as other:
        code, first, errors = finished(*BENCH, *words, "--out", tmp_path)
        second, others = other.communicate()
    assert (code, other.returncode) == (0, 0), errors + others
    assert first == second
    assert len(list((tmp_path / "cache").iterdir())) == 1


# In a run


def test_a_run_reads_the_photos_once_for_all_metrics(tmp_path, monkeypatch):
    seen, stages = [], PaperdollsFeatures.stages

    def watched(self, images):
        seen.append(len(images))
        return stages(self, images)

    monkeypatch.setattr(PaperdollsFeatures, "stages", watched)
    assert measure(tmp_path, *WIDE, methods="truth").exit_code == 0
    assert sum(seen) == 20 + 6 * 2  # photos, and drawn images


def test_records_say_of_how_many_photos_and_how_sure(tmp_path):
    assert measure(tmp_path, *WIDE, methods="truth").exit_code == 0
    found = {record.metric: record for record in records(tmp_path)}
    assert found["fid-pd"].counts == {"label maps": 6, "images of each": 2, "real images": 20}
    assert found["fid-pd"].intervals == {}
    low, high = found["kid-pd"].intervals["kid_all_pd"]
    assert low < found["kid-pd"].values["kid_all_pd"] < high
    (table,) = (tmp_path / "tables").glob("*.csv")
    head, line = (row.split(",") for row in table.read_text().splitlines())
    cells = dict(zip(head, line, strict=True))
    assert (float(cells["kid_all_pd_low"]), float(cells["kid_all_pd_high"])) == (low, high)
    assert not {"fid_pd_low", "kid_pd_low"} & set(head)


def test_other_photos_are_another_number(tmp_path, monkeypatch):
    assert measure(tmp_path, "--metrics", "fid-pd,lpips-pd", methods="truth").exit_code == 0
    fingerprint = Paperdolls.fingerprint
    other = {"train": "other", "val": ""}
    monkeypatch.setattr(Paperdolls, "fingerprint", lambda self: fingerprint(self) + other[self.split])
    assert measure(tmp_path, "--metrics", "fid-pd,lpips-pd", methods="truth").exit_code == 0
    assert sorted(record.metric for record in records(tmp_path)) == ["fid-pd", "fid-pd", "lpips-pd"]


def test_the_photos_are_not_looked_for_where_no_metric_needs_them(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.evaluation.plan.choose_photos", None)
    assert measure(tmp_path, "--metrics", "lpips-pd,params", methods="truth").exit_code == 0


def test_the_drawn_split_is_not_fingerprinted_twice(monkeypatch):
    monkeypatch.setattr(Paperdolls, "fingerprint", lambda self: pytest.fail("read again"))
    val = (open_paperdolls2("val"), "known")
    photos = choose_photos(PAPERDOLLS2, FidChoices(real_split="val", reference_limit=7), None, Path(), val)
    assert (photos.fingerprint, photos.count, photos.dataset) == ("known", 7, val[0])


def test_a_stopped_run_with_kept_features_goes_on(tmp_path, monkeypatch):
    assert measure(tmp_path / "whole", *WIDE, methods="truth").exit_code == 0
    monkeypatch.setattr("bench.evaluation.shards.SHARD", 2)
    save = ShardStore.save

    def stopped(self, key, shard, arrays):
        save(self, key, shard, arrays)
        if shard == "000001":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ShardStore, "save", stopped)
        assert measure(tmp_path / "parts", *WIDE, methods="truth").exit_code != 0
    drawn, update = [], Pass.run

    def counted(self, shards, advance):
        drawn.extend(shards)
        return update(self, shards, advance)

    monkeypatch.setattr(Pass, "run", counted)
    assert measure(tmp_path / "parts", *WIDE, methods="truth").exit_code == 0
    assert [list(shard) for shard in drawn] == [[4, 5]]
    assert values(tmp_path / "parts") == pytest.approx(values(tmp_path / "whole"), rel=1e-5)


# Inception


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A weights folder with an untrained Inception."""
    root = tmp_path_factory.mktemp("weights")
    (root / "features").mkdir()
    torch.save(FIDInception().state_dict(), root / "features" / "pt_inception-2015-12-05-6726825d.pth")
    return root


@pytest.fixture(autouse=True)
def seen(monkeypatch):
    """Make Inception quick, with features of the mean colour, and list the batches it sees."""
    batches, spread = [], torch.linspace(-1, 1, 3 * 2048).sin().reshape(3, 2048)

    def forward(self, images):
        batches.append(len(images))
        return images.mean((2, 3)) @ spread

    monkeypatch.setattr(Inception, "forward", forward)
    return batches


def run_inception(out, weights, *words):
    places = ("--weights-root", weights, "--allow-unknown-weights", "--set", "fid.mode=clean")
    return measure(out, *places, *words, methods="truth")


def test_inception_runs_once_for_fid_kid_is_and_prdc(tmp_path, weights, seen):
    words = ("--set", "prdc.neighbours=2", "--set", "inception_score.splits=2")
    shown = run_inception(tmp_path, weights, "--metrics", "fid,kid,is,prdc", *words)
    assert shown.exit_code == 0, shown.output
    assert sum(seen) == 20 + 6 * 2
    found = values(tmp_path)
    assert {column for _, column in found} == {
        "fid", "kid", "kid_all", "is", "precision", "recall", "density", "coverage"
    }  # fmt: skip
    assert found["truth", "fid"] > 0
    assert found["truth", "is"] >= 1


def other_moments(path, size=2048, scale=1.0):
    generator = torch.Generator().manual_seed(1)
    rows = torch.rand(30, size, generator=generator, dtype=torch.float64) * scale
    write_moments(path, Gaussian(rows.mean(0), rows.T.cov(), None))
    return path


def test_imported_statistics_serve_fid_and_their_hash_is_in_the_key(tmp_path, weights):
    words = ("--set", "fid.real_split=imported", "--metrics", "fid")
    shown = run_inception(tmp_path, weights, *words)
    assert shown.exit_code == 2
    assert "bench data reference paperdolls2 --set fid.mode=clean --import FILE" in " ".join(shown.stderr.split())
    for scale in (1.0, 2.0):
        source = other_moments(tmp_path / "theirs.npz", scale=scale)
        place = import_moments(source, 30, "paperdolls2", "clean", weights)
        assert place == weights / "references" / "paperdolls2-clean.npz"
        assert run_inception(tmp_path, weights, *words).exit_code == 0
    first, second = (record for record in records(tmp_path))
    assert first.values != second.values
    assert first.counts["real images"] == 30
    shown = run_inception(tmp_path, weights, "--set", "fid.real_split=imported", "--metrics", "kid")
    assert shown.exit_code == 2
    assert "not the features that KID" in " ".join(shown.stderr.split())
    shown = run_inception(tmp_path, weights, "--set", "fid.real_split=imported", "--metrics", "fid-pd")
    assert "statistics are of Inception, not of paperdolls" in " ".join(shown.stderr.split())


# Files of others


@pytest.mark.parametrize("name", ["stats.npz", "pair"])
@pytest.mark.parametrize("count", [None, 30])
def test_moments_read_back_from_either_form(tmp_path, name, count):
    written = Moments.of(features(30)).gaussian()
    write_moments(tmp_path / name, Gaussian(written.mean, written.covariance, count))
    found = read_moments(tmp_path / name)
    assert torch.equal(found.mean, written.mean)
    assert torch.equal(found.covariance, written.covariance)
    assert found.count == (count if name.endswith("npz") else None)
    if name == "pair":
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["m.npy", "s.npy"]


def test_pytorch_fid_reads_what_is_exported_and_what_is_cached(tmp_path):
    from pytorch_fid.fid_score import compute_statistics_of_path

    words = ("data", "reference", "paperdolls2", "--set", "fid.reference_limit=30", "--num-workers", "0")
    shown = bench(*words, "--out", tmp_path, "--export", tmp_path / "mine.npz")
    assert shown.exit_code == 0, shown.output
    assert "30 photos: " in shown.stdout
    (cached,) = (tmp_path / "cache").iterdir()
    ours = read_moments(tmp_path / "mine.npz")
    for path in (tmp_path / "mine.npz", cached):
        mu, sigma = compute_statistics_of_path(str(path), None, 1, 1, "cpu")
        np.testing.assert_array_equal(mu, ours.mean)
        np.testing.assert_array_equal(sigma, ours.covariance)


def test_inades_pair_is_imported_by_the_command(tmp_path):
    source = other_moments(tmp_path / "train_mu_si")
    shown = bench("data", "reference", "paperdolls2", "--import", source, "--weights-root", tmp_path, "--count", "77")
    assert shown.exit_code == 0, shown.output
    assert "77 photos: " in shown.stdout
    assert read_moments(tmp_path / "references" / "paperdolls2-pytorch_fid.npz").count == 77


WRONG = {
    "no arrays": ({"x": np.ones(3)}, "KeyError"),
    "other shapes": ({"mu": np.ones(3), "sigma": np.ones((3, 4))}, r"shapes \(3,\) and \(3, 4\)"),
    "NaN": ({"mu": np.array([np.nan, 1]), "sigma": np.eye(2)}, "not finite"),
    "not symmetric": ({"mu": np.ones(2), "sigma": np.array([[1.0, 0.5], [0, 1]])}, "not symmetric"),
    "negative": ({"mu": np.ones(2), "sigma": -np.eye(2)}, "negative variances"),
    "one image": ({"mu": np.ones(2), "sigma": np.eye(2), "count": np.array(1)}, "a count of 1"),
    "text": ({"mu": np.array(["a", "b"]), "sigma": np.eye(2)}, "ValueError"),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_files_are_refused_with_the_reason(tmp_path, case):
    arrays, message = WRONG[case]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(UserError, match=rf"bad\.npz holds no mean and covariance .*{message}.*expected an npz with"):
        read_moments(tmp_path / "bad.npz")


def test_a_folder_without_the_pair_and_too_few_features_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"m\.npy"):
        read_moments(tmp_path)
    with pytest.raises(UserError, match="is of 64 features, and Inception has 2048"):
        import_moments(other_moments(tmp_path / "small.npz", size=64), None, "ade20k", "clean", tmp_path)


def test_doctor_looks_for_imported_statistics(tmp_path):
    protocol = ("--protocol", "mini+fid.real_split=imported")
    words = ("doctor", "--dataset", "paperdolls2", *protocol, "--weights-root", tmp_path)
    shown = bench(*words)
    assert shown.exit_code == 1
    assert "missing fid.real_split=imported needs statistics of paperdolls2" in " ".join(shown.stdout.split())
    import_moments(other_moments(tmp_path / "all.npz"), None, "paperdolls2", "pytorch_fid", tmp_path)
    assert bench(*words).exit_code == 0
