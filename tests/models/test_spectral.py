"""Spectral norm against torch's own, and files of every age."""

import pytest
import torch
from random_layouts import randomise
from torch import nn

from models.parts.spectral import SpectralConv2d, complete_state, fold_spectral
from models.spade import SPADE


@pytest.fixture
def twins():
    """Our convolution and torch's hook with the same numbers."""
    ours = randomise(SpectralConv2d(6, 8, 3, stride=2, padding=1, groups=2, bias=True))
    theirs = nn.utils.spectral_norm(nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2))
    rng = torch.Generator().manual_seed(1)
    for name in ("weight_u", "weight_v"):  # not yet converged
        vector = getattr(ours, name)
        vector.copy_(nn.functional.normalize(torch.randn(vector.shape, generator=rng), dim=0))
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def test_training_passes_are_torchs_with_gradients_and_vectors(twins):
    ours, theirs = twins
    x = torch.randn(2, 6, 9, 9, generator=torch.Generator().manual_seed(2))
    for _ in range(3):
        a, b = ours(x), theirs(x)
        torch.testing.assert_close(a, b)
    a.square().sum().backward()
    b.square().sum().backward()
    torch.testing.assert_close(ours.weight_orig.grad, theirs.weight_orig.grad)
    torch.testing.assert_close(ours.weight_u, theirs.weight_u)
    torch.testing.assert_close(ours.weight_v, theirs.weight_v)


def test_evaluation_divides_by_the_stored_singular_value_and_moves_nothing(twins):
    ours, theirs = (network.eval() for network in twins)
    before = ours.weight_u.clone()
    x = torch.randn(2, 6, 9, 9, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(ours(x), theirs(x))
    assert torch.equal(ours.weight_u, before)


def test_largest_singular_value_becomes_one():
    network = randomise(SpectralConv2d(5, 7, 3, bias=False)).train()
    for _ in range(30):
        weight = network.normalized_weight()
    assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, rel=1e-4)


def test_keys_are_those_of_torchs_hook(twins):
    ours, theirs = twins
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}


@pytest.fixture(scope="module")
def generator():
    return randomise(SPADE.build(SPADE.tiny).generator).eval()


def _old(state):
    """What an early torch wrote: the divided weight beside the original, no v, no counters, a parallel wrapper."""
    old = {}
    for key, value in state.items():
        if key.endswith("weight_orig"):
            old["module." + key.removesuffix("_orig")] = torch.zeros_like(value)
        if not key.endswith(("weight_v", "num_batches_tracked")):
            old["module." + key] = value
    return old


def test_old_files_load_and_give_the_same_weights(generator):
    fresh = SPADE.build(SPADE.tiny).generator.eval()
    fresh.load_state_dict(complete_state(_old(generator.state_dict()), fresh), strict=True)
    for (name, a), b in zip(generator.state_dict().items(), fresh.state_dict().values(), strict=True):
        if not name.endswith(("num_batches_tracked", "weight_v")):
            assert torch.equal(a, b)
    conv, old = fresh.head_0.conv_0, generator.head_0.conv_0
    expected = nn.functional.normalize(old.weight_orig.flatten(1).T @ old.weight_u, dim=0)
    torch.testing.assert_close(conv.weight_v, expected)


def test_whole_files_pass_unchanged(generator):
    state = generator.state_dict()
    complete = complete_state(state, generator)
    assert complete.keys() == state.keys()
    assert all(torch.equal(complete[key], value) for key, value in state.items())


@pytest.mark.parametrize("damage", ["lacks a weight", "has one more"])
def test_wrong_files_are_refused(generator, damage):
    state = dict(generator.state_dict())
    if damage == "has one more":
        state["head_1.conv_0.bias"] = torch.zeros(3)
    else:
        del state["head_0.conv_0.weight_orig"]
        del state["head_0.conv_0.weight_v"]
    fresh = SPADE.build(SPADE.tiny).generator
    with pytest.raises((RuntimeError, KeyError, ValueError), match=r"head_[01].conv_0"):
        fresh.load_state_dict(complete_state(state, fresh), strict=True)


def test_a_folded_weight_gives_the_same_output_until_training_goes_on():
    layer = SpectralConv2d(3, 4, 3, bias=True).eval()
    x = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    expected = layer(x)
    fold_spectral(layer)
    torch.testing.assert_close(layer(x), expected)
    assert "folded" not in layer.state_dict()
    before = layer.weight_u.clone()
    layer.train()(x)
    assert not torch.equal(before, layer.weight_u)
