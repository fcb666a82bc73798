"""Parts of a layout that can be re-styled alone: the image, a class, an instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench.common.catalog import check_name
from bench.common.errors import UserError
from bench.datasets.base import DatasetSpec, Item
from models.base import Layout


@dataclass(frozen=True)
class Part:
    """A part of a layout: everything, a class or an instance."""

    vary: Literal["image", "class", "instance"]
    id: int = 0  # class index or instance id
    title: str = "the whole image"

    def region(self, layout: Layout) -> Tensor:
        """Mark its pixels, [N, H, W]."""
        if self.vary == "image":
            return torch.ones_like(layout.labels, dtype=torch.bool)
        return (layout.labels if self.vary == "class" else layout.instances) == self.id


def parse_part(text: str, data: DatasetSpec) -> Part:
    """Read --vary: image, class:NAME or instance:ID."""
    kind, _, value = text.partition(":")
    if text == "image":
        return Part("image")
    if kind == "class":
        return _class_part(value, data)
    if kind == "instance" and value.isdigit() and int(value) > 0:
        return Part("instance", int(value), f"instance {value}")
    raise UserError(f"--vary takes image, class:NAME or instance:ID (from 1 on), not '{text}'.")


def parse_region(text: str, data: DatasetSpec) -> Part:
    """Read --edit: CLASS or instance:ID."""
    if not text.startswith("instance:"):
        return _class_part(text.removeprefix("class:"), data)
    value = text.removeprefix("instance:")
    if not value.isdigit() or int(value) < 1:
        raise UserError(f"A region is a CLASS or instance:ID (a number from 1 on), not '{text}'.")
    return Part("instance", int(value), f"instance {value}")


def _class_part(name: str, data: DatasetSpec) -> Part:
    check_name(f"class of {data.name}", dict.fromkeys(data.class_names), name)
    return Part("class", data.class_names.index(name), name)


def check_instances(part: Part, items: Sequence[Item]) -> None:
    """Refuse an instance that one of the items does not have."""
    if part.vary != "instance":
        return
    for item in items:
        ids = [number for number in np.unique(item.instances).tolist() if number != 0]
        if part.id not in ids:
            raise UserError(
                f"{item.key} has no instance {part.id}; it has {', '.join(map(str, ids))}; name one of these."
            )


def check_region(part: Part, item: Item, class_names: Sequence[str]) -> None:
    """Refuse a class or an instance that an item does not have."""
    if part.vary == "class" and part.id not in item.labels:
        names = ", ".join(class_names[label] for label in np.unique(item.labels))
        raise UserError(f"{item.key} has no {part.title}; it has {names}; name one of these.")
    check_instances(part, [item])
