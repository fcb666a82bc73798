"""The running mean of a method's weights, where its recipe asks for one."""

import itertools
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from small_runs import bench

from bench.datasets.paperdolls.dataset import open_paperdolls
from bench.training.trainer import Trainer, TrainingOptions
from models.oasis import OASIS, oasis_stages

CONFIG = replace(OASIS.tiny, stages=oasis_stages(2, (8, 8, 8, 4, 2, 1)), hidden=4, z_size=3)
# Two epochs of three steps.
RECIPE = replace(OASIS.tiny_recipe, batch=2, epochs=2, epoch_images=6, discriminator_width=4, average=0.75)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums of other numbers of threads differ in their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trainer(folder, recipe=RECIPE, config=CONFIG):
    made = Trainer(OASIS.build(config), recipe, open_paperdolls("train", None), TrainingOptions(folder=folder))
    made.objective.train()
    return made


def copied(method):
    return {name: value.clone() for name, value in method.state_dict().items()}


def test_average_moves_a_share_of_the_way_after_every_step(tmp_path):
    made = trainer(tmp_path)
    expected = copied(made.objective.method)
    for batch in itertools.islice(made.batches(), 3):
        made.train_step(batch)
        made.step += 1
        for name, value in copied(made.objective.method).items():
            followed = 0.75 * expected[name] + 0.25 * value if value.is_floating_point() else value
            expected[name] = followed
    found = made.result.state_dict()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)
    assert {"weight_u", "running_mean"} <= {name.rpartition(".")[2] for name in found}


def test_average_is_what_pictures_show(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("bench.training.trainer.write_grid", lambda path, method, *_: drawn.append(method))
    made = trainer(tmp_path)
    made.options = replace(made.options, grid_every=2)
    made.train(lambda *_: None)
    assert len(drawn) == 3
    assert set(map(id, drawn)) == {id(made.result)} != {id(made.objective.method)}
    assert not made.result.training


def test_without_an_average_the_trained_method_is_the_result(tmp_path):
    made = trainer(tmp_path, replace(RECIPE, average=None))
    assert made.result is made.objective.method


def test_an_epoch_ends_with_statistics_of_the_averages_own_features(tmp_path, monkeypatch):
    states = []
    for batches in (0, 51):
        monkeypatch.setattr("bench.training.trainer._REFRESHING_BATCHES", batches)
        made = trainer(tmp_path / str(batches), replace(RECIPE, epochs=1))
        made.train(lambda *_: None)
        assert not made.result.training
        states.append(made.result.state_dict())
    stale, fresh = states
    for name, value in fresh.items():
        kind = name.rpartition(".")[2]
        if kind == "num_batches_tracked":
            assert value == stale[name] + 51
        elif kind in ("running_mean", "running_var"):
            assert not torch.equal(value, stale[name])
        elif kind not in ("weight_u", "weight_v"):
            assert torch.equal(value, stale[name]), name


def test_a_resumed_run_has_the_bits_of_an_unbroken_one_and_exports_its_average(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
    monkeypatch.setattr("bench.training.start.config_for", lambda *_: CONFIG)
    monkeypatch.setattr("bench.training.trainer._REFRESHING_BATCHES", 2)
    words = ("--method", "oasis", "--device", "cpu", "--out")
    assert bench("train", *words, tmp_path / "whole").exit_code == 0
    save = Trainer.save

    def stopping(self):
        save(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "save", stopping)
        bench("train", *words, tmp_path / "cut")
    assert torch.load(tmp_path / "cut" / "last.pt", weights_only=True)["step"] == 3
    assert bench("train", *words, tmp_path / "cut", "--resume").exit_code == 0
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    state = torch.load(tmp_path / "whole" / "last.pt", weights_only=True)
    assert whole.keys() == cut.keys() == state["average"].keys()
    for name, value in whole.items():
        assert torch.equal(value, cut[name])
        assert torch.equal(value, state["average"][name])
    assert any(not torch.equal(value, state["networks"][f"method.{name}"]) for name, value in whole.items())
