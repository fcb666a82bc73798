"""What a metric is: additive sums over samples, and a closed form of the sums."""

from __future__ import annotations

import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from metrics.columns import Column
from metrics.parts.moments import Gaussian
from metrics.protocol import LabelSize, Protocol, Reduction

T = TypeVar("T")
Extractor = Callable[[Tensor], Any]  # images [M, 3, H, W] in [-1, 1] -> features


@dataclass(frozen=True)
class View:
    """How a metric wants images drawn; metrics with equal views share them."""

    vary: Literal["image", "class", "instance"]  # re-style whole images, or one region at a time
    samples: int  # K, images per layout (or per layout and region)
    layouts: int | None = None  # how many label maps, evenly spaced in file order; None = all
    absent: bool = False  # with "class": also every class that a label map lacks, as an empty region


@dataclass
class Samples:
    """One batch as every metric sees it: K images of each of N layouts, on the 8-bit grid a PNG would hold."""

    fake: Tensor  # [N, K, 3, H, W] float32 in [-1, 1]
    real: Tensor  # [N, 3, H, W]
    labels: Tensor  # [N, H, W] int64
    instances: Tensor  # [N, H, W] int64, 0 = none
    index: Tensor  # [N] int64, position of each layout in the data set
    region: Tensor | None = None  # [N, H, W] bool, where the K images were re-styled; None = everywhere
    region_id: Tensor | None = None  # [N] int64, the class index or instance id of the region
    stored_labels: Sequence[Tensor] = ()  # N label maps [h, w] at the size of their files; () = as `labels`
    _features: dict[Extractor, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.fake.sum().isfinite():
            layout, style = (~self.fake.isfinite().flatten(2).all(2)).nonzero()[0].tolist()
            raise ValueError(
                f"Image {style} of layout {int(self.index[layout])} holds values that are not finite; "
                "the method drew NaN or infinity, so check its weights."
            )

    def per_layout(self, values: Tensor) -> Tensor:
        """Sort what `once` gave back to its layouts, [N * K, ...] -> [N, K, ...]."""
        return values.reshape(*self.fake.shape[:2], *values.shape[1:])

    def once(self, extractor: Callable[[Tensor], T]) -> T:
        """Run `extractor` on the images as [N * K, 3, H, W], the first time it is asked for only."""
        if extractor not in self._features:
            self._features[extractor] = extractor(self.fake.flatten(0, 1))
        result: T = self._features[extractor]
        return result


class Segmenter(typing.Protocol):
    """Reads label maps from images; does its own pre-processing."""

    num_classes: int

    def __call__(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Predict [M, *size] int64 for images [M, 3, H, W] in [-1, 1]; `size` is that of the label maps."""


@dataclass(frozen=True)
class Reading:
    """How a data set's images are read by a segmenter, and compared with its label maps."""

    segmenter: Segmenter
    scored_as: tuple[int, ...]  # the segmenter's class for every class of the layouts, -1 = not scored
    labels: LabelSize
    reduction: Reduction


class Setting(typing.Protocol):
    """What the harness offers to a metric that is being built for one cell."""

    protocol: Protocol
    num_classes: int
    ignored_classes: tuple[int, ...]  # classes of the layout that are not scored (don't care)
    num_layouts: int  # label maps of the data set
    device: torch.device

    def extractor(self, name: str) -> Extractor:
        """A feature network by its name in `metrics.networks.NETWORKS`, the same for every metric that asks.

        Called, "inception" (in the mode of FID), "torchvision" (Inception in the mode of that name) and "paperdolls"
        give the features [M, D] of FID; "alexnet" and "paperdolls" are a PerceptualNetwork.
        """

    def reference(self, name: str) -> Gaussian:
        """Mean and covariance of that network's features over the real images that the protocol names."""

    def photo_features(self, name: str) -> Tensor:
        """Those features themselves, [M, D] float32."""

    def reading(self, segmenter: str | None = None) -> Reading:
        """How the protocol reads this data set's images; `segmenter` names the one of the built-in data instead."""


class Metric(ABC):
    """Sums over samples. All state is additive: shards, runs and machines merge by `+`."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.sums: dict[str, Tensor] = {}

    def add_sum(self, name: str, *shape: int, dtype: torch.dtype = torch.float64) -> None:
        """Declare a sum; it lives on the CPU, where float64 always exists."""
        self.sums[name] = torch.zeros(shape, dtype=dtype)

    @abstractmethod
    def update(self, samples: Samples) -> None:
        """Add a batch."""

    @abstractmethod
    def compute(self) -> dict[str, list[float]]:
        """Column key -> its value in every run (one value where runs do not apply)."""

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Column key -> 95 % interval of its mean over runs, for the columns where one is defined."""
        return {}

    def counts(self) -> dict[str, int]:
        """Say what was measured on, besides label maps and images of each."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Everything `compute` needs."""
        return self.sums

    def tables(self) -> dict[str, Tensor]:
        """What is kept beside the record, so that other numbers can be made of it later."""
        return {}

    def merge(self, state: Mapping[str, Tensor]) -> None:
        """Add the state of another shard."""
        for name, value in state.items():
            self.sums[name] += value


class Probe(ABC):
    """Looks at the network and not at its images: parameters, multiply-adds, seconds."""

    @abstractmethod
    def measure(self, network: nn.Module, run: Callable[[], object]) -> dict[str, float]:
        """Column key -> value, for the generator and a call that draws one image with it."""


@dataclass(frozen=True)
class MetricSpec:
    """What is known of a metric before any feature network is built."""

    name: str
    version: int  # raise it whenever a number may move
    columns: tuple[Column, ...]  # by their keys, `columns("fid")`: tables show them without loading torch
    build: Callable[[Setting], Metric | Probe]
    _: KW_ONLY
    # Weight files of networks, or which ones a protocol asks for; "segmenter" = those that it names for the data set.
    needs: tuple[str, ...] | Callable[[Protocol], tuple[str, ...]] = ()
    of_constant: float | None = None  # the value, by definition, of a method that draws one image per layout
    instances: bool = False  # looks at one object at a time, so it says nothing where objects are not told apart
    of_machine: bool = False  # depends on the device, which therefore enters the record's key
    photos: bool = False  # compares with the real images of `fid.real_split`, which therefore enter the record's key
    doubt: Callable[[Mapping[str, float]], str] = lambda values: ""  # what must be said of these values; "": nothing

    def weights(self, protocol: Protocol) -> tuple[str, ...]:
        """Name the weight files of the feature networks."""
        return self.needs(protocol) if callable(self.needs) else self.needs
