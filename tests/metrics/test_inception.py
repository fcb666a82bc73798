import json

import numpy as np
import pytest
import torch
from named_fill import filled_state

from metrics._inception import FIDInception


@pytest.fixture(scope="module")
def golden(goldens):
    name = goldens / "fid_inception_public"
    return json.loads(name.with_suffix(".json").read_text()), dict(np.load(name.with_suffix(".npz")))


@pytest.fixture(scope="module")
def file(golden, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    facts, _ = golden
    state = filled_state(FIDInception(), facts["salt"], facts["gain"])
    # The released file exists with and without these counters.
    torch.save({key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}, path)
    return path


def test_keys_and_shapes_are_those_of_the_released_file(golden):
    facts, _ = golden
    network = FIDInception()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == facts["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == facts["param_count"]


@pytest.mark.parametrize("mode", ["pytorch_fid", "clean"])
def test_features_are_the_golden_ones(golden, file, mode):
    _, arrays = golden
    network = FIDInception.from_file(file, mode)
    expected = arrays[f"pool3_{mode}"]
    for index, row in enumerate(expected):
        image = torch.from_numpy(arrays[f"image{index}"]).movedim(-1, 0)[None] / 127.5 - 1
        with torch.inference_mode():
            features = network(image)[0].numpy()
        assert np.abs(features - row).max() <= 2e-5 * np.abs(expected).max()


def test_a_file_of_another_network_is_refused_by_name(file, tmp_path):
    state = torch.load(file, weights_only=True)
    state["fc.weight"] = state["fc.weight"][:1000]
    state["aux"] = torch.zeros(1)
    torch.save(state, tmp_path / "torchvision.pth")
    with pytest.raises(ValueError, match=r"torchvision.pth does not hold a FIDInception.*'aux'.*'fc.weight'"):
        FIDInception.from_file(tmp_path / "torchvision.pth")
    with pytest.raises(FileNotFoundError, match="nothing"):
        FIDInception.from_file(tmp_path / "nothing.pth")
