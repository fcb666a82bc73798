"""Weight files: read safely, told apart by hash, refused when they belong to something else."""

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
from models.parts.spectral import complete_state


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from .safetensors, or from .pth/.pt without running any code in it."""
    try:
        state = load_file(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such weight file.") from None
    except SafetensorError as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}); delete it and get it again.") from error
    if isinstance(state, dict) and state and all(isinstance(part, dict) for part in state.values()):
        state = _flat(state)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: expected a plain state dict (names and tensors) and found something else.")
    return state


def _flat(states: Mapping[str, Any]) -> dict[str, Tensor]:
    """Join the state dicts of several networks in one file, as MUNIT's are."""
    return {f"{name}.{key}": value for name, state in states.items() for key, value in state.items()}


def _read_pickle(path: Path) -> Any:  # noqa: ANN401 - whatever is in the file
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols; what cannot be read is said below
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except pickle.UnpicklingError as error:
        if not _is_pickle(path):
            raise UserError(f"{path}: not a PyTorch file; delete it and get it again.") from error
        raise UserError(
            f"{path}: refused, because it is cut off, or holds more than tensors and loading it could run code. "
            "Get it again, or ask its author for a plain state dict."
        ) from error
    except Exception as error:  # a file that was cut off makes torch raise many kinds
        reason = str(error).partition(". ")[0] or type(error).__name__
        raise UserError(f"{path}: not a whole PyTorch file ({reason}); delete it and get it again.") from error


def _is_pickle(path: Path) -> bool:
    """Tell by the first bytes: a zip archive as torch writes it, or a bare pickle as old versions did."""
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def load_into(network: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    """Load a state dict of any torch version; keys and shapes must fit exactly."""
    complete = complete_state(state, network)
    expected = network.state_dict()
    missing = [key for key in expected if key not in complete]
    unexpected = [key for key in complete if key not in expected]
    shapes = [key for key in expected if key in complete and expected[key].shape != complete[key].shape]
    if missing or unexpected or shapes:
        parts = [
            f"{what}: {', '.join(keys[:5])}{' ...' if len(keys) > 5 else ''}"
            for what, keys in (("missing keys", missing), ("unexpected keys", unexpected), ("other shapes", shapes))
            if keys
        ]
        raise UserError(
            f"{source}: not the weights of this {type(network).__name__}; {'; '.join(parts)}. "
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
    state = _read_pickle(path)
    if not isinstance(state, dict) or "networks" not in state:
        raise UserError(f"{path}: not a checkpoint of bench train; start the run without --resume.")
    return state
