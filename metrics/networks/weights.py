"""Read weight files into feature networks that will never be trained again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors or a PyTorch file, without running code from it."""
    if not path.is_file():
        raise FileNotFoundError(f"No weight file {path}; fetch it or put it there.")
    if path.suffix == ".safetensors":
        return load_file(path)
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def load_frozen(network: Network, state: Mapping[str, Tensor], path: Path) -> Network:
    """Load a state dict that fits exactly (files older than num_batches_tracked do) and freeze the network."""
    own = network.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    reshaped = [key for key in own if key in state and own[key].shape != state[key].shape]
    if missing or unexpected or reshaped:
        raise ValueError(
            f"{path} does not hold a {type(network).__name__}: missing {missing[:5]}, unexpected {unexpected[:5]}, "
            f"of another shape {reshaped[:5]}; expected the file of that network's authors."
        )
    network.load_state_dict({**own, **state})
    return network.eval().requires_grad_(False)
