"""`bench confusion`: matrices read again, and label maps of other programs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bench.commands.cli import cli
from bench.common.catalog import resolve
from bench.datasets import DATASETS
from bench.datasets.base import Dataset, DatasetSpec, Item
from bench.evaluation.confusion import scored_names
from bench.results.provenance import Provenance
from bench.results.records import Cell, Record

# Class 2 is predicted but never a label, class 3 is neither. IoU: 6/9, 3/5, 0, none.
COUNTS = np.array([[6, 1, 1, 0], [1, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.int64)
IOUS = [100 * 6 / 9, 60.0, 0.0]
NUMBERS = {
    "miou_nan_union": 100 * (6 / 9 + 3 / 5) / 3,
    "miou_all_classes": 100 * (6 / 9 + 3 / 5) / 4,
    "miou_gt_present": 100 * (6 / 9 + 3 / 5) / 2,
    "acc_valid": 75.0,
    "acc_all": 60.0,
    "acc_class": 75.0,
    "iou_weighted": 100 * (8 / 12 * 6 / 9 + 4 / 12 * 3 / 5),
    "valid": 80.0,
}


def bench(*words):
    return CliRunner().invoke(cli, [str(word) for word in words], prog_name="bench")


@pytest.fixture
def file(tmp_path):
    """Matrices of two runs, the second perfect."""
    path = tmp_path / "0123.npz"
    np.savez(path, confusion=np.stack([COUNTS, np.diag([1, 1, 2, 0]).astype(np.int64)]), void=np.array([3, 0]))
    return path


def test_every_number_of_every_run_and_their_mean(file):
    done = bench("confusion", file, "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["runs"][0] == pytest.approx(NUMBERS)
    assert set(found["runs"][1].values()) == {100.0, 75.0}  # 75: the mean over all classes, one of which is absent
    assert found["mean"]["miou_gt_present"] == pytest.approx((NUMBERS["miou_gt_present"] + 100) / 2)
    assert found["iou"][0][:3] == pytest.approx(IOUS)
    assert found["iou"][0][3] is None
    assert found["classes"] == ["class 0", "class 1", "class 2", "class 3"]


def test_the_table_has_a_line_for_every_run_and_the_mean(file):
    lines = bench("confusion", file).stdout.splitlines()
    assert lines[0].split() == ["run", *NUMBERS]
    assert lines[1].split() == ["1", *(f"{value:.2f}" for value in NUMBERS.values())]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "mean"]
    assert lines[3].split()[4] == "87.50"


def record(path, dataset):
    provenance = Provenance(None, None, {}, "", "", "cpu", "", 0.0)
    cell = Cell("real", "paper", dataset, "inade2021")
    made = Record(path.stem, cell, "segmentation", 2, "done", "none", provenance, values={"miou": 1.0})
    path.with_suffix(".json").write_text(made.to_json())


def test_classes_are_named_by_the_record_beside(file, tmp_path):
    path = tmp_path / "eight.npz"
    np.savez(path, confusion=np.eye(8, dtype=np.int64)[None], void=np.zeros(1, np.int64))
    record(path, "deepfashion")
    lines = bench("confusion", path, "--per-class").stdout.splitlines()
    assert len(lines) == 2 + 1 + 9  # one run needs no mean
    assert lines[-8].split() == ["background", "100.00"]
    assert lines[-5].split() == ["top", "clothes", "100.00"]
    record(path, "a folder that is gone")
    assert bench("confusion", path, "--per-class").stdout.splitlines()[-1].split() == ["class", "7", "100.00"]
    lines = bench("confusion", path, "--per-class", "--dataset", "deepfashion").stdout.splitlines()
    assert lines[-1].split() == ["socks", "100.00"]
    path.with_suffix(".json").write_text("{}")
    assert "eight.json is not a record" in bench("confusion", path).stderr
    done = bench("confusion", file, "--dataset", "deepfashion")
    assert "counts 4 classes, but the data set has 8" in done.stderr


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"confusion": COUNTS[None]},
        {"confusion": COUNTS, "void": np.zeros(4, np.int64)},
        {"confusion": COUNTS[None, :3], "void": np.zeros(1, np.int64)},
        {"confusion": COUNTS[None].astype(float), "void": np.zeros(1, np.int64)},
        {"confusion": -COUNTS[None], "void": np.zeros(1, np.int64)},
        {"confusion": np.array([["a"]]), "void": np.zeros(1, np.int64)},
    ],
)
def test_other_files_are_refused(tmp_path, arrays):
    path = tmp_path / "other.npz"
    np.savez(path, **arrays)
    done = bench("confusion", path)
    assert done.exit_code == 2
    assert f"{path} holds no confusion matrices" in done.stderr
    path.write_bytes(path.read_bytes()[:40])
    assert "holds no confusion matrices" in bench("confusion", path).stderr


def test_a_run_without_scored_pixels_is_said(tmp_path):
    path = tmp_path / "empty.npz"
    np.savez(path, confusion=np.zeros((1, 4, 4), np.int64), void=np.array([9]))
    assert "Run 1 has no pixel with a label that is scored" in bench("confusion", path).stderr


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def root(tmp_path):
    """Two test persons of DeepFashion: the left half top clothes, below them shoes."""
    labels = np.zeros((256, 256), np.uint8)
    labels[:, :128] = 3
    labels[200:, :128] = 6
    for name in ("p1", "p2"):
        save(tmp_path / "deepfashion" / "test_img" / f"{name}.jpg", np.full((256, 256, 3), 90, np.uint8))
        save(tmp_path / "deepfashion" / "test_label" / f"{name}.png", labels)
    return tmp_path


def labels_of(root, name):
    return np.array(Image.open(root / "deepfashion" / "test_label" / f"{name}.png"))


def score(root, folder, *words):
    return bench("confusion", folder, "--dataset", "deepfashion", "--data-root", root, *words)


def test_label_maps_of_a_folder_are_scored_against_the_data_set(root):
    folder = root / "parsed"
    for name in ("p1", "p2"):
        save(folder / f"{name}.png", labels_of(root, name))
    wrong = labels_of(root, "p2")
    wrong[0] = 0
    save(folder / "p2.png", wrong)
    save(folder / "p3.png", wrong)  # of another item; it does not matter
    done = score(root, folder, "--json", "-o", root / "made.npz")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    (run,) = found["runs"]
    assert run["acc_valid"] == pytest.approx(100 * (1 - 128 / (2 * 256 * 256)))
    top, background = 2 * 200 * 128, 2 * 256 * 128
    assert found["iou"][0][3] == pytest.approx(100 * (top - 128) / top)
    assert found["iou"][0][0] == pytest.approx(100 * background / (background + 128))
    assert found["classes"][3] == "top clothes"
    again = json.loads(bench("confusion", root / "made.npz", "--json").stdout)
    assert again["runs"] == found["runs"]


def test_the_classes_of_cihp_are_merged(root):
    folder = root / "parsed"
    for name in ("p1", "p2"):
        ids = labels_of(root, name)
        cihp = np.zeros_like(ids)
        cihp[ids == 3] = np.random.default_rng(0).choice([3, 5, 6, 7, 11], (ids == 3).sum())
        cihp[ids == 6] = np.random.default_rng(0).choice([18, 19], (ids == 6).sum())
        save(folder / f"{name}.png", cihp)
    found = json.loads(score(root, folder, "--classes", "cihp", "--json").stdout)
    assert found["mean"]["miou_nan_union"] == found["mean"]["acc_valid"] == 100
    assert "holds the class" in score(root, folder).stderr  # 8 to 19 are no classes of the data set
    done = bench("confusion", folder, "--dataset", "paperdolls", "--classes", "cihp")
    assert "which paperdolls does not have" in done.stderr


def test_runs_are_scored_one_by_one_in_their_order(root):
    for number in range(1, 11):
        for name in ("p1", "p2"):
            labels = labels_of(root, name)
            labels[:number] = 0
            save(root / "parsed" / f"run{number}" / f"{name}.png", labels)
    found = json.loads(score(root, root / "parsed", "--json").stdout)
    shares = [row["acc_valid"] for row in found["runs"]]
    assert shares == pytest.approx([100 * (1 - 128 * number / 256**2) for number in range(1, 11)])


def test_missing_predictions_are_counted_and_one_is_named(root):
    save(root / "parsed" / "run1" / "p1.png", labels_of(root, "p1"))
    save(root / "parsed" / "run2" / "p2.png", labels_of(root, "p2"))
    done = score(root, root / "parsed")
    assert done.exit_code == 2
    assert "lacks 2 of 4 predictions for deepfashion val" in done.stderr
    assert str(root / "parsed" / "run2" / "p1.png") in done.stderr


def test_what_is_wrong_with_a_prediction_is_said_of_its_file(root):
    good, bad = root / "parsed" / "p1.png", root / "parsed" / "p2.png"
    save(good, labels_of(root, "p1"))
    for pixels, words in (
        (labels_of(root, "p2")[::2], "is 128x256; expected 256x256, the size of its label map"),
        (np.full((256, 256), 8, np.uint8), "holds the class 8; expected 0 to 7"),
        (np.full((256, 256, 3), (1, 2, 3), np.uint8), "is a colour picture"),
    ):
        save(bad, pixels)
        done = score(root, root / "parsed")
        assert done.exit_code == 2
        assert f"{bad} {words}" in done.stderr
    bad.write_text("no picture")
    assert f"{bad} cannot be read as an image" in score(root, root / "parsed").stderr


def test_a_folder_needs_a_data_set_and_must_exist(root):
    assert "name the data set of its label maps with --dataset" in bench("confusion", root).stderr
    assert f"No folder {root / 'nothing'}" in score(root, root / "nothing").stderr


class Street(Dataset):
    """One item of a Cityscapes of two scored classes: the file is twice as large as what networks see."""

    split, size = "val", (4, 8)

    def __init__(self, spec):
        self.spec = spec

    def __len__(self):
        return 1

    def __getitem__(self, index):
        stored = np.zeros((8, 16), np.uint8)
        stored[:, 8:], stored[0] = 1, 2
        image = np.zeros((4, 8, 3), np.uint8)
        labels = stored[::2, ::2].copy()
        return Item("aachen/aachen_000000_000019_leftImg8bit", labels, labels.astype(np.int32), image, stored)


@pytest.fixture
def street(monkeypatch):
    names, colours = ("road", "car", "nothing"), ((0, 0, 0),) * 3
    spec = DatasetSpec(
        "street", "Street", names, colours, (4, 8), lambda split, root: Street(spec), (1, 0, -1), "cityscapes"
    )
    monkeypatch.setattr("bench.commands.confusion.find_dataset", lambda name, data_root: spec)


@pytest.mark.usefixtures("street")
@pytest.mark.parametrize(("step", "void"), [(1, 16), (2, 8)])
def test_streets_are_known_by_three_fields_and_scored_at_the_size_of_their_predictions(tmp_path, step, void):
    predicted = np.ones((8, 16), np.uint8)
    predicted[:, 8:], predicted[0] = 0, 255  # what is not scored may hold anything
    path = tmp_path / "parsed" / "aachen_000000_000019_gtFine_labelIds.png"
    save(path, np.ascontiguousarray(predicted[::step, ::step]))
    save(path.with_name("aachen_000000_000020_gtFine_labelIds.png"), predicted)  # the next one
    found = json.loads(bench("confusion", tmp_path / "parsed", "--dataset", "street", "--json").stdout)
    assert found["mean"]["acc_valid"] == 100
    total = 8 * 16 // step**2
    assert found["mean"]["valid"] == pytest.approx(100 * (1 - void / total))
    assert found["classes"] == ["car", "road"]


@pytest.mark.usefixtures("street")
def test_two_files_of_one_street_are_refused(tmp_path):
    for ending in ("color", "pred"):
        save(tmp_path / f"aachen_000000_000019_{ending}.png", np.zeros((4, 8), np.uint8))
    done = bench("confusion", tmp_path, "--dataset", "street")
    assert "two files for one item, aachen_000000_000019_color.png and aachen_000000_000019_pred.png" in done.stderr


def test_every_data_set_has_a_name_for_every_class_that_is_scored():
    specs = [resolve("dataset", DATASETS, name) for name in DATASETS]
    for spec in (spec for spec in specs if spec.num_classes):  # a folder of the user's names its own
        assert len(scored_names(spec)) == len({row for row in spec.scored_as if row >= 0} or spec.class_names)
