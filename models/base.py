"""What a method is: it draws styles for a layout, mixes them, and turns layout and style into an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Scope = Literal["none", "image", "class", "instance"]  # the finest part a method can re-style alone
S = TypeVar("S")  # a method's own style type, opaque outside the method
C = TypeVar("C")  # a method's own config dataclass


@dataclass(frozen=True)
class Layout:
    """What the images of one batch are drawn for: label maps, instances and, where data are unpaired, source photos."""

    labels: Tensor  # [N, H, W] int64, 0..num_classes-1; a don't-care class is an ordinary one, the last
    instances: Tensor  # [N, H, W] int64, 0 = none
    num_classes: int
    sources: Tensor | None = None  # [N, 3, H, W] in [-1, 1], photos to translate, where data is unpaired

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_instances(self) -> int:
        """Rows a per-instance table needs: the largest id in the batch + 1."""
        return int(self.instances.max()) + 1

    def onehot(self) -> Tensor:
        """One float plane per class, [N, C, H, W]."""
        return F.one_hot(self.labels, self.num_classes).movedim(-1, 1).float()

    def edges(self) -> Tensor:
        """Mark both pixels of every pair of 4-neighbours with different instance ids, [N, 1, H, W]."""
        edge = torch.zeros_like(self.instances, dtype=torch.bool)
        across = self.instances[:, :, 1:] != self.instances[:, :, :-1]
        down = self.instances[:, 1:] != self.instances[:, :-1]
        edge[:, :, 1:] |= across
        edge[:, :, :-1] |= across
        edge[:, 1:] |= down
        edge[:, :-1] |= down
        return edge[:, None].float()

    def __getitem__(self, part: slice) -> Layout:
        """Take a slice of the batch."""
        sources = None if self.sources is None else self.sources[part]
        return Layout(self.labels[part], self.instances[part], self.num_classes, sources)

    def select(self, index: Sequence[int] | Tensor) -> Layout:
        """Take the layouts at these positions, repeats allowed."""
        index = torch.as_tensor(index, device=self.labels.device)
        sources = None if self.sources is None else self.sources[index]
        return Layout(self.labels[index], self.instances[index], self.num_classes, sources)

    def repeated(self, times: int) -> Layout:
        """Take each layout `times` times in a row."""
        return self.select(torch.arange(len(self)).repeat_interleave(times))

    def to(self, device: torch.device) -> Layout:
        """Copy the tensors to a device."""
        sources = None if self.sources is None else self.sources.to(device)
        return Layout(self.labels.to(device), self.instances.to(device), self.num_classes, sources)

    def classes_in(self, region: Tensor) -> Tensor:
        """Which classes have a pixel in region [N, H, W]: [N, C] bool."""
        return _ids_in(self.labels, region, self.num_classes)

    def instances_in(self, region: Tensor) -> Tensor:
        """Which instances have a pixel in region [N, H, W]: [N, I] bool."""
        return _ids_in(self.instances, region, self.num_instances)


def semantic_planes(layout: Layout, *, edges: bool) -> Tensor:
    """One-hot labels, and the instance-edge plane last where a network was trained with it: [N, P, H, W]."""
    planes = layout.onehot()
    return torch.cat([planes, layout.edges()], 1) if edges else planes


def _ids_in(ids: Tensor, region: Tensor, size: int) -> Tensor:
    present = torch.zeros(len(ids), size, device=ids.device)
    return present.scatter_add_(1, ids.flatten(1), region.flatten(1).float()) > 0


class Method(nn.Module, ABC, Generic[S]):
    """One way to draw an image for a layout; its parts keep the names of the authors' files (netG, netE)."""

    scope: Scope
    config: Any  # the dataclass it was built from
    generator: nn.Module
    encoder: nn.Module | None
    needs_photo: bool = False  # cannot draw without the photo that belongs to the layout

    def planes(self, layout: Layout) -> Tensor:
        """The planes of the layout that a discriminator sees beside the image, [N, P, H, W]."""
        return semantic_planes(layout, edges=False)

    @abstractmethod
    def sample_style(self, layout: Layout, rngs: Sequence[torch.Generator]) -> S:
        """Draw a style from the prior for every layout; layout n draws from rngs[n] and nothing else."""

    @abstractmethod
    def synthesize(self, layout: Layout, style: S) -> Tensor:
        """Draw images in [-1, 1], [N * K, 3, H, W], for N layouts and K styles of each (all of layout 0 first)."""

    def encode_style(self, images: Tensor, layout: Layout, noise: S) -> tuple[S, Tensor]:
        """Draw the style of photos [N, 3, H, W] by moving `noise` (of `sample_style`) to their posterior.

        The second value is the divergence of the posterior from the prior in nats, [N].
        """
        raise NotImplementedError(f"{type(self).__name__} cannot read a style from a photo.")

    def open_bank(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the tensors of a bank of training photos to draw from; its file lies beside the weights."""
        raise NotImplementedError(f"{type(self).__name__} draws from no bank.")

    def mix_styles(self, base: S, other: S, layout: Layout, region: Tensor) -> S:
        """Take `other` inside `region` [N, H, W] and `base` elsewhere, as far as the method's scope allows.

        A method that styles whole images can only give all of `other`; one without styles has only `base`.
        """
        return other if self.scope == "image" else base

    def blend_styles(self, base: S, other: S, weights: Tensor) -> S:
        """Go from `base` (weight 0) in a straight line to `other` (1), by weights [M], one per style."""
        if isinstance(base, Tensor) and isinstance(other, Tensor):
            return torch.lerp(base, other, weights.view(-1, *[1] * (base.dim() - 1)))  # type: ignore[return-value]
        parts = {part.name: (getattr(base, part.name), getattr(other, part.name)) for part in fields(base)}  # type: ignore[arg-type]
        return replace(base, **{name: self.blend_styles(*ends, weights) for name, ends in parts.items()})  # type: ignore[type-var]


@dataclass(frozen=True)
class MethodSpec(Generic[C]):
    """What is known of a method before any network is built."""

    name: str  # tables print the title that models.METHODS has for it
    paper: str
    scope: Scope
    build: Callable[[C], Method[Any]]
    configs: Mapping[str, C]  # data set -> the paper's network for it
    tiny: C  # the network for the built-in data
    recipes: Mapping[str, Any] = field(default_factory=dict)  # data set -> how the paper trains it
    tiny_recipe: Any = None  # None: the suite cannot train it
    note: str = ""  # printed in every table, e.g. that a network is a reconstruction
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # network -> names of the authors' file
    scopes: Mapping[str, Scope] = field(default_factory=dict)  # data set -> scope, where its network has another
    has_bank: bool = False  # draws from training photos, which `bench bank` gathers in a file beside the weights

    @property
    def has_weights(self) -> bool:
        """Whether there is a network to fill."""
        return self.tiny_recipe is not None or bool(self.files)
