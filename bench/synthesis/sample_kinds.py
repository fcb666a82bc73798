"""Kinds of pictures of `bench sample`: samples, an edited region, a morph, a mixture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.common.errors import UserError
from bench.datasets.base import Dataset, DatasetSpec, Item
from bench.synthesis.batches import collate
from bench.synthesis.easel import Easel
from bench.synthesis.grids import Photo, marked, paint_condition
from bench.synthesis.regions import Part, check_instances, check_region, parse_region
from bench.synthesis.samples import draw
from bench.synthesis.styles import draw_style, mixture, morph
from models.base import Scope

STYLES_OF: dict[Scope, str] = {
    "none": "no styles",
    "image": "a style per image",
    "class": "a style per class",
    "instance": "a style per object",
}


class Kind(Protocol):
    """One kind of picture; it is the same for every method."""

    reads_photos: ClassVar[bool]  # whether the method must read styles from photos

    @property
    def title(self) -> str:
        """Say in a few words what the picture shows."""

    @property
    def heads(self) -> tuple[str, ...]:
        """Name the columns: first what is given, then what is drawn."""

    def check(self, dataset: Dataset, index: int) -> None:
        """Refuse a layout for which it cannot be drawn."""

    def given(self, dataset: Dataset, index: int) -> list[Photo]:
        """Show what the images are drawn from."""

    def draw(self, easel: Easel, index: int) -> Tensor:
        """Draw images [K, 3, H, W] of one layout."""

    def note(self, scope: Scope) -> str:
        """Say what a method of this scope cannot do, if anything."""


@dataclass(frozen=True)
class Sampled:
    """Samples: images in new styles, or with one part in new styles and the rest in the same one."""

    part: Part
    samples: int
    reads_photos: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """Say what varies."""
        return f"layout, photo, {self.samples} samples; varied: {self.part.title}"

    @property
    def heads(self) -> tuple[str, ...]:
        """Number the styles."""
        return "layout", "photo", *(f"style {number}" for number in range(1, self.samples + 1))

    def check(self, dataset: Dataset, index: int) -> None:
        """Refuse an instance that the layout lacks."""
        check_instances(self.part, [dataset[index]])

    def given(self, dataset: Dataset, index: int) -> list[Photo]:
        """Show the layout and its photo."""
        return _layout_and_photo(dataset, dataset[index])

    def draw(self, easel: Easel, index: int) -> Tensor:
        """Draw the images that the metrics see."""
        return draw(easel, index, self.part, self.samples)

    def note(self, scope: Scope) -> str:
        """Say nothing: every method can do it."""
        return ""


@dataclass(frozen=True)
class Edited:
    """An image, and its region in new styles, which are those of mCSD and mISD."""

    part: Part
    samples: int
    reads_photos: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """Say which region."""
        return f"{self.part.title} re-styled {self.samples} times, everything else kept"

    @property
    def heads(self) -> tuple[str, ...]:
        """Number the edits."""
        return "region", "photo", "first style", *(f"edit {number}" for number in range(1, self.samples + 1))

    def check(self, dataset: Dataset, index: int) -> None:
        """Refuse a region that the layout lacks."""
        check_region(self.part, dataset[index], dataset.class_names)

    def given(self, dataset: Dataset, index: int) -> list[Photo]:
        """Show the layout with the region marked, and its photo."""
        item = dataset[index]
        layout, photo = _layout_and_photo(dataset, item)
        return [marked(layout, _pixels(self.part, item, dataset)), photo]

    @torch.inference_mode()
    def draw(self, easel: Easel, index: int) -> Tensor:
        """Draw the base style, then the edits."""
        single = easel.batch(easel.dataset[index])
        style = draw_style(easel.method, single, easel.streams(1, index, "base"))
        base = easel.method.synthesize(single.layout, style)
        return torch.cat([base, draw(easel, index, self.part, self.samples)])

    def note(self, scope: Scope) -> str:
        """Say what changes besides the region, or that nothing does."""
        return _note(self.part, scope)


@dataclass(frozen=True)
class Morphed:
    """A morph: one layout in the styles between those of two photos."""

    ends: tuple[int, int]
    steps: int
    reads_photos: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """Say between which photos."""
        return f"{self.steps} styles from that of photo {self.ends[0]} to that of photo {self.ends[1]}"

    @property
    def heads(self) -> tuple[str, ...]:
        """Say how far each step is."""
        shares = (f"{100 * step / (self.steps - 1):.0f} %" for step in range(self.steps))
        return "layout", *(f"photo {end}" for end in self.ends), *shares

    def check(self, dataset: Dataset, index: int) -> None:
        """Refuse photos that do not exist."""
        for end in self.ends:
            check_index(end, dataset)

    def given(self, dataset: Dataset, index: int) -> list[Photo]:
        """Show the layout and the two photos."""
        return [paint_condition(dataset[index], dataset.palette), *(dataset[end].image for end in self.ends)]

    def draw(self, easel: Easel, index: int) -> Tensor:
        """Draw the steps."""
        return morph(easel, index, self.ends, self.steps)

    def note(self, scope: Scope) -> str:
        """Say nothing: every method can do it."""
        return ""


@dataclass(frozen=True)
class Mixed:
    """A mixture: one layout in the style of its photo; every column takes one more part's style from another photo."""

    loans: tuple[tuple[Part, int], ...]
    reads_photos: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """Say what comes from where."""
        return "its own style, then " + ", ".join(f"{part.title} of photo {lender}" for part, lender in self.loans)

    @property
    def lenders(self) -> tuple[int, ...]:
        """List the photos that styles are taken from, each once."""
        return tuple(dict.fromkeys(lender for _, lender in self.loans))

    @property
    def heads(self) -> tuple[str, ...]:
        """Name the loans: part and photo."""
        loans = (f"+ {part.title} of {lender}" for part, lender in self.loans)
        return "layout", "photo", *(f"photo {lender}" for lender in self.lenders), "own style", *loans

    def check(self, dataset: Dataset, index: int) -> None:
        """Refuse photos that do not exist, and parts that the layout or the lending photo's layout lacks."""
        item = dataset[index]
        for part, lender in self.loans:
            check_index(lender, dataset)
            check_region(part, item, dataset.class_names)
            for label in np.unique(item.labels[_pixels(part, item, dataset)]).tolist():
                check_region(Part("class", label, dataset.class_names[label]), dataset[lender], dataset.class_names)

    def given(self, dataset: Dataset, index: int) -> list[Photo]:
        """Show the layout, its photo and the photos that styles are taken from."""
        return [*_layout_and_photo(dataset, dataset[index]), *(dataset[lender].image for lender in self.lenders)]

    def draw(self, easel: Easel, index: int) -> Tensor:
        """Draw the layout in its own style, then with one more loan each time."""
        return mixture(easel, index, self.loans)

    def note(self, scope: Scope) -> str:
        """Say what a loan changes besides its part."""
        parts = [part for part, _ in self.loans if _note(part, scope)]
        return _note(parts[0], scope) if parts else ""


