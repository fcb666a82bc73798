"""Which device to compute on."""

from __future__ import annotations

import torch

from bench.catalog import UserError


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
