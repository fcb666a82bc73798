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

from metrics.protocol_sources import SOURCES, Certainty

PairRule = Literal[  # which pairs of n images are compared
    "all",  # n (n - 1) / 2
    "consecutive",  # n - 1: every image with the next
    "disjoint",  # n / 2, of which no two share an image
    "random10",  # ten different ones
    "random19",  # nineteen different ones
    "repeated10",  # ten that are drawn one by one, so that one may come twice
]
Reduction = Literal[  # which classes the mean of the IoUs is over
    "nan_union",  # those in label or prediction, as DRN's script
    "all_classes",  # all; one that is nowhere scores 0, as CSAIL's script
    "gt_present",  # those in labels, as deeplab-pytorch's script
]
LpipsVersion = Literal[
    "0.1",  # the package's linear layers since 2018
    "0.0",  # those before, with images in their range as it is
]
LpipsForm = Literal[
    "scalar",  # the mean of every layer's distances
    "spatial",  # the mean of the map that all layers are enlarged to
]
LabelSize = Literal[
    "drawn",  # label maps resized as the networks saw them
    "stored",  # label maps as their files hold them
]
FidMode = Literal[  # weights, resize and range of FID's Inception; metrics/networks/resize.py has the numbers
    "pytorch_fid",  # pytorch-fid since 2019-05-27
    "clean",  # clean-fid's `clean`
    "legacy_pytorch",  # clean-fid's `legacy_pytorch`
    "legacy_tensorflow",  # clean-fid's `legacy_tensorflow`, torch-fidelity, the original TTUR code
    "torchvision",  # pytorch-fid from 2019-02-16 to 2019-05-27
    "torchvision_imagenet",  # pytorch-fid before 2019-02-16
]
RegionMask = Literal[  # how a distance is confined to a region
    "image_zero",  # the images show grey elsewhere, before the network sees them
    "image_black",  # they show black elsewhere
    "map_area",  # of the whole images' distance map, at their size: the sum in the region by the whole frame
    "map_mean",  # of that map: the mean in the region
    "feat_area",  # of every layer's distance map, at its own size: the sum in the region by the whole frame
    "feat_mean",  # of those maps: the mean in the region
]


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
    version: LpipsVersion = "0.1"  # of the package's linear layers; 0.0 also leaves the images' range as it is
    form: LpipsForm = "scalar"  # mean of every layer, or of the map that all are enlarged to


@dataclass(frozen=True)
class RegionChoices:
    """How mCSD, mOCD, mISD and mOID are measured."""

    layouts: int | None = 100  # label maps, evenly spaced in file order; None = all
    images: int = 20  # per label map and region
    pairs: PairRule = "consecutive"
    mask: RegionMask = "image_zero"
    min_percent: int | None = None  # of the frame, that a region must fill to count; None = any region counts
    absent: Literal["skip", "count"] = "skip"  # a class that a label map lacks counts as 0 inside, all outside
    # What is averaged last; per_region: nothing is averaged before. Instances of two label maps have nothing in common,
    # so that with them per_class is per_image.
    average: Literal["per_class", "per_image", "per_region"] = "per_class"


@dataclass(frozen=True)
class SegmentationChoices:
    """How a segmenter's confusion matrix becomes two numbers."""

    # One of `Reduction`, or official: that of the data set's own evaluator.
    reduction: Literal["official", "nan_union", "all_classes", "gt_present"] = "official"
    accuracy: Literal["valid", "all"] = "valid"  # pixels to divide by; with "all" the don't-care ones count as wrong


@dataclass(frozen=True)
class CityscapesChoices:
    """How DRN reads Cityscapes."""

    network: Literal["drn_d_105", "drn_d_22"] = "drn_d_105"
    # stored: 1024x2048, and the images are enlarged to it (bicubic), as DRN resizes nothing
    labels: LabelSize = "drawn"
    scales: Literal["one", "six"] = "one"  # six: the evaluator's --ms


@dataclass(frozen=True)
class Ade20kChoices:
    """How UPerNet reads ADE20K."""

    network: Literal["upernet_rgb", "upernet_bgr"] = "upernet_rgb"  # weights since August 2019, or those before
    labels: LabelSize = "drawn"
    sizes: Literal["five", "450", "256"] = "five"  # short sides of the image: 300, 375, 450, 525 and 600, or one


@dataclass(frozen=True)
class CocoStuffChoices:
    """How DeepLabV2 reads COCO-Stuff: images as they are drawn, three scales."""

    labels: LabelSize = "drawn"


@dataclass(frozen=True)
class CelebAMaskChoices:
    """How the face parser reads CelebAMask-HQ, always at 512x512."""

    resize: Literal["nearest", "bicubic"] = "nearest"  # of the image to 512x512; nearest is the parser's own
    labels: LabelSize = "stored"  # stored: 512x512


@dataclass(frozen=True)
class DeepFashionChoices:
    """What reads DeepFashion."""

    network: Literal["unet", "cihp"] = "unet"  # a UNet trained by the evaluator, or CIHP_PGN's 20 classes merged to 8


@dataclass(frozen=True)
class Protocol:
    """All choices of one evaluation."""

    name: str
    repeats: int = 1  # runs with other noise; one value each
    style: Literal["noise", "photo"] = "noise"  # photo: methods that can read a style take it from the real photo
    fid: FidChoices = field(default_factory=FidChoices)
    inception_score: InceptionScoreChoices = field(default_factory=InceptionScoreChoices)
    prdc: PrdcChoices = field(default_factory=PrdcChoices)
    lpips: LpipsChoices = field(default_factory=LpipsChoices)
    region: RegionChoices = field(default_factory=RegionChoices)
    segmentation: SegmentationChoices = field(default_factory=SegmentationChoices)
    cityscapes: CityscapesChoices = field(default_factory=CityscapesChoices)
    ade20k: Ade20kChoices = field(default_factory=Ade20kChoices)
    coco_stuff: CocoStuffChoices = field(default_factory=CocoStuffChoices)
    celebamask: CelebAMaskChoices = field(default_factory=CelebAMaskChoices)
    deepfashion: DeepFashionChoices = field(default_factory=DeepFashionChoices)


DATA_GROUPS = ("cityscapes", "ade20k", "coco_stuff", "celebamask", "deepfashion")  # concern one data set each


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
            cityscapes=CityscapesChoices(labels="stored"),
            ade20k=Ade20kChoices(network="upernet_bgr", sizes="450"),
            coco_stuff=CocoStuffChoices(labels="stored"),
        ),
        Protocol(
            "smis2020",
            lpips=LpipsChoices(layouts=100, groups=20, pairs="consecutive"),
            region=RegionChoices(absent="count"),
            deepfashion=DeepFashionChoices(network="cihp"),
        ),
        Protocol("inade2021", repeats=10, fid=FidChoices(real_split="train")),
        Protocol(
            "scgan2021",
            style="photo",
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


def choices_for(protocol: Protocol, scoring: str) -> dict[str, object]:
    """List the choices that concern a data set: all but those of the segmenters of other ones."""
    others = {name for name in DATA_GROUPS if name != scoring}
    return {name: value for name, value in flatten(protocol).items() if name.split(".")[0] not in others}


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
    names: dict[str, Any] = {}
    for group, choices in typing.get_type_hints(Protocol).items():
        if is_dataclass(choices):
            names |= {f"{group}.{name}": hint for name, hint in typing.get_type_hints(choices).items()}
        elif group != "name":
            names[group] = choices
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
