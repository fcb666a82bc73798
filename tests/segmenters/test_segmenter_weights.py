import pytest
import torch
from torch import nn

from segmenters.parts.weights import load_frozen, unwrapped


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4))


def test_weights_are_loaded_whatever_their_age_and_wrapping():
    state = network().state_dict()
    old = {f"module.{key}": value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    found = load_frozen(network, old)
    assert all(torch.equal(value, state[key]) for key, value in found.state_dict().items())
    assert not found.training
    assert not any(weight.requires_grad for weight in found.parameters())


def test_a_prefix_that_only_some_keys_have_is_kept():
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert unwrapped(state).keys() == state.keys()


def test_another_network_is_refused_and_the_first_keys_are_named():
    state = {**{f"head.{n}": torch.ones(1) for n in range(7)}, "0.weight": torch.ones(4, 3, 3, 3)}
    with pytest.raises(ValueError, match="does not hold the weights of this Sequential") as caught:
        load_frozen(network, state)
    assert "missing keys: 1.weight, 1.bias, 1.running_mean, 1.running_var;" in str(caught.value)
    assert "unexpected keys: head.0, head.1, head.2, head.3, head.4 and 2 more" in str(caught.value)
    assert "other shapes: 0.weight" in str(caught.value)
