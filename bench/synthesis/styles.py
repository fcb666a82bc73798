"""Styles of layouts: drawn from the prior, or read from photos, morphed and mixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.common.catalog import title_of
from bench.common.errors import UserError
from bench.datasets.base import Item
from bench.synthesis.batches import Batch
from bench.synthesis.easel import Easel
from bench.synthesis.methods import MethodWeights, require_encoder
from bench.synthesis.regions import Part
from models.base import Method, MethodSpec


def draw_style(method: Method[Any], batch: Batch, rngs: Sequence[torch.Generator], *, from_photo: bool = False) -> Any:  # noqa: ANN401 - the method's own type
    """Draw a style for every layout from the prior, or read it from the layout's photo if `from_photo` and possible."""
    noise = method.sample_style(batch.layout, rngs)
    if method.needs_photo or (from_photo and method.encoder is not None):
        return method.encode_style(batch.images, batch.layout, noise)[0]
    return noise


def check_reader(spec: MethodSpec[Any], method: Method[Any], weights: MethodWeights) -> None:
    """Refuse a method that cannot read the style of a photo, or whose encoder has no weights."""
    if method.encoder is None or method.scope == "none":
        raise UserError(
            f"{title_of(spec.name)} cannot read a style from a photo, which --morph and --mix need; name methods with "
            "an encoder, such as vspade, groupdnet, inade or sean."
        )
    require_encoder(spec, weights, "--morph and --mix need")


@torch.inference_mode()
def morph(easel: Easel, index: int, ends: tuple[int, int], steps: int) -> Tensor:
    """Draw one layout [K, 3, H, W] in styles on the straight line between those of two photos."""
    layout = easel.batch(easel.dataset[index]).layout
    first, last = (_borrowed(easel, end, index, steps) for end in ends)
    style = easel.method.blend_styles(first, last, torch.linspace(0, 1, steps, device=easel.device))
    return easel.method.synthesize(layout, style)


@torch.inference_mode()
def mixture(easel: Easel, index: int, loans: Sequence[tuple[Part, int]]) -> Tensor:
    """Draw one layout in the style of its photo, then again after each part has the style of another photo."""
    method, layout = easel.method, easel.batch(easel.dataset[index]).layout
    style = _borrowed(easel, index, index)
    images = [method.synthesize(layout, style)]
    for part, lender in loans:
        style = method.mix_styles(style, _borrowed(easel, lender, index), layout, part.region(layout))
        images.append(method.synthesize(layout, style))
    return torch.cat(images)


def _borrowed(easel: Easel, lender: int, index: int, copies: int = 1) -> Any:  # noqa: ANN401 - the method's own type
    """Read the style of the photo of item `lender` for `copies` of the layout at `index`.

    Parts that the photo does not show have a style from the prior; its noise is that of the first image which the
    metrics see of the layout.
    """
    method, source, target = easel.method, easel.dataset[lender], easel.dataset[index]
    layout = easel.batch(target).layout.repeated(copies)
    noise = method.sample_style(layout, easel.streams(copies, index, "image", 0))
    style = None
    for names in pairings(source, target):
        photo = easel.batch(_renamed(source, names)).repeated(copies)
        read = method.encode_style(photo.images, photo.layout, noise)[0]
        partners = torch.tensor(list(names.values()), device=easel.device)
        region = torch.isin(layout.instances, partners)
        style = read if style is None else method.mix_styles(style, read, layout, region)
    unseen = ~torch.isin(layout.labels, torch.from_numpy(np.unique(source.labels).astype(np.int64)).to(easel.device))
    if method.scope == "image" or not unseen.any():  # the style of a whole image covers what its photo does not show
        return style
    return method.mix_styles(style, noise, layout, unseen)


def pairings(source: Item, target: Item) -> Iterator[dict[int, int]]:
    """Pair the objects of each class in order, in several pairings if `target` has more of a class than `source`.

    A pairing maps instance ids of the source to those of the target; a layout is paired with itself id by id.
    """
    theirs, ours = _objects(source), _objects(target)
    turns = max((-(-len(ours[label]) // len(ids)) for label, ids in theirs.items() if label in ours), default=1)
    for turn in range(turns):
        yield {
            their: our
            for label, ids in theirs.items()
            for their, our in zip(ids, ours.get(label, [])[turn * len(ids) :], strict=False)
        }


def _objects(item: Item) -> dict[int, list[int]]:
    """List the instances of every class; an instance has the class of most of its pixels."""
    objects: dict[int, list[int]] = {}
    for number in np.unique(item.instances[item.instances != 0]).tolist():
        label = int(np.bincount(item.labels[item.instances == number]).argmax())
        objects.setdefault(label, []).append(number)
    return objects


def _renamed(item: Item, names: Mapping[int, int]) -> Item:
    """Give instances the ids of their partners, so that a style per instance fits the other layout."""
    table = np.zeros(int(item.instances.max()) + 1, item.instances.dtype)  # 0, no instance, for those without a partner
    table[list(names)] = list(names.values())
    return replace(item, instances=table[item.instances])
