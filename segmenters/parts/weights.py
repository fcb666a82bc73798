"""Read released weight files into networks that will never be trained again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
COUNTER = "num_batches_tracked"  # of a batch norm; files older than PyTorch 0.4.1 lack it


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors or a PyTorch file without running code from it.

    The prefix "module." of a network that was saved as it was trained, on several GPUs, is taken off.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No weight file {path}; fetch it or put it there.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols; what cannot be read is said below
            safe = path.suffix == ".safetensors"
            state = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file that was cut off makes torch raise many kinds
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is no whole weight file ({reason}); delete it and get it again.") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds something else than a state dict; expected names and tensors.")
    wrapped = all(key.startswith("module.") for key in state)
    return {key.removeprefix("module.") if wrapped else key: value for key, value in state.items()}


def load_frozen(build: Callable[[], Network], state: Mapping[str, Tensor], path: Path) -> Network:
    """Build a network of a state dict that fits exactly, the counters of old norms apart, and freeze it.

    It is built without memory, so that no time goes into random weights.
    """
    with torch.device("meta"):
        network = build()
    own = network.state_dict()
    missing = [key for key in own if key not in state and not key.endswith(COUNTER)]
    unexpected = [key for key in state if key not in own]
    reshaped = [key for key in own if key in state and own[key].shape != state[key].shape]
    wrong = {"missing keys": missing, "unexpected keys": unexpected, "other shapes": reshaped}
    if missing or unexpected or reshaped:
        found = "; ".join(f"{what}: {_first(keys)}" for what, keys in wrong.items() if keys)
        raise ValueError(
            f"{path} does not hold the weights of this {type(network).__name__} ({found}); expected the file that the "
            "network's authors released, or one that this suite trained."
        )
    counters = {key: torch.zeros((), dtype=torch.int64) for key in own if key not in state}
    values = {key: value.to(own[key].dtype) for key, value in state.items()}
    network.load_state_dict({**counters, **values}, assign=True)
    return network.eval().requires_grad_(False)


def _first(keys: list[str], count: int = 5) -> str:
    more = f" and {len(keys) - count} more" if len(keys) > count else ""
    return ", ".join(keys[:count]) + more
