"""Evaluation protocols: every choice that moves a number, frozen under the name of what it reproduces.

No paper of this family released its evaluation code, so "SPADE on Cityscapes" has four different FIDs in four tables.
"""

from __future__ import annotations

import difflib
import operator
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any, Literal, NamedTuple

from metrics._protocol_sources import SOURCES, Certainty

PairRule = Literal["all", "consecutive", "random10", "random19"]
# Weights, resize and range of FID's Inception; metrics/_resize.py says what each one is.
FidMode = Literal["pytorch_fid", "clean", "legacy_pytorch", "legacy_tensorflow", "torchvision", "torchvision_imagenet"]


@dataclass(frozen=True)
class FidChoices:
    """How FID is measured."""

    mode: FidMode = "pytorch_fid"
    real_split: Literal["train", "val", "imported"] = "val"  # whose photos are the reference; imported: a file's
    reference_limit: int | None = None  # how many of them; None = all


@dataclass(frozen=True)
class InceptionScoreChoices:
    """How the Inception Score is measured."""

    network: Literal["fid", "torchvision"] = "fid"  # the classifier behind FID's features, or torchvision's of ImageNet
    splits: int = 10  # scores over so many parts of the images are averaged


@dataclass(frozen=True)
class PrdcChoices:
    """How precision, recall, density and coverage are measured."""

    neighbours: int = 5  # an image reaches as far as the so-manyth nearest of its own kind


@dataclass(frozen=True)
class LpipsChoices:
    """How the diversity of whole images is measured."""

    quantity: Literal["diversity", "to_photo"] = "diversity"  # what tables of the protocol print under "LPIPS"
    layouts: int | None = None  # label maps, evenly spaced in file order; None = all
    groups: int = 10  # images per label map
    pairs: PairRule = "random10"


@dataclass(frozen=True)
class RegionChoices:
    """How mCSD, mOCD, mISD and mOID are measured."""

    layouts: int | None = 100  # label maps, evenly spaced in file order; None = all
    images: int = 20  # per label map and region
    pairs: PairRule = "consecutive"
    mask: Literal["image_zero", "image_black", "map_area", "map_mean"] = "image_zero"
    absent: Literal["skip", "count"] = "skip"  # a class that a label map lacks counts as 0 inside, all outside
    average: Literal["per_class", "per_image"] = "per_class"  # what is averaged last


@dataclass(frozen=True)
class SegmentationChoices:
    """How a segmenter's confusion matrix becomes two numbers."""

    # DRN (classes in label or prediction), CSAIL (all, an absent one scores 0) or deeplab-pytorch (classes in labels)
    reduction: Literal["nan_union", "all_classes", "gt_present"] = "nan_union"
    accuracy: Literal["valid", "all"] = "valid"  # pixels to divide by; with "all" the don't-care ones count as wrong


@dataclass(frozen=True)
class Protocol:
    """All choices of one evaluation."""

    name: str
    repeats: int = 1  # runs with other noise; one value each
    fid: FidChoices = field(default_factory=FidChoices)
    inception_score: InceptionScoreChoices = field(default_factory=InceptionScoreChoices)
    prdc: PrdcChoices = field(default_factory=PrdcChoices)
    lpips: LpipsChoices = field(default_factory=LpipsChoices)
    region: RegionChoices = field(default_factory=RegionChoices)
    segmentation: SegmentationChoices = field(default_factory=SegmentationChoices)


class Explanation(NamedTuple):
    """One choice of a protocol and how sure its source makes it."""

    field: str
    value: object
    source: str
    certainty: Certainty


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "spade2019",
            fid=FidChoices(mode="torchvision"),
            segmentation=SegmentationChoices(accuracy="all"),
        ),
        Protocol(
            "smis2020",
            lpips=LpipsChoices(layouts=100, groups=20, pairs="consecutive"),
            region=RegionChoices(absent="count"),
        ),
        Protocol("inade2021", repeats=10, fid=FidChoices(real_split="train")),
        Protocol(
            "scgan2021",
            inception_score=InceptionScoreChoices(network="torchvision", splits=1),
            lpips=LpipsChoices(quantity="to_photo"),
            segmentation=SegmentationChoices(accuracy="all"),
        ),
        Protocol("clean", repeats=10, fid=FidChoices(mode="clean"), region=RegionChoices(pairs="all")),
        Protocol(
            "mini",
            repeats=3,
            fid=FidChoices(real_split="train", reference_limit=2000),
            lpips=LpipsChoices(groups=3, pairs="all"),
            region=RegionChoices(layouts=12, images=8, pairs="all"),
        ),
    )
}


def flatten(protocol: Protocol) -> dict[str, object]:
    """List every choice by its dotted name."""
    return {name: operator.attrgetter(name)(protocol) for name in _field_types()}


def derive(protocol: Protocol, settings: Sequence[str]) -> Protocol:
    """Change choices by settings such as "fid.real_split=val"; the new name shows each of them."""
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"'{setting}' is not a setting: write field=value, for example fid.real_split=val.")
        protocol = _change(protocol, name.strip(), text.strip())
    return protocol


def _change(protocol: Protocol, name: str, text: str) -> Protocol:
    value = _parse(name, _field_type(name), text)
    changed: dict[str, Any] = {name: value}
    if "." in name:
        group, choice = name.split(".")
        changed = {group: replace(getattr(protocol, group), **{choice: value})}
    return replace(protocol, **changed, name=f"{protocol.name}+{name}={text}")


def _field_types() -> dict[str, Any]:
    names: dict[str, Any] = {"repeats": int}
    for group, choices in typing.get_type_hints(Protocol).items():
        if is_dataclass(choices):
            names |= {f"{group}.{name}": hint for name, hint in typing.get_type_hints(choices).items()}
    return names


def _field_type(name: str) -> Any:  # noqa: ANN401 - an annotation
    known = _field_types()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"Unknown protocol field '{name}'.{hint} Known: {', '.join(known)}.")
    return known[name]


def _parse(name: str, annotation: Any, text: str) -> object:  # noqa: ANN401 - an annotation
    """Read `text` as a value of the annotated type: a choice, a positive whole number, or one that may be "none"."""
    if typing.get_origin(annotation) is Literal:
        choices = typing.get_args(annotation)
        if text not in choices:
            raise ValueError(f"Protocol field {name} cannot be '{text}'; choose one of: {', '.join(choices)}.")
        return text
    optional = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    if optional and text.lower() == "none":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        expected = "a whole number from 1, or none for all" if optional else "a whole number from 1"
        raise ValueError(f"Protocol field {name} cannot be '{text}'; expected {expected}.")
    return int(text)


def explain(protocol: Protocol) -> list[Explanation]:
    """Tell for every choice of a protocol where it comes from and how certain that is."""
    base, *settings = protocol.name.split("+")
    by_user = {setting.partition("=")[0] for setting in settings}
    rows = []
    for name, value in flatten(protocol).items():
        source: tuple[str, Certainty] = ("set by the user", "ours") if name in by_user else SOURCES[base][name]
        rows.append(Explanation(name, value, *source))
    return rows
