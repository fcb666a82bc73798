"""The adapter of CRN's goldens, on a network of two modules."""

import numpy as np
import pytest
import torch
from small_goldens import write

from bench.parity.crn import generator
from bench.parity.fill import fill_network
from bench.parity.golden import Golden
from bench.parity.verdict import judge
from models.crn import CrnConfig, CrnGenerator


@pytest.fixture(scope="module")
def golden():
    """Three images of eight rows, the last of which is stored more coarsely."""
    network = CrnGenerator(CrnConfig(4, 8, 16, (1024, 1024), images=3)).eval()
    fill_network(network)
    labels = np.random.default_rng(0).integers(0, 4, (8, 16)).astype(np.uint8)
    planes = torch.from_numpy(np.eye(4, dtype=np.float32)[labels]).movedim(-1, 0)[None]
    with torch.no_grad():
        images = (network(planes)[0] + 1) / 2 * 255
    arrays = {
        "label": labels,
        "out": images[:2, :, ::2, ::2].numpy(),
        "out_rest": images[2:, :, ::4, ::4].numpy(),
        "out_mean": images.mean().numpy(),
        "out_std": images.std(correction=0).numpy(),
    }
    meta = {
        "method": "crn",
        "kind": "network",
        "network": "netG",
        "config": {"label_channels": 4, "res": 8, "aspect": 2, "n_images": 3},
        "state_dict": {key: list(value.shape) for key, value in network.state_dict().items()},
        "param_count": sum(parameter.numel() for parameter in network.parameters()),
        "inputs": ["label"],
        "outputs": ["out", "out_rest"],
    }
    return meta, arrays


def judged(tmp_path, meta, arrays):
    write(tmp_path, "g", meta, arrays)
    return judge(tmp_path / "g.json", "g", tmp_path)


def test_an_equal_golden_is_ok(tmp_path, golden):
    verdict = judged(tmp_path, *golden)
    assert verdict.status == "ok", verdict.detail
    assert verdict.compared == 6  # keys, parameters, two arrays, two statistics


@torch.no_grad()
def test_every_value_is_compared_to_one_in_ten_thousand(tmp_path, golden):
    meta, arrays = golden
    names = ("out", "out_rest", "out_mean", "out_std")
    shifted = {name: arrays[name] + np.float32(3e-4) * np.abs(arrays[name]).max() for name in names}
    write(tmp_path, "g", meta, arrays | shifted)
    results = generator(Golden.read(tmp_path / "g.json"))
    assert {result.name for result in results if not result.is_equal} == shifted.keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"res": 12}, "make 12x24 pixels"), ({"aspect": 0}, "make 8x0 pixels"), ({"res": 4096}, "4096x8192 pixels")],
)
def test_sizes_that_make_no_network_are_refused(tmp_path, golden, changes, message):
    meta, arrays = golden
    verdict = judged(tmp_path, meta | {"config": meta["config"] | changes}, arrays)
    assert verdict.status == "error"
    assert message in verdict.detail
