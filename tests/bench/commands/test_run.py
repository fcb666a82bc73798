"""`bench run` from the command line to the tables."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import measure, records, tables, times, values

from bench.common.files import sha256_of
from bench.common.places import SHIPPED_WEIGHTS
from bench.datasets.paperdolls.dataset import Paperdolls
from bench.synthesis.images import to_bytes
from bench.weights.known import WEIGHT_FILES
from metrics.base import Samples
from metrics.networks.paperdolls import PaperdollsFeatures
from models.inade import Inade


@pytest.fixture(autouse=True)
def one_thread():
    """Sums of other numbers of threads differ in their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of two methods; nobody writes to it."""
    out = tmp_path_factory.mktemp("finished")
    torch.set_num_threads(1)
    shown = measure(out)
    assert (shown.exit_code, shown.stderr) == (0, "")
    return out


def refuse(*_, **__):
    raise RuntimeError("nothing is to be computed")


def test_a_second_run_computes_nothing_and_writes_the_same_tables(finished, monkeypatch):
    before, written = tables(finished), times(finished)
    for name in ("__init__", "synthesize"):
        monkeypatch.setattr(Inade, name, refuse)
    monkeypatch.setattr(Paperdolls, "__getitem__", refuse)
    shown = measure(finished)
    assert shown.exit_code == 0
    assert (tables(finished), times(finished)) == (before, written)
    assert not list((finished / "state").glob("*"))


def test_a_record_says_which_networks_looked_and_who_vouches_for_them(finished):
    found = {record.metric: record for record in records(finished)}
    sha256 = sha256_of(SHIPPED_WEIGHTS / "paperdolls" / "features.safetensors")
    assert found["fid-pd"].networks == {"paperdolls_features": f"{sha256} (training record)"}
    assert found["params"].networks == {}
    assert {record.doubts for record in found.values()} == {()}


def test_another_network_must_be_allowed_and_shows_beside_its_numbers(tmp_path, monkeypatch):
    known = replace(WEIGHT_FILES["paperdolls_features"], sha256="0" * 64)
    monkeypatch.setitem(WEIGHT_FILES, "paperdolls_features", known)
    words = ("--metrics", "lpips-pd,params")
    refused = measure(tmp_path, *words, methods="inade")
    assert refused.exit_code == 2
    assert "--allow-unknown-weights" in refused.stderr
    shown = measure(tmp_path, *words, "--allow-unknown-weights", methods="inade")
    assert shown.exit_code == 0
    found = {record.metric: record for record in records(tmp_path)}
    sha256 = sha256_of(SHIPPED_WEIGHTS / "paperdolls" / "features.safetensors")
    assert found["lpips-pd"].networks == {"paperdolls_features": f"{sha256} (unknown)"}
    doubt = f"Measured with another paperdolls_features than the known one: SHA-256 {sha256[:8]}."
    assert found["lpips-pd"].doubts == (doubt,)
    assert found["params"].doubts == ()
    assert f"] {doubt}" in shown.stdout


def test_the_default_metrics_of_the_built_in_data_need_no_download(finished):
    names = {column for _, column in values(finished)}
    assert names >= {"fid_pd", "lpips_pd", "mcsd_pd", "mocd_pd", "misd_pd", "moid_pd", "miou_pd", "params_m", "gmacs"}


def test_the_tables_hold_the_records_numbers(finished):
    (text,) = (content.decode() for name, content in tables(finished).items() if name.endswith(".csv"))
    for row in csv.DictReader(io.StringIO(text)):
        for (method, column), value in values(finished).items():
            if method == row["method"]:
                assert float(row[column]) == value


def test_the_truth_changes_nothing_outside_a_region(finished):
    numbers = values(finished)
    assert numbers["truth", "mocd_pd"] == numbers["truth", "moid_pd"] == 0
    assert numbers["truth", "mcsd_pd"] > 0
    assert numbers["truth", "misd_pd"] > 0
    assert numbers["inade", "mocd_pd"] > 0


def test_numbers_that_vary_with_noise_are_kept_run_by_run(finished):
    record = next(r for r in records(finished) if (r.cell.method, r.metric) == ("inade", "fid-pd"))
    assert len(record.runs["fid_pd"]) == 2
    assert record.values["fid_pd"] == pytest.approx(sum(record.runs["fid_pd"]) / 2)


def test_fresh_measures_again_and_finds_the_same(finished, tmp_path):
    out = tmp_path / "out"
    assert measure(out, "--metrics", "lpips-pd", methods="inade").exit_code == 0
    before = times(out)
    assert measure(out, "--metrics", "lpips-pd", "--fresh", methods="inade").exit_code == 0
    assert before.keys() == times(out).keys()
    assert before != times(out)
    assert values(out)["inade", "lpips_pd"] == values(finished)["inade", "lpips_pd"]


def test_a_metric_asked_for_later_computes_only_itself_and_gives_the_same(finished, tmp_path, monkeypatch):
    assert measure(tmp_path, "--metrics", "lpips-pd", methods="inade").exit_code == 0
    before, views = times(tmp_path), []
    monkeypatch.setattr(Samples, "__post_init__", lambda self: views.append(self.region is not None))
    assert measure(tmp_path, "--metrics", "lpips-pd,mcsd-pd", methods="inade").exit_code == 0
    assert set(views) == {True}
    assert before.items() <= times(tmp_path).items()
    # Alone or among all others: the same images meet the same network, and sums run in the same order.
    for key, value in values(tmp_path).items():
        assert value == values(finished)[key]


def test_batch_size_and_shards_change_no_number(finished, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.evaluation.shards.SHARD", 2)
    for size in ("1", "7"):
        assert measure(tmp_path / size, "--batch-size", size, methods="inade").exit_code == 0
        for key, value in values(tmp_path / size).items():
            # Convolutions of batches of other sizes round differently in the last bit; one such difference may move
            # a pixel by one step of 255. FID subtracts large sums, so it shows most of it.
            assert value == pytest.approx(values(finished)[key], rel=1e-3 if key[1] == "fid_pd" else 1e-4)


def test_processes_that_read_ahead_change_no_bit(finished, tmp_path):
    assert measure(tmp_path, "--num-workers", "2", methods="inade").exit_code == 0
    assert values(tmp_path) == {key: value for key, value in values(finished).items() if key[0] == "inade"}


def test_each_image_meets_generator_and_features_once(tmp_path, monkeypatch):
    drawn, seen = [], []
    synthesize, stages = Inade.synthesize, PaperdollsFeatures.stages

    def counted(self, layout, style):
        images = synthesize(self, layout, style)
        drawn.append(len(images))
        return images

    def seen_by(self, images):
        seen.append(len(images))
        return stages(self, images)

    measure(tmp_path, "--metrics", "fid-pd,mcsd-pd", methods="truth")  # makes the reference
    monkeypatch.setattr(Inade, "synthesize", counted)
    monkeypatch.setattr(PaperdollsFeatures, "stages", seen_by)
    # With the other masks the network sees two halves of every image.
    words = ("--metrics", "fid-pd,lpips-pd,mcsd-pd,misd-pd,segmentation-pd", "--set", "region.mask=map_mean")
    assert measure(tmp_path, *words, methods="inade").exit_code == 0
    regions = sum(drawn) - 6 * 2
    assert regions > 0
    assert regions % 3 == 0
    assert sum(seen) == sum(drawn)


def test_a_method_without_noise_has_no_diversity_and_draws_for_none(tmp_path, monkeypatch):
    monkeypatch.setattr("models.spade.Spade.synthesize", refuse)
    assert measure(tmp_path, "--metrics", "lpips-pd,mcsd-pd,misd-pd", methods="spade").exit_code == 0
    assert set(values(tmp_path).values()) == {0.0}
    assert len(values(tmp_path)) == 5


def test_a_method_without_noise_has_one_run(tmp_path):
    assert measure(tmp_path, "--metrics", "segmentation-pd", methods="spade").exit_code == 0
    assert records(tmp_path)[0].runs == {}


def test_saved_images_hold_the_pixels_that_metrics_saw(tmp_path, monkeypatch):
    seen, check = {}, Samples.__post_init__

    def watched(self):
        check(self)
        for index, styles in zip(self.index.tolist(), self.fake, strict=True):
            for run, image in enumerate(styles, start=1):
                seen[f"run{run}/val_{index:05d}.png"] = to_bytes(image).movedim(0, -1).numpy()

    monkeypatch.setattr(Samples, "__post_init__", watched)
    shown = measure(tmp_path, "--metrics", "segmentation-pd", "--save-images", tmp_path / "png", methods="inade")
    assert shown.exit_code == 0
    folder = tmp_path / "png" / "inade" / "paperdolls2"
    found = {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in folder.glob("*/*.png")}
    assert found.keys() == seen.keys()
    assert len(found) == 12
    assert all((found[name] == seen[name]).all() for name in seen)


def test_a_metric_without_a_value_takes_no_other_with_it(tmp_path):
    words = ("--limit", "1", "--metrics", "fid-pd,lpips-pd,params")
    shown = measure(tmp_path, *words, methods="inade")
    assert shown.exit_code == 1
    assert re.fullmatch(r"error: inade \(tiny\) on .*, fid-pd: FID needs at least 2 .*\n", shown.stderr)
    assert {record.metric for record in records(tmp_path)} == {"lpips-pd", "params"}
    assert "failed: FID needs at least 2" in shown.stdout


def test_a_number_that_does_not_exist_on_a_device_is_skipped_with_the_reason(tmp_path):
    shown = measure(tmp_path, "--metrics", "memory,params", methods="inade")
    assert shown.exit_code == 0
    assert "skipped: no value for this method, data set or device" in shown.stdout


def test_a_limit_beyond_the_data_is_no_limit(tmp_path):
    plain = measure(tmp_path, "--limit", "100", "--metrics", "params", methods="inade")
    assert "[:100]" not in plain.stdout
    assert records(tmp_path)[0].cell.limit is None


def test_a_name_given_twice_is_measured_once(tmp_path):
    measure(tmp_path, "--metrics", "params,params", methods="inade, inade")
    assert len(records(tmp_path)) == 1


def test_a_dry_run_says_what_is_there_and_writes_nothing(finished, tmp_path):
    assert "9 metrics, 0 on record" not in measure(finished, "--dry-run").stdout
    shown = measure(tmp_path / "out", "--dry-run", "--metrics", "params,lpips-pd", methods="inade")
    assert "2 metrics, 0 on record, 6 layouts" in shown.stdout
    assert not (tmp_path / "out").exists()


def test_json_lists_the_records(finished):
    listed = json.loads(measure(finished, "--json").stdout)
    assert len(listed) == len(records(finished))
    assert {entry["status"] for entry in listed} == {"done"}


def test_a_derived_protocol_goes_by_the_name_that_tables_print(tmp_path):
    measure(tmp_path, "--metrics", "params", "--protocol", "mini+lpips.groups=2", methods="inade")
    assert records(tmp_path)[0].cell.protocol.startswith("mini+lpips.groups=2+region.layouts=2")


def test_many_settings_do_not_break_the_name_of_the_table(tmp_path):
    words = [word for _ in range(12) for word in ("--set", "fid.reference_limit=2000")]
    assert measure(tmp_path, "--metrics", "params", *words, methods="inade").exit_code == 0
    assert all(len(name) < 200 for name in tables(tmp_path))


# Reference statistics


def test_reference_statistics_are_kept_and_rebuilt_when_the_data_changes(tmp_path, monkeypatch):
    words = ("--metrics", "fid-pd")
    assert measure(tmp_path, *words, methods="truth").exit_code == 0
    (first,) = (tmp_path / "cache").iterdir()
    written = first.stat().st_mtime_ns
    read, loader = [], Paperdolls.loader

    def watched(self, index):
        read.append(self.split)
        return loader(self, index)

    monkeypatch.setattr(Paperdolls, "loader", watched)
    assert measure(tmp_path, *words, "--fresh", methods="truth").exit_code == 0
    assert set(read) == {"val"}
    assert first.stat().st_mtime_ns == written
    fingerprint = Paperdolls.fingerprint
    monkeypatch.setattr(Paperdolls, "fingerprint", lambda self: fingerprint(self) + "other")
    assert measure(tmp_path, *words, methods="truth").exit_code == 0
    assert set(read) == {"val", "train"}
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("damage", ["empty", "half", "text"])
def test_damaged_reference_statistics_are_made_again(tmp_path, damage):
    words = ("--metrics", "fid-pd", "--fresh")
    assert measure(tmp_path, *words, methods="truth").exit_code == 0
    (path,) = (tmp_path / "cache").iterdir()
    whole, before = path.read_bytes(), values(tmp_path)
    path.write_bytes({"empty": b"", "half": whole[: len(whole) // 2], "text": b"not an archive"}[damage])
    assert measure(tmp_path, *words, methods="truth").exit_code == 0
    assert values(tmp_path) == before
    with np.load(path) as arrays:
        assert set(arrays.files) == {"mu", "sigma", "count", "factor", "features"}
