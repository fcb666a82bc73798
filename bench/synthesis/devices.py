"""The device to compute on: its choice, its name, its precision, its random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    """Name a device for people; a GPU has the name of its model."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


@contextmanager
def full_precision() -> Iterator[None]:
    """Multiply in full float32 within the block; the setting before is restored at its end.

    A GPU would round the inputs of convolutions to 10 bits (TF32), which moves features by 1e-3.
    """
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products


def seed_generators(device: torch.device, seed: int) -> None:
    """Seed torch's own generators of the CPU and of this device.

    `torch.manual_seed` seeds those of every kind of device, and formats a stack trace for every kind that is not in
    use, which costs more than the seeding; a training seeds several times a step.
    """
    if device.type not in ("cpu", "cuda"):
        torch.manual_seed(seed)
        return
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