def parse_pair(text: str, dataset: Dataset) -> tuple[int, int]:
    """Read A,B."""
    ends = [end.strip() for end in text.split(",")]
    if len(ends) != 2 or not all(end.isdigit() for end in ends):
        raise UserError(f"--morph takes the numbers of two photos of {dataset.name}, such as 2,5, not '{text}'.")
    return int(ends[0]), int(ends[1])


def parse_loans(text: str, data: DatasetSpec) -> tuple[tuple[Part, int], ...]:
    """Read CLASS=ITEM,..."""
    loans = []
    for word in text.split(","):
        name, equals, lender = word.strip().rpartition("=")
        if not equals or not name or not lender.isdigit():
            example = ",".join(f"{name}={number}" for name, number in zip(data.class_names[1:3], (2, 5), strict=False))
            raise UserError(f"--mix takes CLASS=ITEM, several with commas between, such as {example}, not '{word}'.")
        loans.append((parse_region(name, data), int(lender)))
    return tuple(loans)


def check_index(index: int, dataset: Dataset) -> None:
    """Refuse an item that a data set does not have."""
    if index >= len(dataset):
        raise UserError(f"{dataset.name} has no item {index}; its {dataset.split} split has 0 to {len(dataset) - 1}.")


def _pixels(part: Part, item: Item, dataset: Dataset) -> NDArray[np.bool_]:
    region: NDArray[np.bool_] = part.region(collate([item], dataset.num_classes).layout)[0].numpy()
    return region


def _layout_and_photo(dataset: Dataset, item: Item) -> list[Photo]:
    return [paint_condition(item, dataset.palette), item.image]


def _note(part: Part, scope: Scope) -> str:
    if scope == "none":
        return "draws one image per layout, so that nothing changes"
    if scope == "image":
        return "has one style for the whole image, so that everything changes"
    if scope == "class" and part.vary == "instance":
        return "has one style per class, so that every object of the class changes"
    return ""
