"""What the training loop promises to methods with losses of their own."""

import itertools
from dataclasses import replace

import pytest
import torch

from bench.datasets.paperdolls.dataset import open_paperdolls
from bench.training.trainer import Trainer, TrainingOptions
from models.bicyclegan import BICYCLEGAN
from models.crn import CRN
from models.dscgan import DSCGAN


def trainer(folder, spec, **changes):
    config = replace(spec.tiny, channels=4, **changes)
    recipe = replace(spec.tiny_recipe, batch=2, epochs=1, decay_epochs=0, epoch_images=6, discriminator_width=4)
    made = Trainer(spec.build(config), recipe, open_paperdolls("train", None), TrainingOptions(folder=folder))
    made.objective.train()
    return made


def weights_after(made, steps):
    for batch in itertools.islice(made.batches(), steps):
        made.train_step(batch)
        made.step += 1
    return torch.cat([parameter.detach().flatten() for parameter in made.objective.method.parameters()])


def test_dropout_follows_from_seed_and_step_and_leaves_the_global_stream_alone(tmp_path):
    changes = {"height": 64, "width": 64, "downs": 6}
    first = trainer(tmp_path, DSCGAN, dropout=0.5, **changes)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    weights = weights_after(first, 2)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(weights_after(trainer(tmp_path, DSCGAN, dropout=0.5, **changes), 2), weights)
    assert not torch.equal(weights_after(trainer(tmp_path, DSCGAN, dropout=0.0, **changes), 2), weights)


@pytest.mark.parametrize(("spec", "expected"), [(DSCGAN, "DGDG"), (BICYCLEGAN, "GDGD")], ids=["dscgan", "bicyclegan"])
def test_players_step_in_the_order_of_their_game(tmp_path, spec, expected):
    made, played = trainer(tmp_path, spec), []
    made.adam_g.register_step_post_hook(lambda *_: played.append("G"))
    made.adam_d.register_step_post_hook(lambda *_: played.append("D"))
    weights_after(made, 2)
    assert "".join(played) == expected


def test_the_recipe_says_the_rate_of_every_step(tmp_path):
    made = trainer(tmp_path, DSCGAN)
    rates = []
    made.adam_d.register_step_pre_hook(lambda adam, *_: rates.append(adam.param_groups[0]["lr"]))
    weights_after(made, 3)
    assert rates == [made.recipe.lr_discriminator * made.recipe.rate_at(step, 3) for step in range(3)]
    assert rates[0] > rates[1] > rates[2]


def test_a_game_of_one_player_is_trained_and_saved(tmp_path):
    recipe = replace(CRN.tiny_recipe, batch=2, epochs=1, decay_epochs=0, epoch_images=4)
    spec = replace(CRN, tiny=replace(CRN.tiny, widths=(8, 8, 8, 8, 8)))
    made = Trainer(spec.build(spec.tiny), recipe, open_paperdolls("train", None), TrainingOptions(folder=tmp_path))
    before, seen = weights_after(made, 0), []
    made.train(lambda _, losses: seen.append(set(losses)))
    assert seen == [{"best", "all"}] * 2
    assert not torch.equal(weights_after(made, 0), before)
    again = Trainer(spec.build(spec.tiny), recipe, open_paperdolls("train", None), TrainingOptions(folder=tmp_path))
    again.resume()
    assert torch.equal(weights_after(again, 0), weights_after(made, 0))
