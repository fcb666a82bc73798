"""Whatever is wrong with what a user gives: one clear line, the right code, and no finished number lost."""

from __future__ import annotations

import errno
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import SMALL, bench, measure, records, tables, times

from bench.evaluation.measure import Session
from models.groupdnet.method import GroupDNet
from models.inade import INADE, Inade
from models.spade import SPADE

QUICK = ("--metrics", "lpips-pd")


def refused(shown, *words, code=2):
    """Check that a run ended with one line that holds all words."""
    assert shown.exit_code == code
    assert shown.stderr.startswith("error: ")
    assert shown.stderr.count("\n") == 1
    assert "Traceback" not in shown.stderr
    for word in words:
        assert str(word) in shown.stderr


# Names


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--methods", "inad"), "Unknown method 'inad'. Did you mean 'inade'?"),
        (("--dataset", "paperdoll2"), "Unknown dataset 'paperdoll2'. Did you mean 'paperdolls2'?"),
        (("--metrics", "fidpd"), "Unknown metric 'fidpd'. Did you mean 'fid-pd'?"),
        (("--protocol", "inade2012"), "Unknown protocol 'inade2012'. Did you mean 'inade2021'?"),
        (("--set", "fid.real_splt=val"), "Unknown protocol field 'fid.real_splt'. Did you mean 'fid.real_split'?"),
        (("--set", "fid.real_split=test"), "fid.real_split cannot be 'test'; choose one of: "),
        (("--set", "repeats"), "write field=value"),
        (("--weights", "inad=x.pth"), "Unknown method 'inad'. Did you mean 'inade'?"),
        (("--weights", "inade"), "write METHOD=FILE"),
        (("--methods", ","), "name at least one"),
        (("--dataset", ""), "name at least one"),
        (("--metrics", " "), "name at least one"),
        (("--device", "cuda:99"), "Device 'cuda:99' cannot be used here"),
        (("--device", "gpu"), "Device 'gpu' cannot be used here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_name_is_refused_with_the_nearest_right_one(tmp_path, words, expected):
    refused(measure(tmp_path / "out", *words), expected)
    assert not (tmp_path / "out").exists()


# Data that is not there, or not whole


def test_missing_data_is_said_with_the_folder_and_both_ways_out(tmp_path):
    shown = measure(tmp_path / "out", "--data-root", tmp_path, "--preset", "paper", dataset="deepfashion2")
    refused(shown, tmp_path / "deepfashion2", "bench data prepare deepfashion2", "--dataset paperdolls2")


def fake_deepfashion2(root, count=3):
    rng = np.random.default_rng(0)
    for kind in ("img", "label", "inst"):
        folder = root / "deepfashion2" / f"test_{kind}"
        folder.mkdir(parents=True)
        for index in range(count):
            shape = (256, 256, 3) if kind == "img" else (256, 256)
            pixels = rng.integers(0, 8, shape).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A made-up deepfashion2; the pass over it is a small network's, as the paper's takes minutes."""
    monkeypatch.setattr("bench.synthesis.sizes.choose_config", lambda spec, *_: spec.tiny)
    return fake_deepfashion2(tmp_path / "data")


def measure_folder(out, root, *words):
    words = (*SMALL, "--metrics", "params", "--data-root", root, *words)
    return bench("run", "--methods", "truth", "--dataset", "deepfashion2", "--out", out, *words)


def test_the_tiny_networks_are_refused_for_real_data(tmp_path):
    root = fake_deepfashion2(tmp_path)
    shown = measure(tmp_path / "out", "--data-root", root, "--preset", "tiny", dataset="deepfashion2")
    refused(shown, "tiny preset is for paperdolls and paperdolls2", "--preset paper")


def test_the_papers_networks_without_weights_name_folder_and_files(tmp_path):
    root, weights = fake_deepfashion2(tmp_path), tmp_path / "weights"
    words = ("--methods", "inade", "--dataset", "deepfashion2", "--data-root", root, "--weights-root", weights)
    shown = bench("run", *words, "--metrics", "params", "--out", tmp_path / "out")
    refused(shown, weights / "inade" / "deepfashion", "weights.safetensors", *INADE.files["generator"], "--untrained")


def test_a_truncated_photo_is_named(tmp_path, folders):
    photo = folders / "deepfashion2" / "test_img" / "1.png"
    photo.write_bytes(photo.read_bytes()[:5000])
    refused(bench("run", *real(tmp_path, folders)), photo, "cannot be read as an image")


def real(out, root):
    """A run over folders that needs no weights: MACs read the first item, the pass reads all."""
    return (
        *("--methods", "inade", "--dataset", "deepfashion2", "--data-root", root, "--out", out / "out"),
        *(*SMALL, "--metrics", "segmentation-pd"),
    )


def test_a_label_out_of_range_is_named(tmp_path, folders):
    path = folders / "deepfashion2" / "test_label" / "2.png"
    Image.fromarray(np.full((256, 256), 9, np.uint8)).save(path)
    refused(bench("run", *real(tmp_path, folders)), path, "holds the label 9; expected 0 to 7")


def test_an_empty_folder_is_named(tmp_path):
    root = fake_deepfashion2(tmp_path, count=0)
    shown = measure(tmp_path / "out", "--data-root", root, "--preset", "paper", dataset="deepfashion2")
    refused(shown, root / "deepfashion2" / "test_img", "holds no images")


# Weights


class Harm:
    """A pickle that would write a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("wrap", [pickle.dump, torch.save], ids=["bare", "torch"])
def test_a_pickle_that_holds_code_is_refused_and_not_run(tmp_path, wrap):
    harm, weights = tmp_path / "harm", tmp_path / "weights.pth"
    with weights.open("wb") as file:
        wrap({"a": Harm(harm)}, file)
    refused(measure(tmp_path / "out", *QUICK, "--weights", f"inade={weights}", *trained()), weights, "refused")
    assert not harm.exists()


def trained():
    return ("--methods", "inade")


@pytest.fixture(autouse=True)
def small_runs_of_trained_networks(request, monkeypatch):
    """`--untrained` wins over `--weights`; the tests of weights do without it."""
    if "weights" in request.node.name or "pickle" in request.node.name:
        monkeypatch.setattr("small_runs.SMALL", SMALL[1:])


def test_missing_weights_are_named(tmp_path):
    refused(measure(tmp_path / "out", "--weights", "inade=nowhere.pth", *trained()), "nowhere.pth: no such weight file")


def test_weights_of_another_method_are_refused_with_the_keys(tmp_path):
    torch.save(SPADE.build(SPADE.tiny).state_dict(), tmp_path / "spade.pth")
    shown = measure(tmp_path / "out", *QUICK, "--weights", f"inade={tmp_path / 'spade.pth'}", *trained())
    refused(shown, "not the weights of this Inade", "missing keys: ", "unexpected keys: ", "right method")


# A method that fails, and a disk that does


def test_an_image_that_is_not_finite_fails_its_method_and_no_other(tmp_path, monkeypatch):
    synthesize, calls = GroupDNet.synthesize, []

    def broken(self, layout, style):
        images = synthesize(self, layout, style)
        calls.append(1)
        if len(calls) == 3:
            images = images.clone()
            images[0, 0, 5, 5] = float("nan")
        return images

    monkeypatch.setattr(GroupDNet, "synthesize", broken)
    words = ("--metrics", "lpips-pd,segmentation-pd,params", "--batch-size", "4")
    shown = measure(tmp_path, *words, methods="inade,groupdnet")
    refused(shown, "groupdnet (tiny)", "lpips-pd, segmentation-pd", "not finite", code=1)
    assert "] failed: Image " in shown.stdout
    found = {(record.cell.method, record.metric) for record in records(tmp_path)}
    assert found == {("inade", metric) for metric in ("lpips-pd", "segmentation-pd", "params")} | {
        ("groupdnet", "params")
    }


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_full_disk_stops_the_run_and_a_second_one_finishes(tmp_path, monkeypatch, function):
    assert measure(tmp_path / "unbroken", *QUICK, methods="truth,inade").exit_code == 0
    monkeypatch.setattr("bench.evaluation.shards.SHARD", 2)
    original, calls, out = getattr(os, function), [], tmp_path / "out"

    def full(*places):
        calls.append(places)
        if len(calls) >= 8:  # in the middle of the second method
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*places)

    with monkeypatch.context() as patched:
        patched.setattr(os, function, full)
        refused(measure(out, *QUICK, methods="truth,inade"), out, "the disk is full")
    assert [record.cell.method for record in records(out)] == ["truth"]
    assert not list(out.rglob("*.part"))
    before = times(out)
    assert measure(out, *QUICK, methods="truth,inade").exit_code == 0
    assert before.items() <= times(out).items()
    assert tables(out).keys() == tables(tmp_path / "unbroken").keys()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(Session, "_measure_cell", lambda *_, **__: pytest.fail("measured all the same"))
    refused(measure(tmp_path / "file" / "out", *QUICK), tmp_path / "file" / "out", "name another folder")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    refused(measure(tmp_path / "out", *QUICK), tmp_path, "permission denied")


def test_a_read_only_disk_is_refused(tmp_path, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "replace", read_only)
    refused(measure(tmp_path / "out", *QUICK), tmp_path / "out", "read-only")


def test_an_error_nobody_foresaw_is_one_line_and_keeps_the_records(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no kernel\nfor this device")

    monkeypatch.setattr(Inade, "synthesize", broken)
    shown = measure(tmp_path, *QUICK, methods="truth,inade")
    refused(shown, "RuntimeError: no kernel for this device", "--debug", code=1)
    assert [record.cell.method for record in records(tmp_path)] == ["truth"]
