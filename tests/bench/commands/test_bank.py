"""`bench bank`, and how training and measuring find its file."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file

from bench.commands.cli import cli
from bench.common.files import sha256_of
from bench.datasets.paperdolls.dataset import open_paperdolls
from bench.results.store import RecordStore
from bench.weights.tensors import write_tensors
from models.sims.bank import Bank
from models.sims.method import SIMS

RECIPE = replace(SIMS.tiny_recipe, batch=2, epochs=1, decay_epochs=0, epoch_images=4)
TRAIN = ("train", "--method", "sims", "--device", "cpu")


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words], prog_name="bench")


def measure(out, *words):
    small = ("--limit", 2, "--num-workers", 0, "--device", "cpu", "--metrics", "segmentation-pd")
    return run("run", "--methods", "sims", "--dataset", "paperdolls", "--out", out, *small, *words)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder with a bank of six photos and what two steps of training made of it."""
    folder = tmp_path_factory.mktemp("sims") / "run"
    shown = run("bank", "--dataset", "paperdolls", "--items", 6, "-o", folder / "bank.safetensors")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"{folder / 'bank.safetensors'}: ")
    assert shown.stdout.endswith(" segments of 6 photos\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
        shown = run(*TRAIN, "--out", folder)
    assert (shown.exit_code, shown.stderr) == (0, "")
    return folder


def test_bank_holds_the_first_photos_of_the_training_split(trained):
    bank, items = Bank.of_tensors(load_file(trained / "bank.safetensors")), open_paperdolls("train")
    assert len(bank.photos) == 6
    for number in range(6):
        assert np.array_equal(bank.photos[number], items[number].image)
        assert np.array_equal(bank.labels(number), items[number].labels)
    with safe_open(trained / "bank.safetensors", "pt") as file:
        assert file.metadata()["made by"].startswith("bench bank --dataset paperdolls --items 6 ")


def test_training_records_the_bank_it_draws_from(trained):
    record = json.loads((trained / "weights.json").read_text())
    assert record["bank"] == sha256_of(trained / "bank.safetensors")
    assert record["steps"] == 2
    assert not [name for name in load_file(trained / "weights.safetensors") if "bank" in name]


def test_training_goes_on_with_the_same_bank_alone(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
    shutil.copytree(trained, tmp_path / "run")
    assert run(*TRAIN, "--out", tmp_path / "run", "--resume").exit_code == 0
    run("bank", "--dataset", "paperdolls", "--items", 5, "-o", tmp_path / "run" / "bank.safetensors")
    shown = run(*TRAIN, "--out", tmp_path / "run", "--resume")
    assert shown.exit_code == 2
    assert "other settings (bank)" in shown.stderr


def test_images_are_drawn_from_the_bank_beside_the_weights(trained, tmp_path):
    weights = ("--weights", f"sims={trained / 'weights.safetensors'}")
    shown = measure(tmp_path / "a", *weights)
    assert (shown.exit_code, shown.stderr) == (0, "")
    (record,) = RecordStore(tmp_path / "a")
    files = [trained / name for name in ("weights.safetensors", "bank.safetensors")]
    assert record.weights == " ".join(map(sha256_of, files))
    shutil.copytree(trained, tmp_path / "run")
    run("bank", "--dataset", "paperdolls", "--items", 1, "-o", tmp_path / "run" / "bank.safetensors")
    assert measure(tmp_path / "b", "--weights", f"sims={tmp_path / 'run' / 'weights.safetensors'}").exit_code == 0
    (other,) = RecordStore(tmp_path / "b")
    assert other.key != record.key
    assert other.values != record.values


def test_without_a_bank_the_way_to_one_is_shown(trained, tmp_path):
    shutil.copy(trained / "weights.safetensors", tmp_path)
    for shown in (
        measure(tmp_path / "out", "--weights", f"sims={tmp_path / 'weights.safetensors'}"),
        run(*TRAIN, "--out", tmp_path),
    ):
        assert shown.exit_code == 2
        wanted = f"`bench bank --dataset paperdolls -o {tmp_path / 'bank.safetensors'}`"
        assert shown.stderr.startswith("error: SIMS draws from training photos, expected in ")
        assert wanted in shown.stderr


def test_another_file_is_no_bank(trained, tmp_path):
    shutil.copy(trained / "weights.safetensors", tmp_path)
    shutil.copy(trained / "weights.safetensors", tmp_path / "bank.safetensors")
    shown = measure(tmp_path / "out", "--weights", f"sims={tmp_path / 'weights.safetensors'}")
    assert shown.exit_code == 2
    assert f"{tmp_path / 'bank.safetensors'} is not the bank of this network: It holds generator." in shown.stderr
    (tmp_path / "bank.safetensors").write_bytes((trained / "bank.safetensors").read_bytes()[:1000])
    shown = measure(tmp_path / "out", "--weights", f"sims={tmp_path / 'weights.safetensors'}")
    assert shown.exit_code == 2
    assert "not a whole safetensors file" in shown.stderr


def test_untrained_it_draws_without_a_bank(tmp_path):
    shown = measure(tmp_path, "--untrained")
    assert (shown.exit_code, shown.stderr) == (0, "")


def test_the_ordering_network_must_be_there_where_it_is_asked(tmp_path):
    folder = tmp_path / "sims-ordered" / "cityscapes"
    write_tensors(folder / "synthesis.ckpt.safetensors", {}, {})
    from bench.common.errors import UserError
    from bench.synthesis.methods import find_method_weights
    from models.sims.method import SIMS_ORDERED

    def look():
        return find_method_weights(SIMS_ORDERED, "cityscapes", "paper", tmp_path, None, untrained=False)

    with pytest.raises(UserError, match=r"synthesis\.ckpt\.safetensors and order\.ckpt\.safetensors of the authors"):
        look()
    write_tensors(folder / "order.ckpt.safetensors", {}, {})
    with pytest.raises(UserError, match="bench bank --dataset cityscapes"):
        look()
    write_tensors(folder / "bank.safetensors", {}, {})
    weights = look()
    assert [network for network, _, _ in weights.files] == ["generator", "order"]
    assert weights.bank == folder / "bank.safetensors"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--dataset", "paperdolls2"), "for evaluation only: gather the photos of paperdolls."),
        (("--dataset", "paperdoll"), "Did you mean 'paperdolls'?"),
        (("--dataset", "paperdolls", "--preset", "paper"), "SIMS has no network of the paper's size for paperdolls"),
        (("--dataset", "paperdolls", "--items", "0"), "--items"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_file(tmp_path, words, expected):
    shown = run("bank", *words, "-o", tmp_path / "bank.safetensors")
    assert shown.exit_code == 2
    assert expected in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
