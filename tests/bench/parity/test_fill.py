"""The rule that makes weights from names, computed a second time here."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from bench.parity.fill import fill_network, named_fill, raw_fill
from models.parts.spectral import SpectralConv2d


def raw(text, shape):
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)


# Every golden in the world depends on them.
PINNED = {
    "": [0.6455839276313782, -0.021753108128905296, 0.139654740691185],
    "G:": [0.44724950194358826, -2.0395021438598633, 0.5330632925033569],
}


@pytest.mark.parametrize("salt", PINNED)
def test_numbers_of_a_name_never_change(salt):
    assert raw_fill("fc.weight", (3,), salt).tolist() == pytest.approx(PINNED[salt], abs=1e-7)
    np.testing.assert_array_equal(raw_fill("fc.weight", (3,), salt), raw(salt + "fc.weight", (3,)))


@pytest.mark.parametrize(
    ("key", "shape", "expected"),
    [
        ("a.weight", (4, 3, 2, 2), lambda x: 1.5 * x / np.sqrt(12)),
        ("a.bias", (5,), lambda x: 0.1 * x),
        ("a.weight", (5,), lambda x: 1 + 0.1 * x),
        ("a.noise_var", (5,), lambda x: 0.1 * x),
        ("a.scale", (), lambda x: 0.1 * x),
        ("a.running_mean", (5,), lambda x: 0.1 * x),
        ("a.running_var", (5,), lambda x: 0.5 + abs(x)),
    ],
)
def test_kind_of_tensor_decides_its_scale(key, shape, expected):
    value = named_fill(key, shape, salt="s:", gain=1.5)
    np.testing.assert_allclose(value.numpy(), expected(raw("s:" + key, shape)), rtol=1e-6)
    assert value.dtype == torch.float32


def test_counters_are_integer_zeros():
    value = named_fill("a.num_batches_tracked", ())
    assert value.dtype == torch.int64
    assert value == 0


def test_last_matching_rule_replaces_the_gain_for_matrices_only():
    rules = [("norm", 4.0, "fan"), ("weight$", 0.5, "abs"), ("^weight", 9.0, "fan")]
    x = raw("norm.weight", (2, 4))
    np.testing.assert_allclose(named_fill("norm.weight", (2, 4), gain=7.0, rules=rules), 0.5 * x, rtol=1e-6)
    np.testing.assert_allclose(named_fill("norm.table", (2, 4), rules=rules), 4 * raw("norm.table", (2, 4)) / 2)
    np.testing.assert_allclose(named_fill("other", (2, 4), gain=7.0, rules=rules), 7 * raw("other", (2, 4)) / 2)
    np.testing.assert_allclose(named_fill("norm.weight", (4,), rules=rules), 1 + 0.1 * raw("norm.weight", (4,)))


def unit(x):
    return x / np.linalg.norm(x)


def test_singular_vectors_come_from_one_step_on_the_raw_fill():
    network = nn.Sequential(SpectralConv2d(3, 4, 3, bias=False))
    fill_network(network, salt="D:", gain=1.4)
    weight = 1.4 * raw("D:0.weight_orig", (4, 3, 3, 3)).astype(np.float64).reshape(4, 27) / np.sqrt(27)
    v = unit(weight.T @ unit(raw("D:0.weight_u", (4,)).astype(np.float64)))
    np.testing.assert_allclose(network[0].weight_orig.flatten(1).detach(), weight, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(network[0].weight_v, v, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network[0].weight_u, unit(weight @ v), rtol=1e-5, atol=1e-6)


def test_transposed_convolutions_have_their_outputs_first():
    network = nn.utils.spectral_norm(nn.ConvTranspose2d(3, 4, 3, bias=False))
    fill_network(network)
    weight = raw("weight_orig", (3, 4, 3, 3)).astype(np.float64) / 6
    matrix = weight.transpose(1, 0, 2, 3).reshape(4, 27)
    v = unit(matrix.T @ unit(raw("weight_u", (4,)).astype(np.float64)))
    np.testing.assert_allclose(network.weight_v, v, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network.weight_u, unit(matrix @ v), rtol=1e-5, atol=1e-6)


def test_prefix_names_a_network_inside_a_larger_one():
    network = nn.Linear(2, 3)
    fill_network(network, prefix="vgg19.")
    np.testing.assert_allclose(network.bias.detach(), 0.1 * raw("vgg19.bias", (3,)), rtol=1e-6)
