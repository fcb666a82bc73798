"""What is drawn depends on seed, layout and draw alone, and every image meets each network once."""

from __future__ import annotations

from dataclasses import astuple, is_dataclass

import pytest
import torch
from noted_items import Noted, wait_for_workers

from bench.common.catalog import methods, resolve
from bench.common.places import SHIPPED_WEIGHTS
from bench.datasets.paperdolls.dataset import open_paperdolls2
from bench.evaluation.one_pass import Pass, chosen_layouts
from bench.synthesis.images import from_bytes, to_bytes
from bench.synthesis.methods import MethodWeights, build_method
from metrics.base import Metric, View

IMAGES, CLASSES, INSTANCES = View("image", 3), View("class", 2, layouts=3), View("instance", 2, layouts=3)
CPU = torch.device("cpu")


class Collector(Metric):
    """Keep every image by what it belongs to."""

    def __init__(self, view, extractor=None):
        super().__init__(view)
        self.extractor = extractor
        self.images = {}

    def update(self, samples):
        ids = samples.index if samples.region_id is None else samples.region_id
        for n, (layout, region) in enumerate(zip(samples.index.tolist(), ids.tolist(), strict=True)):
            for k, image in enumerate(samples.fake[n]):
                key = (layout, k) if samples.region_id is None else (layout, region, k)
                assert key not in self.images
                self.images[key] = image
        if self.extractor is not None:
            samples.once(self.extractor)

    def compute(self):
        return {}


class Watched:
    """A method that remembers the style of every image, and counts."""

    def __init__(self, name="inade"):
        spec = resolve("method", methods(), name)
        # Trained where weights are shipped: untrained INADE saturates, and blows a rounding up to black or white.
        shipped = SHIPPED_WEIGHTS / "paperdolls" / f"{name}.safetensors"
        weights = MethodWeights((("", shipped, ""),)) if shipped.exists() else MethodWeights(untrained=name != "truth")
        self.method = build_method(spec, spec.tiny, weights, CPU)
        self.styles, self.calls = [], []
        inner = self.method.synthesize

        def synthesize(layout, style):
            images = inner(layout, style)
            self.calls.append(len(images))
            self.styles += split(style, len(images))
            return images

        self.method.synthesize = synthesize


def split(style, count):
    """The style of every image as one vector, without the zero rows that pad a table to the batch's largest."""
    if is_dataclass(style):
        return [torch.cat(parts) for parts in zip(*(split(part, count) for part in astuple(style)), strict=True)]
    if style is None:
        return [torch.empty(0)] * count
    return [row[: max(row.nonzero().flatten().tolist(), default=-1) + 1] for row in style.flatten(1).float()]


def draw(watched, *views, shards=None, total=5, batch_size=8, seed=0, extractor=None, workers=0, dataset=None):
    """Run a pass and return the collectors of all views."""
    metrics = {str(n): Collector(view, extractor) for n, view in enumerate(views)}
    dataset = dataset or open_paperdolls2("val")
    job = Pass(
        method=watched.method,
        dataset=dataset,
        num_layouts=total,
        metrics=metrics,
        seed=seed,
        batch_size=batch_size,
        device=CPU,
        num_workers=workers,
    )
    for _ in job.run([range(total)] if shards is None else shards, lambda count: None):
        pass
    return [metric.images for metric in metrics.values()]


def assert_close(one, two):
    # Convolutions of batches of other sizes add in another order, and a difference of one rounding can tip a pixel
    # to the next of its 256 values: all but a few are equal, and none is more than one step away.
    assert one.keys() == two.keys()
    for key, image in one.items():
        steps = (to_bytes(image).int() - to_bytes(two[key]).int()).abs()
        assert steps.max() <= 1
        assert steps.float().mean() < 0.01


@pytest.mark.parametrize("name", ["truth", "vspade", "groupdnet", "inade"])
def test_batch_size_changes_no_style_and_no_image(name):
    one, seven = Watched(name), Watched(name)
    first = draw(one, IMAGES, CLASSES, INSTANCES, total=2, batch_size=1)
    second = draw(seven, IMAGES, CLASSES, INSTANCES, total=2, batch_size=7)
    for images, others in zip(first, second, strict=True):
        assert_close(images, others)
    # In parts of one draw, styles come in another order: draw by draw of each region. As sets they are the same bits.
    assert sorted(row.numpy().tobytes() for row in one.styles) == sorted(row.numpy().tobytes() for row in seven.styles)


