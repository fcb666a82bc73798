"""Weight files are read safely or refused in one sentence."""

from __future__ import annotations

import pickle
import re

import pytest
import torch
from safetensors import safe_open
from torch import nn

from bench.common.errors import UserError
from bench.weights.tensors import load_into, read_checkpoint, read_weights, write_checkpoint, write_weights

STATE = {"weight": torch.arange(12.0).view(3, 4), "bias": torch.ones(3)}


def network():
    return nn.Linear(4, 3)


@pytest.mark.parametrize("name", ["new.pth", "old.pth", "new.safetensors"])
def test_a_cut_off_file_is_refused_at_any_length(tmp_path, name):
    path = tmp_path / name
    if name == "new.safetensors":
        write_weights(path, network(), {})
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=name == "new.pth")
    whole = path.read_bytes()
    for length in range(0, len(whole), 13):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=re.escape(str(path))):
            read_weights(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"", "an empty one"),
        (b"quota exceeded", "get it again"),
    ],
    ids=["page", "pointer", "empty", "text"],
)
def test_a_page_in_place_of_weights_is_not_called_dangerous(tmp_path, text, found):
    for name, kind in (("a.pth", "PyTorch"), ("a.safetensors", "safetensors")):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(UserError, match=f"not a (whole )?{kind} file.*get it again") as caught:
            read_weights(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert found in str(caught.value)


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_code_in_a_pickle_is_not_run(tmp_path, protocol):
    for number, save in enumerate((lambda x, f: pickle.dump(x, f, protocol), torch.save)):
        path = tmp_path / f"{number}.pth"
        with path.open("wb") as file:
            save({"a": Harm(tmp_path / "harm")}, file)
        with pytest.raises(UserError, match="refused"):
            read_weights(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"epoch": 3, "weights": STATE}, "int under 'epoch'"),
        ([torch.ones(1)], "a list"),
        (torch.ones(1), "a Tensor"),
        ({0: torch.ones(1)}, "0 as a name"),
    ],
    ids=["more", "list", "tensor", "numbered"],
)
def test_something_else_than_a_state_dict_is_refused(tmp_path, content, found):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UserError, match="expected a plain state dict") as caught:
        read_weights(tmp_path / "a.pth")
    assert found in str(caught.value)


def test_a_file_of_several_networks_gives_their_names_and_keys(tmp_path):
    torch.save({"a": STATE, "b": STATE}, tmp_path / "both.pth")
    assert read_weights(tmp_path / "both.pth").keys() == {"a.weight", "a.bias", "b.weight", "b.bias"}


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.pth: no such weight file"):
        read_weights(tmp_path / "nothing.pth")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("bias"), "missing keys: bias"),
        (lambda state: state.update(scale=torch.ones(1)), "unexpected keys: scale"),
        (lambda state: state.update(bias=torch.ones(4)), "other shapes: bias"),
    ],
    ids=["missing", "unexpected", "shape"],
)
def test_weights_that_do_not_fit_are_refused_with_the_keys(tmp_path, change, words):
    state = dict(STATE)
    change(state)
    with pytest.raises(UserError, match=words):
        load_into(network(), state, tmp_path / "a.pth")


def test_weights_survive_a_round_trip_with_their_note(tmp_path):
    written, read = network(), network()
    write_weights(tmp_path / "a.safetensors", written, {"made by": "a test"})
    load_into(read, read_weights(tmp_path / "a.safetensors"), tmp_path / "a.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(written.parameters(), read.parameters(), strict=True))
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert file.metadata() == {"made by": "a test"}


def test_a_checkpoint_survives_a_round_trip_and_nothing_else_passes_for_one(tmp_path):
    write_checkpoint(tmp_path / "last.pt", {"networks": STATE, "step": 7, "log": [{"GAN": 0.1}]})
    read = read_checkpoint(tmp_path / "last.pt")
    assert (read["step"], read["log"]) == (7, [{"GAN": 0.1}])
    write_checkpoint(tmp_path / "other.pt", STATE)
    with pytest.raises(UserError, match="not a checkpoint"):
        read_checkpoint(tmp_path / "other.pt")
    with pytest.raises(UserError, match="no checkpoint to resume from"):
        read_checkpoint(tmp_path / "none.pt")
