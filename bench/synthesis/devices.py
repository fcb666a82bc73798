"""Which device to compute on."""

from __future__ import annotations

import torch

from bench.common.errors import UserError


def choose_device(name: str) -> torch.device:
    """Turn `--device` into a device; "auto" is the first GPU, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"Device '{name}' cannot be used here ({reason}); try --device cpu.") from error
    return device


def device_name(device: torch.device) -> str:
    """Name a device for people: a GPU by its model."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