def test_the_generator_is_never_asked_for_more_than_a_batch():
    watched = Watched()
    draw(watched, IMAGES, CLASSES, batch_size=2)
    assert max(watched.calls) == 2


def test_shards_change_no_image():
    whole = draw(Watched(), IMAGES, CLASSES, INSTANCES)
    parts = draw(Watched(), IMAGES, CLASSES, INSTANCES, shards=[range(2), range(2, 4), range(4, 5)])
    for images, others in zip(whole, parts, strict=True):
        assert_close(images, others)


def test_an_image_does_not_depend_on_the_other_layouts():
    every = draw(Watched(), IMAGES, total=5)[0]
    alone = draw(Watched(), IMAGES, total=5, shards=[[3]])[0]
    assert_close(alone, {key: image for key, image in every.items() if key[0] == 3})


def test_an_image_does_not_depend_on_the_other_views():
    assert_close(draw(Watched(), CLASSES)[0], draw(Watched(), IMAGES, INSTANCES, CLASSES)[2])


def test_more_draws_keep_the_first_ones():
    few, many = draw(Watched(), IMAGES)[0], draw(Watched(), View("image", 5))[0]
    assert_close(few, {key: image for key, image in many.items() if key[1] < 3})


def test_seed_layout_region_and_draw_each_change_the_image():
    watched = Watched()
    images, regions = draw(watched, IMAGES, CLASSES)
    again = draw(watched, IMAGES, seed=1)[0]
    assert not torch.equal(images[0, 0], again[0, 0])
    assert not torch.equal(images[0, 0], images[0, 1])
    assert not torch.equal(regions[0, 3, 0], regions[0, 3, 1])
    assert not torch.equal(regions[0, 3, 0], regions[0, 4, 0])
    streams = {row.numpy().tobytes() for row in watched.styles}
    assert len(streams) == len(watched.styles)  # no two images anywhere share a style


def test_every_region_has_styles_of_its_own():
    watched = Watched("vspade")  # re-styles whole images, so that the drawn style is seen unmixed
    draw(watched, CLASSES, total=1)
    assert len({row.numpy().tobytes() for row in watched.styles}) == len(watched.styles)


@pytest.mark.parametrize("view", [CLASSES, INSTANCES], ids=["class", "instance"])
def test_the_truth_changes_its_region_and_nothing_else(view):
    data = open_paperdolls2("val")
    images = draw(Watched("truth"), view)[0]
    for (layout, region, draw_number), image in images.items():
        if draw_number:
            ids = data[layout].labels if view is CLASSES else data[layout].instances
            inside = torch.from_numpy(ids == region)
            differs = (image != images[layout, region, 0]).any(0)
            assert differs[inside].any()
            assert not differs[~inside].any()


def test_every_image_meets_the_generator_and_a_shared_network_once():
    watched, seen = Watched(), []

    def network(images):
        seen.append(len(images))
        return images

    draw(watched, IMAGES, IMAGES, CLASSES, CLASSES, extractor=network)
    images, regions = (len(found) for found in draw(Watched(), IMAGES, CLASSES))
    assert sum(watched.calls) == sum(seen) == images + regions


def test_images_are_those_a_png_holds():
    for image in draw(Watched(), IMAGES, total=2)[0].values():
        assert torch.equal(from_bytes(to_bytes(image)), image)


def test_layouts_are_chosen_evenly_over_the_data_set():
    assert chosen_layouts(View("class", 2, layouts=4), 10) == [0, 2, 5, 7]
    assert chosen_layouts(View("class", 2, layouts=10), 10) == list(range(10))
    assert chosen_layouts(View("class", 2, layouts=11), 10) == list(range(10))
    assert {layout for layout, *_ in draw(Watched(), CLASSES)[0]} == {0, 1, 3}


@pytest.mark.parametrize("workers", [0, 2])
def test_every_item_is_read_once_per_view(tmp_path, workers):
    dataset = Noted(tmp_path)
    draw(Watched("truth"), IMAGES, IMAGES, CLASSES, dataset=dataset, workers=workers)
    assert dataset.read == [0, 0, 1, 1, 2, 3, 3, 4]


def test_workers_change_no_bit():
    wait_for_workers(2)
    alone = draw(Watched(), IMAGES, CLASSES, shards=[range(2), range(2, 5)])
    helped = draw(Watched(), IMAGES, CLASSES, shards=[range(2), range(2, 5)], workers=2)
    for images, others in zip(alone, helped, strict=True):
        assert images.keys() == others.keys()
        assert all(torch.equal(image, others[key]) for key, image in images.items())
