"""Weights put into feature networks that will never be trained again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def load_frozen(network: Network, state: Mapping[str, Tensor]) -> Network:
    """Load a state dict that fits exactly (files older than num_batches_tracked do) and freeze the network."""
    own = network.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    reshaped = [key for key in own if key in state and own[key].shape != state[key].shape]
    if missing or unexpected or reshaped:
        raise ValueError(
            f"The state dict does not hold a {type(network).__name__}: missing {missing[:5]}, unexpected "
            f"{unexpected[:5]}, of another shape {reshaped[:5]}; expected that of the network's authors."
        )
    network.load_state_dict({**own, **state})
    return network.eval().requires_grad_(False)
