"""The adapter of SIMS's synthesis goldens, on a picture of 64 rows."""

import numpy as np
import pytest
import torch
from small_goldens import write

from bench.parity.fill import fill_network
from bench.parity.golden import Golden
from bench.parity.sims import generator
from bench.parity.verdict import judge
from models.sims.networks import OrderingNetwork, SynthesisNetwork


@pytest.fixture(scope="module")
def golden():
    network = SynthesisNetwork(5, 64, 128).eval()
    fill_network(network)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (64, 128)).astype(np.uint8)
    small = rng.random((8, 16, 3)).astype(np.float32) * (rng.random((8, 16, 1)) < 0.5).astype(np.float32)
    canvas = torch.from_numpy(np.kron(small, np.ones((8, 8, 1), np.float32))).movedim(-1, 0)
    planes = torch.from_numpy(np.eye(5, dtype=np.float32)[labels]).movedim(-1, 0)
    with torch.no_grad():
        images, logits = network(torch.cat([planes, canvas, (canvas.sum(0, keepdim=True) > 0).float()])[None])
    images = (images + 1) / 2 * 255
    arrays = {
        "label": labels,
        "canvas_small": small,
        "out": images[:, :, ::4, ::4].numpy(),
        "out_semantic": logits[:, :, ::8, ::8].numpy(),
        "out_mean": images.mean().numpy(),
    }
    meta = {
        "method": "sims",
        "kind": "network",
        "network": "netG",
        "config": {"in_channels": 9, "res": 64},
        "state_dict": {key: list(value.shape) for key, value in network.state_dict().items()},
        "param_count": sum(parameter.numel() for parameter in network.parameters()),
        "generator_macs": None,
        "inputs": ["label", "canvas_small"],
        "outputs": ["out", "out_semantic"],
    }
    return meta, arrays


def judged(tmp_path, meta, arrays):
    write(tmp_path, "g", meta, arrays)
    return judge(tmp_path / "g.json", "g", tmp_path)


def test_an_equal_golden_is_ok(tmp_path, golden):
    verdict = judged(tmp_path, *golden)
    assert verdict.status == "ok", verdict.detail
    assert verdict.compared == 5  # keys, parameters, two arrays, a statistic


@torch.no_grad()
def test_every_value_is_compared_to_one_in_ten_thousand(tmp_path, golden):
    meta, arrays = golden
    names = ("out", "out_semantic", "out_mean")
    shifted = {name: arrays[name] + np.float32(3e-4) * np.abs(arrays[name]).max() for name in names}
    write(tmp_path, "g", meta, arrays | shifted)
    results = generator(Golden.read(tmp_path / "g.json"))
    assert {result.name for result in results if not result.is_equal} == shifted.keys()


@pytest.mark.parametrize(
    ("config", "arrays", "message"),
    [
        ({"in_channels": 5}, {}, "leaves no label planes"),
        ({"res": 128}, {}, "config 'res' is not 64"),
        ({}, {"canvas_small": np.zeros((7, 16, 3), np.float32)}, "[7, 16], no fraction of 64x128"),
        ({}, {"canvas_small": np.zeros((8, 16, 4), np.float32)}, "canvas_small"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, golden, config, arrays, message):
    meta, others = golden
    verdict = judged(tmp_path, meta | {"config": meta["config"] | config}, others | arrays)
    assert verdict.status == "error"
    assert message in verdict.detail


@pytest.mark.parametrize("size", [None, [256], [256, 1.5], [2**20, 2**20], [100, 512]])
def test_sizes_of_the_ordering_network_are_checked(tmp_path, size):
    meta = {"method": "sims", "kind": "network", "network": "order", "config": {"in_channels": 6, "size": size}}
    arrays = {"input_small": np.zeros((1, 6, 16, 32), np.float32), "out": np.zeros((1, 5), np.float32)}
    with torch.device("meta"):
        state = OrderingNetwork(5).state_dict()
    meta["state_dict"] = {key: list(value.shape) for key, value in state.items()}
    verdict = judged(tmp_path, meta | {"outputs": ["out"]}, arrays)
    assert verdict.status == "error"
    assert "size" in verdict.detail or "sane" in verdict.detail or "fraction" in verdict.detail
