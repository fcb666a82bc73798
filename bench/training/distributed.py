"""Training in several processes, as torchrun starts them: each has a share of every batch, all have the same weights.

Gradients are averaged here and not by a wrapper around a module, since a game calls several networks in turns.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from bench.common.errors import UserError
from models.parts.free_norms import LocalBatchNorm2d

_PATIENCE = timedelta(minutes=30)  # of a process that waits for the others, one of which may be writing or measuring


@dataclass(frozen=True)
class Ranks:
    """This process among all of a training; one alone by default."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """The part of so many images that this process works on."""
        if count % self.world:
            raise UserError(f"A batch of {count} images cannot be shared by {self.world} processes; --batch-size can.")
        size = count // self.world
        return slice(self.rank * size, (self.rank + 1) * size)

    def check_parts(self, count: int, parts: int) -> None:
        """Refuse parts of this process' share that are not equal."""
        share = self.share(count)
        if (share.stop - share.start) % parts:
            raise UserError(
                f"{share.stop - share.start} images of a batch cannot be taken in {parts} equal parts: give another "
                "--accumulate or --batch-size."
            )

    def total(self, values: Tensor) -> Tensor:
        """The sum of what every process has."""
        if self.world == 1:
            return values
        summed = values.detach().clone()
        with _together():
            dist.all_reduce(summed)
        return summed

    def mean(self, values: Tensor) -> Tensor:
        """The mean of what every process has."""
        return self.total(values) / self.world

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give all processes the mean of their gradients; a parameter that none used keeps none."""
        if self.world == 1:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        if not trained:
            return
        device = trained[0].device
        used = self.total(torch.tensor([float(p.grad is not None) for p in trained], device=device)).tolist()
        shared = [parameter for parameter, count in zip(trained, used, strict=True) if count]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in shared])
        means = torch.split(self.mean(flat), [parameter.numel() for parameter in shared])
        for parameter, gradient in zip(shared, means, strict=True):
            parameter.grad = gradient.view_as(parameter)


ALONE = Ranks()


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Ranks, torch.device]]:
    """A block in which this process trains with the others that torchrun started, each on a GPU of its own if there are
    GPUs; without torchrun it is alone.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield Ranks(), device
        return
    ranks = Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    with _together():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield ranks, device
    finally:
        dist.destroy_process_group()


@contextmanager
def _together() -> Iterator[None]:
    """A block in which a broken connection is an error that says what to do."""
    try:
        yield
    except (RuntimeError, dist.DistError) as error:
        raise UserError(
            f"Another process of this training ended early or cannot be reached ({str(error).splitlines()[0]}). See "
            "its own message; then repeat the command with --resume, which goes on from the last checkpoint."
        ) from error


class _Sum(torch.autograd.Function):
    """The sum over all processes, whose gradient is summed over them, too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401 - of torch
        return _summed(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        return _summed(gradient)


def _summed(values: Tensor) -> Tensor:
    summed = values.clone()
    with _together():
        dist.all_reduce(summed)
    return summed


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all processes, on CPUs too; in training only, as nothing else looks at batches."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [N, C, H, W]; all processes have as many images."""
        if not self.training:
            return super().forward(x)
        values, world = x.float(), dist.get_world_size()
        mean = _Sum.apply(values.mean((0, 2, 3))) / world
        centred = values - mean[:, None, None]
        variance = _Sum.apply(centred.square().mean((0, 2, 3))) / world
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            count = values.numel() // values.shape[1] * world
            self.running_mean.lerp_(mean.detach(), weight)
            self.running_var.lerp_(variance.detach() * count / (count - 1), weight)
        normal = centred * (variance + self.eps).rsqrt()[:, None, None]
        if self.affine:
            normal = normal * self.weight[:, None, None] + self.bias[:, None, None]
        result: Tensor = normal.to(x.dtype)
        return result


def synchronise(network: nn.Module) -> None:
    """Let every batch norm see the images of all processes, but those that are local on purpose."""
    for module in network.modules():
        kind = type(module)
        if isinstance(module, nn.BatchNorm2d) and not isinstance(module, LocalBatchNorm2d | SyncedBatchNorm2d):
            # A norm with a forward of its own calls that of its base, which is then the synchronised one.
            bases = (kind, SyncedBatchNorm2d)
            module.__class__ = SyncedBatchNorm2d if kind is nn.BatchNorm2d else type(kind.__name__, bases, {})
