"""Translation between domains goes through the commands: trained, drawn, measured, loaded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import bench, records, values

from bench.common.catalog import methods, resolve
from bench.datasets.summer2winter_yosemite import open_yosemite
from bench.synthesis.methods import MethodWeights, build_method
from bench.training.trainer import Trainer, TrainingOptions
from bench.weights.tensors import read_weights
from metrics.networks.inception import Inception, TorchvisionInception
from models.dmit import DmitConfig
from models.munit import MunitConfig
from models.scgan.network import ScganConfig, scgan_stages

NAMES = ("munit", "dmit", "scgan-unpaired")
DATASET = "summer2winter-yosemite"
NARROW = {
    "munit": MunitConfig(channels=4, blocks=1, hidden=8),
    "dmit": DmitConfig(channels=4, content_blocks=1, decoder_blocks=1),
    "scgan-unpaired": ScganConfig(3, stages=scgan_stages(2, 2, more=False), vector_widths=(8, 4, 4, 4, 4, 4), hidden=4),
}


def spec_of(name):
    return resolve("method", methods(), name)


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The papers' networks with few channels."""
    for name, config in NARROW.items():
        monkeypatch.setitem(spec_of(name).configs, DATASET, config)


@pytest.fixture
def root(tmp_path):
    """Four summer photos and three winter ones of each split."""
    rng = np.random.default_rng(0)
    for part in ("trainA", "trainB", "testA", "testB"):
        folder = tmp_path / "data" / DATASET / part
        folder.mkdir(parents=True)
        for number in range(4 if part.endswith("A") else 3):
            pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).resize((64, 64)).save(folder / f"{number}.png")
    return tmp_path / "data"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A weights folder with an untrained Inception, made quick."""
    spread = torch.linspace(-1, 1, 3 * 2048).sin().reshape(3, 2048)
    monkeypatch.setattr(Inception, "forward", lambda _, images: images.mean((2, 3)) @ spread)
    place = tmp_path / "weights" / "features" / "inception_v3_google-0cc3c7bd.pth"
    place.parent.mkdir(parents=True)
    torch.save(TorchvisionInception().state_dict(), place)
    return tmp_path / "weights"


def test_the_inception_score_of_table_7_is_measured(root, weights, tmp_path):
    shown = bench(
        *("run", "--methods", ",".join(NAMES), "--dataset", DATASET, "--metrics", "is", "--untrained"),
        *("--protocol", "scgan2021", "--data-root", root, "--weights-root", weights, "--allow-unknown-weights"),
        *("--out", tmp_path / "out", "--num-workers", "0", "--device", "cpu"),
    )
    assert shown.exit_code == 0, shown.output
    assert values(tmp_path / "out").keys() == {(name, "is") for name in NAMES}
    assert all(value >= 1 for value in values(tmp_path / "out").values())
    assert all(record.cell.protocol == "scgan2021" for record in records(tmp_path / "out"))
    table = bench("table", "scgan-7", "--values", "measured", "--records", tmp_path / "out" / "records")
    assert "measured with untrained weights only" in table.stdout


@pytest.mark.parametrize("name", NAMES)
def test_it_is_trained_on_photos_of_two_domains(root, tmp_path, name):
    spec, data = spec_of(name), open_yosemite("train", root).resized((64, 64))
    config = replace(NARROW[name], height=64, width=64)
    recipe = replace(spec.recipes[DATASET], batch=2, epochs=1, decay_epochs=0, discriminator_width=4, perceptual=0.0)

    def trained(folder, steps=None):
        made = Trainer(spec.build(config), recipe, data, TrainingOptions(folder=tmp_path / folder, grid_every=2))
        seen = []
        made.train(lambda _, losses: seen.append(losses))
        return seen, made.objective.method.state_dict()

    (seen, state), (again, same) = trained("a"), trained("b")
    assert len(seen) == 2
    assert seen == again
    assert all(torch.equal(state[key], same[key]) for key in state)
    assert (tmp_path / "a" / "grids" / "0000002.png").is_file()


@pytest.mark.parametrize("name", ["munit", "dmit"])
def test_drawing_again_what_it_was_given_is_learned_in_a_few_steps(root, tmp_path, name):
    spec, data = spec_of(name), open_yosemite("train", root).resized((32, 32))
    config = replace(spec.tiny, height=32, width=32, channels=8)
    recipe = replace(spec.tiny_recipe, batch=4, epoch_images=4, lr_generator=2e-3, discriminator_width=4)
    if name == "munit":
        recipe = replace(recipe, discriminator_scales=1)
    made = Trainer(
        spec.build(config), replace(recipe, epochs=30, decay_epochs=0), data, TrainingOptions(folder=tmp_path)
    )
    own = ("recon_x_a", "recon_x_b") if name == "munit" else ("identity_a", "identity_b")
    found = []
    made.train(lambda _, losses: found.append(sum(losses[term] for term in own)))
    assert sum(found[-3:]) < 0.8 * sum(found[:3])


def test_a_file_with_the_networks_of_both_domains_fills_munit(tmp_path):
    theirs = spec_of("munit").build(NARROW["munit"]).networks
    path = tmp_path / "gen_01000000.pt"
    torch.save({domain: theirs[domain].state_dict() for domain in "ab"}, path)
    assert {key[:2] for key in read_weights(path)} == {"a.", "b."}
    method = build_method(
        spec_of("munit"), NARROW["munit"], MethodWeights((("generator", path, ""),)), torch.device("cpu")
    )
    for domain in "ab":
        expected = theirs[domain].state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in method.networks[domain].state_dict().items())


def test_pictures_show_the_photo_that_is_translated(root, tmp_path):
    out = tmp_path / "grid.png"
    words = (
        "--method",
        "munit",
        "--dataset",
        DATASET,
        "--vary",
        "image",
        "--items",
        "1",
        "--samples",
        "2",
        "--scale",
        "1",
    )
    shown = bench("sample", *words, "--untrained", "--data-root", root, "-o", out, "--device", "cpu")
    assert shown.exit_code == 0, shown.output
    first = np.asarray(Image.open(out))[:256, :256]
    assert (first == open_yosemite("val", root)[0].source).all()
