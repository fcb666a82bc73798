"""Images for the report: the same layouts by all methods, and one region re-styled, drawn as the metrics saw them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, features

from bench.common.catalog import methods, resolve, title_of
from bench.common.errors import UserError
from bench.datasets.base import Dataset, Item
from bench.datasets.find import find_dataset
from bench.results.records import PROBE, Preset, Record, variant_title
from bench.results.report.pictures import Gallery, Picture, PictureGrid, PictureRow, data_uri
from bench.synthesis.easel import Easel
from bench.synthesis.grids import Photo, paint_labels
from bench.synthesis.images import to_photos
from bench.synthesis.methods import build_method, find_method_weights
from bench.synthesis.regions import Part
from bench.synthesis.samples import draw
from bench.synthesis.sizes import config_for

EXACT = 128  # pixels; larger photos are compressed
LAYOUTS = 2  # layouts of a data set that all methods draw
Variant = tuple[str, Preset]


@dataclass(frozen=True)
class Artist:
    """A method that is ready to draw, with its title in tables."""

    title: str
    easel: Easel


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """The folders of weights and data, the seed, and the device that draws."""

    weights_root: Path
    data_root: Path
    seed: int
    device: torch.device


def draw_gallery(records: Sequence[Record], samples: int, gallery: Gallery, workshop: Workshop) -> Gallery:
    """Add grids for every data set of the records; a sentence says what cannot be drawn."""
    grids: list[PictureGrid] = []
    left_out: list[str] = []
    drawn = [record for record in records if record.cell.protocol != PROBE]
    names = {record.cell.dataset for record in drawn}
    if costs := sorted({record.cell.dataset for record in records} - names):
        left_out.append(f"{', '.join(costs)}: the records are costs, and no images belong to them.")
    for name in sorted(names):
        own = [record for record in drawn if record.cell.dataset == name]
        with _or_a_sentence(name, left_out):
            dataset = find_dataset(name, workshop.data_root).open("val", workshop.data_root)
            if artists := _artists(own, dataset, workshop, left_out):
                grids += _grids(artists, dataset, samples)
    return replace(gallery, grids=tuple(grids), left_out=(*gallery.left_out, *left_out))


def _artists(records: Sequence[Record], dataset: Dataset, workshop: Workshop, left_out: list[str]) -> list[Artist]:
    known = {name: number for number, name in enumerate(methods())}
    weights: dict[Variant, set[str]] = {}
    for record in records:
        weights.setdefault((record.cell.method, record.cell.preset), set()).add(record.weights)
    found = []
    order = sorted(weights, key=lambda variant: (known.get(variant[0], len(known)), variant))
    for variant in order:
        with _or_a_sentence(f"{variant_title(title_of(variant[0]), variant[1])} on {dataset.spec.name}", left_out):
            found.append(_artist(variant, weights[variant], dataset, workshop))
    return found


@contextlib.contextmanager
def _or_a_sentence(what: str, left_out: list[str]) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        left_out.append(f"{what}: {error}")


def _artist(variant: Variant, recorded: set[str], dataset: Dataset, workshop: Workshop) -> Artist:
    """Build a method with the weights of its records; others would draw images that were never measured."""
    name, preset = variant
    spec = resolve("method", methods(), name)
    files = find_method_weights(spec, dataset.spec.name, preset, workshop.weights_root, None, untrained=False)
    if files.identity not in recorded:
        raise UserError("the weights at hand are not those of the records.")
    method = build_method(spec, config_for(spec, dataset.spec, preset), files, workshop.device)
    easel = Easel(method=method, dataset=dataset, seed=workshop.seed, device=workshop.device)
    return Artist(variant_title(title_of(name), preset), easel)


def _grids(artists: Sequence[Artist], dataset: Dataset, samples: int) -> list[PictureGrid]:
    data = dataset.spec.name
    grids = []
    for index in range(min(LAYOUTS, len(dataset))):
        title = f"{data}, layout {index + 1}: whole images"
        caption = "Every column is a new style of the whole image. A method without styles draws the same image again."
        grids.append(_grid(title, caption, artists, index, Part("image"), samples))
    for part in largest_parts(dataset[0], dataset):
        caption = (
            f"One style is kept; {part.title} gets a new one per column, as far as the method can: one that styles "
            "whole images changes everything, one that styles classes changes every object of the class, one without "
            "styles changes nothing."
        )
        title = f"{data}, layout 1: one {part.vary} re-styled, {part.title}"
        grids.append(_grid(title, caption, artists, 0, part, samples))
    return grids


def largest_parts(item: Item, dataset: Dataset) -> list[Part]:
    """Choose the class with the largest object of a layout and, if objects are told apart, that object."""
    names, objects = dataset.spec.class_names, (item.instances != 0) & (item.labels != 0)  # 0 is the background
    told_apart = dataset.spec.has_instances and bool(objects.any())
    labels = item.labels[objects] if told_apart else item.labels[item.labels != 0]
    if not labels.size:
        return []
    if not told_apart:
        label = int(np.bincount(labels).argmax())
        return [Part("class", label, names[label])]
    number = int(np.bincount(item.instances[objects]).argmax())
    label = int(np.bincount(item.labels[item.instances == number]).argmax())
    return [Part("class", label, names[label]), Part("instance", number, f"one {names[label]} (instance {number})")]


def _grid(title: str, caption: str, artists: Sequence[Artist], index: int, part: Part, samples: int) -> PictureGrid:
    dataset = artists[0].easel.dataset
    item = dataset[index]
    given = (
        picture(paint_labels(item.labels, dataset.palette), f"Labels of layout {index + 1}"),
        picture(item.image, f"Photo of layout {index + 1}"),
    )
    heads = ("Labels", "Photo", *(f"Style {number}" for number in range(1, samples + 1)))
    rows = tuple(PictureRow(artist.title, (*given, *_samples(artist, index, part, samples))) for artist in artists)
    return PictureGrid(title, caption, heads, rows)


def _samples(artist: Artist, index: int, part: Part, samples: int) -> tuple[Picture, ...]:
    images = draw(artist.easel, index, part, samples)
    return tuple(
        picture(photo, f"{artist.title}, layout {index + 1}, style {number}")
        for number, photo in enumerate(to_photos(images), start=1)
    )


def picture(photo: Photo, alt: str) -> Picture:
    """Encode a photo as text for the page: small ones exactly, large ones as WebP of quality 90."""
    height, width = photo.shape[:2]
    buffer = io.BytesIO()
    image = Image.fromarray(photo)
    if not features.check("webp"):
        form = "png"
        image.save(buffer, "PNG", optimize=True)
    else:
        form = "webp"
        image.save(buffer, "WEBP", lossless=max(height, width) <= EXACT, quality=90, method=4)
    return Picture(data_uri(form, buffer.getvalue()), alt, width, height)
