"""`bench train`: deterministic, resumable to the bit, and honest about what went wrong."""

from __future__ import annotations

import csv
import signal
from dataclasses import replace
from hashlib import sha256

import pytest
import torch
from noted_items import wait_for_workers
from processes import PYTHON, running, stop_when
from safetensors.torch import load_file
from small_runs import SMALL, bench, read_json, values

from bench.common.errors import UserError
from bench.datasets.paperdolls.dataset import Paperdolls, open_paperdolls
from bench.synthesis.batches import collate
from bench.training.run_folder import write_run
from bench.training.snapshots import write_grid
from bench.training.trainer import Trainer, TrainingOptions
from models.inade import INADE
from models.training.recipe import Objective

# Three epochs of three steps; the last one at a lower rate.
RECIPE = replace(INADE.tiny_recipe, batch=2, epochs=1, decay_epochs=2, epoch_images=6, flip=True)
WORDS = ("--method", "inade", "--device", "cpu")


@pytest.fixture(autouse=True)
def small_recipe(monkeypatch):
    """Train for seconds, on one thread, as sums of other numbers of threads differ in their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
    log_often(monkeypatch)
    yield
    torch.set_num_threads(before)


def log_often(patched):
    for name, steps in (("log_every", 2), ("grid_every", 4)):
        patched.setitem(TrainingOptions.__init__.__kwdefaults__, name, steps)


def trainer(folder, recipe=RECIPE, **options):
    chosen = TrainingOptions(folder=folder, **options)
    return Trainer(INADE.build(INADE.tiny), recipe, open_paperdolls("train"), chosen)


def finish(run):
    run.train(lambda step, losses: None)
    return run.objective.state_dict()


def assert_equal_bits(one, two):
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[key]) for key, value in one.items())


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the suite catches it."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run that nobody stopped: its folder."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bench.training.start.choose_recipe", lambda *_: RECIPE)
        log_often(patched)
        folder = tmp_path_factory.mktemp("unbroken") / "run"
        shown = bench("train", *WORDS, "--out", folder)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.strip() == str(folder / "weights.safetensors")
    return folder


def test_losses_are_finite_and_logged(unbroken):
    with (unbroken / "losses.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(float(row["step"])) for row in rows] == [2, 4, 6, 8]
    assert {"GAN", "GAN_Feat", "L1", "KLD", "D_Fake", "D_real"} < set(rows[0])
    assert all(torch.tensor([float(value) for value in row.values()]).isfinite().all() for row in rows)


def test_sample_grids_are_written(unbroken):
    assert sorted(path.name for path in (unbroken / "grids").iterdir()) == ["0000004.png", "0000008.png"]


def test_the_record_says_how_the_weights_came_to_be(unbroken):
    record = read_json(unbroken / "weights.json")
    assert record["command"].startswith("bench ")
    assert (record["steps"], record["seed"], record["recipe"]["batch"]) == (9, 0, 2)
    assert record["sha256"] == sha256((unbroken / "weights.safetensors").read_bytes()).hexdigest()


def test_equal_seeds_give_equal_bits_and_others_do_not(unbroken, tmp_path):
    first = load_file(unbroken / "weights.safetensors")
    assert bench("train", *WORDS, "--out", tmp_path / "a").exit_code == 0
    assert_equal_bits(first, load_file(tmp_path / "a" / "weights.safetensors"))
    other = finish(trainer(tmp_path / "b", seed=1))
    assert any(not torch.equal(value, other[f"method.{key}"]) for key, value in first.items())


@pytest.mark.parametrize("step", [4, 7])
def test_a_stopped_run_resumed_equals_the_unbroken_one_to_the_bit(unbroken, tmp_path, monkeypatch, step):
    train_step = Trainer.train_step

    def stopping(self, batch):
        if self.step == step:
            raise Killed
        return train_step(self, batch)

    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "train_step", stopping)
        with pytest.raises(Killed):
            bench("train", *WORDS, "--out", folder)
    assert bench("train", *WORDS, "--out", folder, "--resume").exit_code == 0
    assert_equal_bits(load_file(unbroken / "weights.safetensors"), load_file(folder / "weights.safetensors"))
    for name in ("losses.csv", "run.json", "grids/0000008.png"):
        assert (folder / name).read_bytes() == (unbroken / name).read_bytes()


def test_a_killed_process_resumes_to_the_bits_of_an_unbroken_one(unbroken, tmp_path):
    program = (
        "from dataclasses import replace; from bench.commands import cli; from bench.training import start; "
        "from models import inade; "
        "recipe = replace(inade.INADE.tiny_recipe, batch=2, epochs=1, decay_epochs=2, epoch_images=6, flip=True); "
        "start.choose_recipe = lambda *_: recipe; cli.main()"
    )
    with running(*PYTHON, program, "train", *WORDS, "--out", tmp_path / "run") as process:
        stop_when(process, (tmp_path / "run" / "last.pt").exists, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "weights.json").exists()
    assert bench("train", *WORDS, "--out", tmp_path / "run", "--resume").exit_code == 0
    found = (load_file(folder / "weights.safetensors") for folder in (unbroken, tmp_path / "run"))
    assert_equal_bits(*found)


def test_a_folder_with_a_run_is_not_written_over(unbroken):
    before = (unbroken / "last.pt").stat().st_mtime_ns
    shown = bench("train", *WORDS, "--out", unbroken)
    assert shown.exit_code == 2
    assert "already holds a run: continue it with --resume" in shown.stderr
    assert (unbroken / "last.pt").stat().st_mtime_ns == before


def test_resuming_with_other_settings_names_what_differs(unbroken):
    shown = bench("train", *WORDS, "--out", unbroken, "--resume", "--epochs", "5", "--seed", "3")
    assert shown.exit_code == 2
    assert "other settings (recipe.epochs, seed)" in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_resuming_where_nothing_is_says_so(tmp_path):
    shown = bench("train", *WORDS, "--out", tmp_path / "none", "--resume")
    assert shown.exit_code == 2
    assert "no run to resume" in shown.stderr


def test_learning_rates_follow_the_schedule(tmp_path):
    run, seen = trainer(tmp_path), []
    run.train(lambda *_: seen.append((run.adam_g.param_groups[0]["lr"], run.adam_d.param_groups[0]["lr"])))
    factors = [1.0] * 6 + [0.5] * 3  # the first decaying epoch still runs in full
    assert seen == [(RECIPE.lr_generator * factor, RECIPE.lr_discriminator * factor) for factor in factors]


def test_every_epoch_has_an_order_of_its_own_that_the_seed_decides(tmp_path, monkeypatch):
    read, loader = [], Paperdolls.loader

    def watched(self, index):
        read.append(index)
        return loader(self, index)

    run = trainer(tmp_path)
    monkeypatch.setattr(Paperdolls, "loader", watched)
    list(run.batches())
    first, read[:] = list(read), []
    assert len(set(first[:6])) == 6
    assert first[:6] != first[6:12]
    run.step = 4
    list(run.batches())
    assert read == first[8:]
    read.clear()
    list(trainer(tmp_path, seed=1).batches())
    assert read[1:] != first


def cut(folder, **options):
    """A run on items that are cut out of larger ones."""
    spec = replace(open_paperdolls("train").spec, load_size=(80, 80))
    data = Paperdolls(spec, "train", length=6, persons=1)
    return Trainer(
        INADE.build(INADE.tiny), replace(RECIPE, flip=False), data, TrainingOptions(folder=folder, **options)
    )


def test_training_items_are_cut_out_of_their_larger_form_where_there_is_one(tmp_path):
    run = cut(tmp_path)
    larger = [collate([item], 8) for item in run.dataset.resized((80, 80))]
    windows = [whole.images[0].unfold(1, 64, 1).unfold(2, 64, 1) for whole in larger]  # [3, 17, 17, 64, 64]
    places = set()
    for batch in run.batches():
        for image, labels in zip(batch.images, batch.layout.labels, strict=True):
            found = [
                (index, *place)
                for index in range(6)
                for place in (windows[index] == image[:, None, None]).all(-1).all(-1).all(0).nonzero().tolist()
            ]
            ((index, top, left),) = found
            assert torch.equal(labels, larger[index].layout.labels[0, top : top + 64, left : left + 64])
            places.add((top, left))
    assert len(places) > 9  # of 18 items


def test_cuts_follow_from_seed_and_step(tmp_path):
    first, again, other = (list(cut(tmp_path, seed=seed).batches()) for seed in (0, 0, 1))
    assert all(torch.equal(one.images, two.images) for one, two in zip(first, again, strict=True))
    assert not any(torch.equal(one.images, two.images) for one, two in zip(first, other, strict=True))
    resumed = cut(tmp_path)
    resumed.step = 4
    assert all(torch.equal(one.images, two.images) for one, two in zip(first[4:], resumed.batches(), strict=True))


def test_workers_change_no_batch(tmp_path):
    wait_for_workers(2)
    for one, two in zip(cut(tmp_path).batches(), cut(tmp_path, num_workers=2).batches(), strict=True):
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.layout.instances, two.layout.instances)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    losses = Objective.discriminator_losses

    def broken(self, images, layout, noise):
        found = losses(self, images, layout, noise)
        calls.append(1)
        return found | {"D_real": found["D_real"] * (float("nan") if len(calls) == limit[0] else 1)}

    calls, limit = [], [5]
    monkeypatch.setattr(Objective, "discriminator_losses", broken)
    shown = bench("train", *WORDS, "--out", tmp_path / "run")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("error: Step 5: the loss D_real is not finite")
    assert str(tmp_path / "run" / "last.pt") in shown.stderr
    state = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert state["step"] == 3
    assert all(value.isfinite().all() for value in state["networks"].values())
    calls.clear()
    limit[0] = 1
    assert "There is no checkpoint yet" in bench("train", *WORDS, "--out", tmp_path / "early").stderr


def test_bfloat16_keeps_weights_and_spectral_vectors_in_float32(tmp_path):
    state = finish(trainer(tmp_path, replace(RECIPE, decay_epochs=0), precision="bfloat16"))
    assert any(key.endswith("weight_u") for key in state)
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}
    exact = finish(trainer(tmp_path, replace(RECIPE, decay_epochs=0)))
    assert any(not torch.equal(value, exact[key]) for key, value in state.items())  # it did run in bfloat16


def test_trained_weights_measure_and_have_their_hash_on_record(unbroken, tmp_path):
    weights = unbroken / "weights.safetensors"
    words = ("--methods", "inade", "--dataset", "paperdolls2", *SMALL[1:], "--metrics", "segmentation-pd")
    shown = bench("run", *words, "--weights", f"inade={weights}", "--out", tmp_path)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "untrained" not in shown.stdout
    assert read_json(unbroken / "weights.json")["sha256"] in next((tmp_path / "records").glob("*.json")).read_text()
    assert set(values(tmp_path)) == {("inade", "miou_pd"), ("inade", "acc_pd")}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--method", "inad"), "Did you mean 'inade'?"),
        (("--method", "inade", "--dataset", "paperdolls2"), "for evaluation only: train on paperdolls"),
        (("--method", "inade", "--batch-size", "0"), "--batch-size"),
        (("--method", "inade", "--epochs", "-1"), "--epochs"),
        (("--method", "inade", "--epochs", "0", "--decay-epochs", "0"), "nothing to train"),
        (("--method", "inade", "--batch-size", "7"), "fewer than one batch of 7; give a smaller --batch-size"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line(tmp_path, words, expected):
    shown = bench("train", *words, "--out", tmp_path / "run")
    assert shown.exit_code == 2
    assert expected in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_a_data_set_of_two_items_can_be_looked_at(tmp_path):
    data = Paperdolls(open_paperdolls("train").spec, "train", length=2, persons=1)
    run = Trainer(INADE.build(INADE.tiny), replace(RECIPE, epoch_images=2), data, TrainingOptions(folder=tmp_path))
    run.objective.train()
    write_grid(tmp_path / "grid.png", run.result, data, run.options.device)
    assert (tmp_path / "grid.png").stat().st_size > 1000
    assert run.objective.method.training


def test_resuming_refuses_a_damaged_checkpoint(tmp_path):
    run = trainer(tmp_path)
    write_run(tmp_path, run.description(), {})
    run.save()
    (tmp_path / "last.pt").write_bytes((tmp_path / "last.pt").read_bytes()[:5000])
    with pytest.raises(UserError, match=r"last\.pt: not a whole PyTorch file"):
        run.resume()
