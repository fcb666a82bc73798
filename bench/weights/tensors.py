"""State dicts on disk: read without running code in a file, put into networks they fit, written whole or not at all."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from bench.common.errors import UserError
from bench.common.files import whole_file
from bench.weights.trust import PICKLES
from models.parts.spectral import complete_state

_AGAIN = "delete it and get it again"


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the state dict in a .safetensors file, or in a .pth or .pt file of PyTorch.

    Where a file holds several, one per network, as MUNIT's do, the network's name and a dot come before every key.
    """
    _check_start(path)
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if isinstance(state, dict) and state and all(isinstance(part, dict) for part in state.values()):
        state = {f"{name}.{key}": value for name, part in state.items() for key, value in part.items()}
    if (other := _other_than_a_state_dict(state)) is not None:
        raise UserError(
            f"{path}: expected a plain state dict (names and tensors) and found {other}; save what "
            "`network.state_dict()` gives, or get another file."
        )
    named: dict[str, Tensor] = state
    return named


def _other_than_a_state_dict(found: object) -> str | None:
    """Say in words what something is that is no state dict."""
    if not isinstance(found, dict):
        return f"a {type(found).__name__}"
    for key, value in found.items():
        if not isinstance(key, str):
            return f"{key!r:.40} as a name"
        if not isinstance(value, Tensor):
            return f"{type(value).__name__} under '{key:.40}'"
    return None


def _check_start(path: Path) -> None:
    """Refuse what is not there, and what its first bytes give away."""
    if not path.is_file():
        raise UserError(f"{path}: no such weight file.")
    kind = "safetensors" if path.suffix == ".safetensors" else "PyTorch"
    with path.open("rb") as file:
        start = file.read(32).lstrip()
    if not start:
        raise UserError(f"{path}: not a {kind} file, but an empty one; {_AGAIN}.")
    if start.startswith(b"<"):
        raise UserError(f"{path}: not a {kind} file, but a web page; {_AGAIN}.")
    if start.startswith(b"version https://git-lfs"):
        raise UserError(f"{path}: not a {kind} file, but the note of Git LFS on it; run `git lfs pull` or {_AGAIN}.")
    if kind == "PyTorch" and not start.startswith(PICKLES):
        raise UserError(f"{path}: not a PyTorch file; {_AGAIN}.")


def _read_safetensors(path: Path) -> Any:  # noqa: ANN401 - safetensors has no types
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}); {_AGAIN}.") from error


def _read_pickle(path: Path) -> Any:  # noqa: ANN401 - whatever is in the file
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols; what cannot be read is said below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused, because it is cut off, or holds more than tensors and loading it could run code. "
            "Get it again, or ask its author for a plain state dict."
        ) from error
    except Exception as error:  # a file that was cut off makes torch raise many kinds
        reason = str(error).partition(". ")[0].partition("\n")[0] or type(error).__name__
        raise UserError(f"{path}: not a whole PyTorch file ({reason}); {_AGAIN}.") from error


def load_into(network: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    """Load a state dict of any torch version; keys and shapes must fit exactly."""
    complete, own = complete_state(state, network), network.state_dict()
    wrong = {
        "missing keys": [key for key in own if key not in complete],
        "unexpected keys": [key for key in complete if key not in own],
        "other shapes": [key for key in own if key in complete and own[key].shape != complete[key].shape],
    }
    if any(wrong.values()):
        found = "; ".join(
            f"{what}: {', '.join(keys[:5])}{' ...' if len(keys) > 5 else ''}" for what, keys in wrong.items() if keys
        )
        raise UserError(
            f"{source}: not the weights of this {type(network).__name__}; {found}. "
            "Give the file of the right method, data set and preset."
        )
    network.load_state_dict(complete, strict=True)


def write_weights(path: Path, network: nn.Module, note: Mapping[str, str]) -> None:
    """Write a network as safetensors with a note in its header, whole or not at all."""
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    write_tensors(path, state, note)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], note: Mapping[str, str]) -> None:
    """Write tensors as safetensors with a note in the header, whole or not at all."""
    with whole_file(path) as file:
        file.write(save(dict(tensors), dict(note)))


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a resumable state, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    with whole_file(path) as file:
        file.write(buffer.getbuffer())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a resumable state."""
    if not path.exists():
        raise UserError(f"{path}: there is no checkpoint to resume from; start the run without --resume.")
    _check_start(path)
    state = _read_pickle(path)
    if not isinstance(state, dict) or "networks" not in state:
        raise UserError(f"{path}: not a checkpoint of bench train; start the run without --resume.")
    return state
