"""Released weights put into networks that will never be trained again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
COUNTER = "num_batches_tracked"  # of a batch norm; files older than PyTorch 0.4.1 lack it
WRAPPER = "module."  # before every key of a network that was saved as it was trained, on several GPUs


def load_frozen(build: Callable[[], Network], state: Mapping[str, Tensor]) -> Network:
    """Build a network of a state dict that fits exactly, wrapper and counters of old norms apart, and freeze it.

    It is built without memory, so that no time goes into random weights.
    """
    with torch.device("meta"):
        network = build()
    state, own = unwrapped(state), network.state_dict()
    missing = [key for key in own if key not in state and not key.endswith(COUNTER)]
    unexpected = [key for key in state if key not in own]
    reshaped = [key for key in own if key in state and own[key].shape != state[key].shape]
    wrong = {"missing keys": missing, "unexpected keys": unexpected, "other shapes": reshaped}
    if missing or unexpected or reshaped:
        found = "; ".join(f"{what}: {_first(keys)}" for what, keys in wrong.items() if keys)
        raise ValueError(
            f"The state dict does not hold the weights of this {type(network).__name__} ({found}); expected those that "
            "the network's authors released, or some that this suite trained."
        )
    counters = {key: torch.zeros((), dtype=torch.int64) for key in own if key not in state}
    values = {key: value.to(own[key].dtype) for key, value in state.items()}
    network.load_state_dict({**counters, **values}, assign=True)
    return network.eval().requires_grad_(False)


def unwrapped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Take the wrapper's prefix off, where all keys have it."""
    if not all(key.startswith(WRAPPER) for key in state):
        return state
    return {key.removeprefix(WRAPPER): value for key, value in state.items()}


def _first(keys: list[str], count: int = 5) -> str:
    more = f" and {len(keys) - count} more" if len(keys) > count else ""
    return ", ".join(keys[:count]) + more
