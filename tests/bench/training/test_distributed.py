"""Several processes, or a batch in parts, train what one process trains with the same batch."""

from __future__ import annotations

import csv
import os
import re
import signal
import sys
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import few_steps
import pytest
import torch
from processes import children_of, finished, running, wait_until
from safetensors.torch import load_file
from small_runs import bench
from torch import nn

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.datasets.paperdolls.dataset import open_paperdolls
from bench.training.distributed import Ranks, SyncedBatchNorm2d, synchronise
from bench.training.trainer import Trainer, TrainingOptions
from models import METHODS
from models.parts.free_norms import LocalBatchNorm2d
from models.parts.spectral import Spectral

PROGRAM = Path(few_steps.__file__)
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(PROGRAM))


def words(method: str, out: Path, *more: str) -> tuple[str, ...]:
    return ("train", "--method", method, "--device", "cpu", "--out", str(out), "--num-workers", "0", *more)


def losses(folder: Path) -> list[dict[str, float]]:
    with (folder / "losses.csv").open() as file:
        return [{key: float(value) for key, value in line.items()} for line in csv.DictReader(file)]


@pytest.fixture
def alone(monkeypatch):
    """Train in this process, as the program does."""
    threads = torch.get_num_threads()
    for module, name in ((few_steps.starting, "choose_recipe"), (few_steps.starting, "TrainingOptions")):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    monkeypatch.setattr(few_steps.training, "_REFRESHING_BATCHES", 2)
    few_steps.prepare()
    yield lambda *arguments: bench(*arguments)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The folder that two processes train a method in, and what they print; once for every method."""

    @cache
    def trained(method):
        folder = tmp_path_factory.mktemp(method) / "run"
        code, output, errors = finished(*TORCHRUN, *words(method, folder))
        assert code == 0, errors
        return folder, output

    return trained


@pytest.mark.parametrize("method", ["vspade", "oasis"])
def test_two_processes_have_the_losses_and_weights_of_one(tmp_path, alone, together, method):
    one = tmp_path / "one"
    assert alone(*words(method, one)).exit_code == 0
    two, output = together(method)
    assert output.count("weights.safetensors") == 1  # only the first process speaks
    assert len(losses(one)) == len(losses(two)) == 6
    for expected, found in zip(losses(one), losses(two), strict=True):
        assert found == pytest.approx(expected, rel=2e-3, abs=2e-4)
    assert losses(two)[0] == pytest.approx(losses(one)[0], rel=1e-5)
    ours, theirs = load_file(one / "weights.safetensors"), load_file(two / "weights.safetensors")
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, rtol=0.02, atol=0.01, msg=name)
    assert (one / "run.json").read_bytes() == (two / "run.json").read_bytes()  # as many processes may go on with it


def test_a_killed_process_ends_all_in_words_and_the_rest_is_as_if_unbroken(tmp_path, together):
    broken = tmp_path / "broken"
    with running(*TORCHRUN, *words("vspade", broken)) as process:
        wait_until((broken / "last.pt").exists, process)
        os.kill(children_of(process.pid)[-1], signal.SIGKILL)
        _, err = process.communicate()
    assert process.returncode != 0
    assert re.search("error: Another process of this training ended early|SIGKILL|Signal 9", err)
    assert not (broken / "weights.safetensors").exists()
    code, _, err = finished(*TORCHRUN, *words("vspade", broken, "--resume"))
    assert code == 0, err
    whole, _ = together("vspade")
    ours, theirs = load_file(broken / "weights.safetensors"), load_file(whole / "weights.safetensors")
    assert all(torch.equal(theirs[name], value) for name, value in ours.items())
    assert losses(broken) == losses(whole)


def trainer(folder, method, accumulate, **changes):
    spec = resolve("method", METHODS, method)
    recipe = replace(spec.tiny_recipe, batch=4, epochs=1, decay_epochs=0, epoch_images=12, **changes)
    made = Trainer(
        spec.build(spec.tiny),
        recipe,
        open_paperdolls("train", None),
        TrainingOptions(folder=folder, accumulate=accumulate),
    )
    made.objective.train()
    return made


@pytest.mark.parametrize("method", ["groupdnet-groupnorm", "spade-norm-instance", "oasis", "scgan", "crn"])
def test_a_batch_in_parts_gives_the_update_of_the_whole(tmp_path, monkeypatch, method):
    """All but batch norm, which is put into evaluation here: the gradients of both players, spectral norm included."""
    monkeypatch.setattr("bench.training.trainer.Trainer._follow", lambda self: None)
    whole, parts = (trainer(tmp_path, method, count) for count in (1, 2))
    for made in (whole, parts):
        for module in made.objective.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    batch = next(islice(whole.batches(), 1))
    assert parts.train_step(batch) == pytest.approx(whole.train_step(batch), rel=1e-4, abs=1e-6)
    for player in ("method", "discriminator"):
        ours, theirs = (list(made.trained[player].parameters()) for made in (whole, parts))
        largest = max((float(p.grad.abs().max()) for p in ours if p.grad is not None), default=0.0)
        for one, other in zip(ours, theirs, strict=True):
            assert (one.grad is None) == (other.grad is None)
            if one.grad is not None:
                torch.testing.assert_close(other.grad, one.grad, rtol=1e-3, atol=1e-5 * largest)
    vectors = [[m.weight_u for m in made.trained.modules() if isinstance(m, Spectral)] for made in (whole, parts)]
    for ours, theirs in zip(*vectors, strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-3)


def test_parts_must_be_equal(tmp_path):
    with pytest.raises(UserError, match="4 images of a batch cannot be taken in 3 equal parts"):
        trainer(tmp_path, "spade", 3)
    with pytest.raises(UserError, match="A batch of 4 images cannot be shared by 3 processes"):
        Ranks(0, 3).share(4)


def test_accumulating_is_part_of_the_recipe_and_processes_are_not(tmp_path):
    assert trainer(tmp_path, "spade", 2).description()["accumulate"] == 2
    assert "accumulate" not in trainer(tmp_path, "spade", 1).description()


def test_norms_that_are_local_on_purpose_stay_so():
    network = nn.Sequential(nn.BatchNorm2d(2), LocalBatchNorm2d(2), nn.InstanceNorm2d(2))
    synchronise(network)
    assert [type(module) for module in network] == [SyncedBatchNorm2d, LocalBatchNorm2d, nn.InstanceNorm2d]


def test_a_norm_with_a_forward_of_its_own_calls_the_synchronised_one(monkeypatch):
    class Doubled(nn.BatchNorm2d):
        def forward(self, x):
            return 2 * super().forward(x)

    network = nn.Sequential(Doubled(2))
    expected = network(torch.arange(16.0).view(2, 2, 2, 2))
    synchronise(network)
    monkeypatch.setattr("bench.training.distributed.dist.get_world_size", lambda: 1)
    monkeypatch.setattr("bench.training.distributed.dist.all_reduce", lambda values: None)
    found = network(torch.arange(16.0).view(2, 2, 2, 2))
    torch.testing.assert_close(found, expected)
    network.eval()
    assert isinstance(network[0], SyncedBatchNorm2d)


def test_the_synchronised_norm_keeps_the_statistics_of_torchs(monkeypatch):
    monkeypatch.setattr("bench.training.distributed.dist.get_world_size", lambda: 1)
    monkeypatch.setattr("bench.training.distributed.dist.all_reduce", lambda values: None)
    x = torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    theirs, ours = nn.BatchNorm2d(4), SyncedBatchNorm2d(4)
    grads = []
    for norm in (theirs, ours):
        for _ in range(2):
            y = norm(x)
        (gradient,) = torch.autograd.grad((y * torch.arange(5.0)).square().sum(), x)
        grads.append(gradient)
    torch.testing.assert_close(grads[1], grads[0], rtol=1e-4, atol=1e-3)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, msg=name)
