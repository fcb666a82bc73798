import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from segmenters.parts.weights import load_frozen, read_state


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4))


def write(path, state):
    torch.save(state, path)
    return path


def test_a_file_is_read_whatever_its_age_and_wrapping(tmp_path):
    state = network().state_dict()
    old = {f"module.{key}": value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    path = tmp_path / "old.pth"
    torch.save(old, path, _use_new_zipfile_serialization=False)
    found = load_frozen(network, read_state(path), path)
    assert all(torch.equal(value, state[key]) for key, value in found.state_dict().items())
    assert not found.training
    assert not any(weight.requires_grad for weight in found.parameters())
    save_file(state, tmp_path / "new.safetensors")
    assert read_state(tmp_path / "new.safetensors").keys() == state.keys()


def test_a_prefix_that_only_some_keys_have_is_kept(tmp_path):
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert read_state(write(tmp_path / "mixed.pth", state)).keys() == state.keys()


def test_another_network_is_refused_and_the_first_keys_are_named(tmp_path):
    state = {**{f"head.{n}": torch.ones(1) for n in range(7)}, "0.weight": torch.ones(4, 3, 3, 3)}
    path = write(tmp_path / "other.pth", state)
    with pytest.raises(ValueError, match=r"other\.pth does not hold the weights of this Sequential") as caught:
        load_frozen(network, read_state(path), path)
    assert "missing keys: 1.weight, 1.bias, 1.running_mean, 1.running_var;" in str(caught.value)
    assert "unexpected keys: head.0, head.1, head.2, head.3, head.4 and 2 more" in str(caught.value)
    assert "other shapes: 0.weight" in str(caught.value)


class Evil:
    def __reduce__(self):
        return print, ("this must not be run",)


def test_files_that_are_no_state_dict_are_refused(tmp_path, capsys):
    whole = write(tmp_path / "whole.pth", network().state_dict()).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.safetensors").write_bytes(whole[:50])
    (tmp_path / "page.pth").write_text("<html>quota exceeded</html>")
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("cut.pth", "cut.safetensors", "page.pth", "evil.pth"):
        with pytest.raises(ValueError, match=f"{name} is no whole weight file"):
            read_state(tmp_path / name)
    for content in ([torch.ones(1)], {"epoch": 5}):
        with pytest.raises(ValueError, match="something else than a state dict"):
            read_state(write(tmp_path / "list.pth", content))
    assert "must not" not in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="No weight file"):
        read_state(tmp_path / "nothing.pth")
