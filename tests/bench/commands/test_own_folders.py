"""A folder of the user's goes through every command; networks come from those of the papers where they fit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from small_runs import bench, records, values

from bench.common.catalog import methods, resolve, title_of
from bench.common.errors import UserError
from bench.datasets.find import find_dataset
from bench.synthesis.sizes import config_for
from models.clade import CLADE
from models.inade import INADE
from models.pix2pixhd import PIX2PIXHD
from models.spade import SPADE, VSPADE

TEXT = 'title = "Facades"\nclasses = ["ground", "wall", "door"]\nsize = [64, 32]\n'


def make(root, text=TEXT):
    """Five photos per split."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("img", "label", "inst"):
            (root / "facades" / f"{split}_{kind}").mkdir(parents=True)
        for number in range(5):
            labels = rng.integers(0, 3, (8, 4), np.uint8).repeat(8, 0).repeat(8, 1)
            pictures = {"img": rng.integers(0, 256, (64, 32, 3), np.uint8), "label": labels, "inst": labels + 3}
            for kind, pixels in pictures.items():
                Image.fromarray(pixels).save(root / "facades" / f"{split}_{kind}" / f"{number}.png")
    (root / "facades" / "dataset.toml").write_text(text)
    return root


@pytest.fixture
def root(tmp_path):
    return make(tmp_path)


def test_methods_are_measured_on_it(root, tmp_path):
    words = ("--dataset", "folder:facades", "--data-root", root, "--out", tmp_path / "out", "--device", "cpu")
    metrics = ("--metrics", "fid-pd,lpips-pd,params", "--repeats", "2", "--limit", "3")
    shown = bench("run", "--methods", "real,spade", "--untrained", *words, *metrics, "--num-workers", "0")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert {record.cell.dataset for record in records(tmp_path / "out")} == {"folder-facades"}
    found = values(tmp_path / "out")
    assert found["real", "params_m"] == 0
    assert found["spade", "params_m"] > 90  # the paper's network
    assert 0 <= found["real", "fid_pd"] < found["spade", "fid_pd"]
    tables = {path.name for path in (tmp_path / "out" / "tables").iterdir()}
    assert tables == {f"folder-facades-inade2021+repeats=2.{ending}" for ending in ("csv", "tex", "txt")}


@pytest.mark.parametrize("spec", [SPADE, VSPADE, PIX2PIXHD, CLADE, INADE], ids=lambda spec: spec.name)
@pytest.mark.parametrize("more", ["", 'instances = "{split}_inst"\ndont_care = 255\n'], ids=["plain", "more"])
def test_the_network_is_that_of_ade20k_for_other_classes_and_another_size(root, spec, more):
    (root / "facades" / "dataset.toml").write_text(TEXT + more)
    data = find_dataset("folder:facades", root)
    fitted = {"num_classes": 4 if more else 3, "height": 64, "width": 32}
    fitted |= {"edges": bool(more)} if hasattr(spec.tiny, "edges") else {}
    assert config_for(spec, data, "paper") == replace(spec.configs["ade20k"], **fitted)


@pytest.mark.parametrize("name", ["groupdnet", "bicyclegan", "dscgan", "mulnet"])
def test_a_network_that_depends_on_the_classes_says_so(root, name):
    spec = resolve("method", methods(), name)
    with pytest.raises(
        UserError, match=rf"{title_of(spec.name)}'s network depends on the classes: folder-facades needs a config"
    ):
        config_for(spec, find_dataset("folder:facades", root), "paper")


def test_the_truth_of_a_folder_is_not_known(root):
    with pytest.raises(UserError, match="it has one for: none"):
        config_for(resolve("method", methods(), "truth"), find_dataset("folder:facades", root), "paper")


def test_tiny_networks_are_for_the_built_in_data(root):
    with pytest.raises(UserError, match="tiny preset is for paperdolls"):
        config_for(SPADE, find_dataset("folder:facades", root), "tiny")


def test_a_size_that_no_network_draws_is_refused(root):
    (root / "facades" / "dataset.toml").write_text(TEXT.replace("64, 32", "64, 40"))
    data = find_dataset("folder:facades", root)
    with pytest.raises(UserError, match="SPADE draws multiples of 32 pixels; folder-facades has the size 64 x 40"):
        config_for(SPADE, data, "paper")
    config_for(resolve("method", methods(), "real"), data, "paper")  # photos have any size


def test_its_files_are_verified(root):
    words = ("data", "verify", "folder:facades", "--data-root", root, "--num-workers", "0")
    assert bench(*words).stdout == "folder-facades val: 5 items, nothing wrong\n"
    (root / "facades" / "val_img" / "3.png").unlink()
    shown = bench(*words)
    assert (shown.exit_code, "'3'" in shown.stdout) == (1, True)


def test_it_is_shown(root, tmp_path):
    assert bench("data", "show", "folder:facades", "--data-root", root, "-o", tmp_path / "a.png").exit_code == 0
    assert np.asarray(Image.open(tmp_path / "a.png")).shape[2] == 3


def test_the_doctor_finds_it_and_says_where_weights_belong(root):
    words = ("--methods", "spade", "--dataset", "folder:facades", "--data-root", root, "--device", "cpu", "--json")
    shown = bench("doctor", *words, "--weights-root", root / "weights")
    checks = {check["subject"]: check for check in json.loads(shown.stdout)}
    assert checks["data folder-facades"]["text"] == "5 layouts"
    assert str(root / "weights" / "spade" / "folder-facades") in checks["method spade on folder-facades"]["text"]


def test_images_of_it_are_drawn(root, tmp_path):
    words = ("--dataset", "folder:facades", "--data-root", root, "-o", tmp_path / "grid.png", "--device", "cpu")
    shown = bench("sample", "--method", "real", *words, "--items", "2", "--samples", "2")
    assert (shown.exit_code, shown.stderr) == (0, "")


def test_a_wrong_description_is_one_line_of_any_command(root):
    (root / "facades" / "dataset.toml").write_text(TEXT + "dont_care = 1\n")
    for words in (("run", "--methods", "real"), ("train", "--method", "spade"), ("doctor", "--methods", "real")):
        shown = bench(*words, "--dataset", "folder:facades", "--data-root", root)
        assert shown.exit_code == 2
        assert shown.stderr.count("\n") == 1
        assert f"{root / 'facades' / 'dataset.toml'}: 'dont_care' is 1; expected" in shown.stderr


def test_training_on_it_can_be_evaluated(root, tmp_path, monkeypatch):
    recipe = replace(SPADE.tiny_recipe, batch=2, epochs=1, decay_epochs=0, epoch_images=2)
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: recipe)
    monkeypatch.setattr("bench.training.start.config_for", lambda *_: replace(SPADE.tiny, num_classes=3, width=32))
    monkeypatch.setattr("bench.evaluation.plan.config_for", lambda *_: replace(SPADE.tiny, num_classes=3, width=32))
    words = ("--dataset", "folder:facades", "--data-root", root, "--out", tmp_path / "run", "--device", "cpu")
    watched = ("--eval-every", "1", "--eval-metrics", "params", "--num-workers", "0")
    shown = bench("train", "--method", "spade", *words, *watched)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert (tmp_path / "run" / "metrics.csv").is_file()
