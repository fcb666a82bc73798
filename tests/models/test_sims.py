"""SIMS: its networks against slow formulas, what it makes of a bank, its loss and its sizes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_layouts import randomise, streams
from torch.nn import functional as F

from models.base import Layout
from models.parts.colours import spread_colours
from models.parts.train_ids import COLOURS, VOID
from models.sims.method import (
    SIMS,
    SIMS_ORDERED,
    Order,
    SimsRecipe,
    gather,
)
from models.sims.networks import OrderingNetwork, SynthesisNetwork
from models.sims.segments import Segment
from models.training.levels import PooledPixels

SMALL = {"planes": 3, "height": 8, "width": 16, "encoder": ((3, 2), (4, 3)), "decoder": (6, 5, 4)}
TINY = SIMS.tiny


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def slow_stage(x, state, name, convolutions):
    for number in range(1, convolutions + 1):
        key = f"{name}.{name}_{number}"
        x = F.conv2d(x, state[f"{key}.weight"], padding=1)
        mean, variance = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), keepdim=True, unbiased=False)
        x = (x - mean) / (variance + 1e-12).sqrt()
        x = x * state[f"{key}.norm.weight"][:, None, None] + state[f"{key}.norm.bias"][:, None, None]
        x = torch.where(x > 0, x, 0.2 * x)
    return x


def windows(x):
    """3x3 windows of stride 2 that start at every even pixel and lose what lies beyond the last row and column."""
    rows, columns = x.shape[2] // 2, x.shape[3] // 2
    return [[x[:, :, 2 * r : 2 * r + 3, 2 * c : 2 * c + 3].flatten(2) for c in range(columns)] for r in range(rows)]


def slow_pool(x, pick):
    return torch.stack([torch.stack([pick(window) for window in row], -1) for row in windows(x)], -2)


def mean_pool(x):
    return slow_pool(x, lambda window: window.mean(2))


def max_pool(x):
    return slow_pool(x, lambda window: window.amax(2))


def resized(x, rows, columns):
    """Bilinear between the centres of the corners."""
    for axis, size in ((2, rows), (3, columns)):
        place = torch.linspace(0, x.shape[axis] - 1, size)
        low = place.floor().long()
        high = (low + 1).clamp(max=x.shape[axis] - 1)
        share = (place - low).view([-1 if a == axis else 1 for a in range(4)])
        x = x.index_select(axis, low) * (1 - share) + x.index_select(axis, high) * share
    return x


@torch.no_grad()
def test_synthesis_network_equals_a_slow_one():
    network, x = randomise(SynthesisNetwork(**SMALL)), noise(2, 7, 8, 16)
    state = network.state_dict()
    first = mean_pool(slow_stage(x, state, "g_encoder_conv1", 2))
    second = mean_pool(slow_stage(first, state, "g_encoder_conv2", 3))
    up = slow_stage(torch.cat([resized(x, 2, 4), second], 1), state, "g_decoder_conv2", 2)
    up = slow_stage(torch.cat([resized(x, 4, 8), first, resized(up, 4, 8)], 1), state, "g_decoder_conv1", 2)
    last = slow_stage(torch.cat([x, resized(up, 8, 16)], 1), state, "g_decoder_final", 2)
    image, logits = network(x)
    for found, name in ((image, "g_8_conv100"), (logits, "g_semantic_8_conv100")):
        expected = F.conv2d(last, state[f"{name}.weight"], state[f"{name}.bias"])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (image.shape, logits.shape) == ((2, 3, 8, 16), (2, 3, 8, 16))


@torch.no_grad()
def test_ordering_network_equals_a_slow_one():
    network, x = randomise(OrderingNetwork(5)).eval(), noise(2, 6, 64, 128)
    state = network.state_dict()
    read = x
    for number, convolutions in enumerate((2, 2, 3, 3, 3), start=1):
        read = slow_stage(read, state, f"g_selection_conv{number}", convolutions)
        read = mean_pool(read) if number == 1 else max_pool(read)
    read = read[:, :, :, :3].mean((2, 3))  # of four columns
    weights = state["g_selection_conv6.weight"][:, :, 0, 0]
    read = F.linear(read, weights)
    read = (read - read.mean(1, keepdim=True)) / read.var(1, keepdim=True, unbiased=False).sqrt()
    read = read * state["g_selection_conv6.norm.weight"] + state["g_selection_conv6.norm.bias"]
    read = torch.where(read > 0, read, 0.2 * read)
    last = "g_selection_classify"
    expected = F.linear(read, state[f"{last}.weight"][:, :, 0, 0], state[f"{last}.bias"])
    torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-4)


def test_ordering_network_drops_out_in_training_alone():
    network, x = randomise(OrderingNetwork(5)), noise(1, 6, 64, 64)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_network_refuses_a_size_it_cannot_halve_and_widths_that_do_not_fit():
    with pytest.raises(ValueError, match="multiples of 4 pixels and has 3 widths on the way up, not 8x18 and 3"):
        SynthesisNetwork(**SMALL | {"width": 18})
    with pytest.raises(ValueError, match="not 8x16 and 2"):
        SynthesisNetwork(**SMALL | {"decoder": (6, 5)})


class Answers(torch.nn.Module):
    """An ordering network that keeps what it saw, and answers as told."""

    def __init__(self, logits):
        super().__init__()
        self.g_selection_classify = torch.nn.Conv2d(1, 1, 1)
        self.logits, self.seen = torch.tensor(logits), None

    def forward(self, pictures):
        self.seen = pictures
        return self.logits[None]


def test_ordering_network_sees_the_pair_and_the_layout_in_colours():
    labels = np.array([[0, 1, 2], [0, 1, 3]], np.uint8)
    palette = ((10, 0, 0), (0, 20, 0), (0, 0, 30), (255, 0, 0))
    network = Answers([9.0, 1.0, 3.0, 2.0, 7.0])
    order = Order(network, labels, palette, void=3)
    assert not order.hides(Segment(0, labels == 0), Segment(1, labels == 1))
    assert order.hides(Segment(1, labels == 1), Segment(0, labels == 0))
    assert network.seen.shape == (1, 6, 2, 3)
    pair = [[palette[0], palette[1], palette[3]]] * 2
    whole = [[palette[label] for label in row] for row in labels.tolist()]
    seen = torch.tensor([pair, whole]).movedim(-1, 1).flatten(0, 1) / 255
    torch.testing.assert_close(network.seen[0], seen)


def halves(top, bottom):
    labels = np.zeros((64, 64), np.uint8)
    labels[8:32, 8:56], labels[32:56, 8:56] = top, bottom
    return labels


def photo(seed):
    return np.random.default_rng(seed).integers(30, 200, (64, 64, 3)).astype(np.uint8)


def layout_of(*maps):
    labels = torch.from_numpy(np.stack(maps).astype(np.int64))
    return Layout(labels, torch.zeros_like(labels), 8)


PAIRS = [(halves(3, 4), photo(0)), (halves(1, 2), photo(1)), (np.roll(halves(3, 4), 4, 0), photo(2))]


@pytest.fixture
def method():
    method = randomise(SIMS.build(TINY)).eval().requires_grad_(False)
    method.open_bank(gather(TINY, PAIRS).tensors())
    return method


def test_network_reads_the_drawn_layout_the_canvas_and_what_is_known(method):
    seen = []
    method.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    layout = layout_of(halves(3, 4), np.roll(halves(1, 2), 8, 1))
    method.synthesize(layout, method.sample_style(layout, streams(2)))
    assert seen[0].shape == (2, 13, 64, 64)
    for n, labels in enumerate(method.labels(layout)):
        canvas = method.canvas(labels)
        assert canvas.photo.any()
        assert torch.equal(seen[0][n, :9].argmax(0), torch.from_numpy(canvas.labels).long())
        assert torch.equal(seen[0][n, 9:12], torch.from_numpy(canvas.photo).movedim(-1, 0))
        assert torch.equal(seen[0][n, 12].bool(), torch.from_numpy(canvas.photo.any(2)))


def test_finds_decide_the_image_and_the_seeds_do_not(method):
    layout = layout_of(halves(3, 4))
    first, second = (method.synthesize(layout, method.sample_style(layout, streams(1, seed))) for seed in (0, 9))
    assert torch.equal(first, second)
    assert first.abs().max() <= 1
    method.open_bank(gather(TINY, [(labels, 255 - image) for labels, image in PAIRS]).tensors())
    other = method.synthesize(layout, method.sample_style(layout, streams(1)))
    assert (other - first).abs().max() > 0.01


def test_images_are_repeated_for_as_many_styles_as_are_asked_for(method):
    layout = layout_of(halves(3, 4), halves(1, 2))
    images = method.synthesize(layout, method.sample_style(layout.select([0, 0, 1, 1]), streams(4)))
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[2:], images[2:3].expand(2, -1, -1, -1))
    assert not torch.equal(images[1], images[2])


def test_order_of_the_classes_decides_without_the_ordering_network_and_that_network_with_it(method, monkeypatch):
    ordered = randomise(SIMS_ORDERED.build(SIMS_ORDERED.tiny)).eval().requires_grad_(False)
    bank = gather(TINY, [(halves(3, 4), photo(0)), (np.roll(halves(3, 4), 6, 0), photo(1))])
    asked = []
    monkeypatch.setattr(Order, "hides", lambda self, first, second: asked.append((first.label, second.label)) or True)
    for each in (method, ordered):
        each.open_bank(bank.tensors())
    labels = np.roll(halves(3, 4), 3, 0)
    labels[34:36] = 4  # overlaps whatever is found
    plain = method.canvas(labels)
    assert not asked
    assert (plain.labels != ordered.canvas(labels).labels).any()
    assert asked


def test_a_bank_of_photos_of_another_size_is_refused(method):
    wide = [(np.repeat(labels, 2, 1), np.repeat(image, 2, 1)) for labels, image in PAIRS]
    with pytest.raises(ValueError, match="Its photos are 64x128, the network's 64x64"):
        method.open_bank(gather(TINY, wide).tensors())


def test_methods_without_a_bank_refuse_one():
    from models.spade import SPADE

    with pytest.raises(NotImplementedError, match="draws from no bank"):
        SPADE.build(SPADE.tiny).open_bank({})


def test_cityscapes_labels_are_gathered_as_the_network_numbers_them():
    config = replace(SIMS.configs["cityscapes"], height=64, width=64)
    labels = np.full((64, 64), 23, np.uint8)  # sky
    labels[30:], labels[40:50, 20:40], labels[60:] = 7, 26, 1  # road, car, ego vehicle
    bank = gather(config, [(labels, photo(0))])
    assert sorted(np.unique(bank.labels(0)).tolist()) == [0, 10, 13, VOID]
    order = [label for label in bank.order.tolist() if label in (0, 10, 13)]
    assert order.index(0) < order.index(13)


def test_street_scene_is_that_of_the_authors():
    scene = SIMS.configs["cityscapes"].scene
    assert scene.context == (0, 1, 3, 4, 8, 9, 10)  # road, sidewalk, wall, fence, vegetation, terrain, sky
    assert (scene.ground, scene.shaded, scene.fringed, scene.void) == ((0, 1, 9), (0, 1), (8,), VOID)
    assert scene.shading == tuple(range(13, 19))
    assert len(COLOURS) == SIMS.configs["cityscapes"].planes == 20
    assert SIMS_ORDERED.configs["cityscapes"].palette == COLOURS
    assert (COLOURS[0], COLOURS[10], COLOURS[18]) == ((128, 64, 128), (70, 130, 180), (119, 11, 32))


def trained(**changes):
    method = randomise(SIMS.build(TINY))
    method.open_bank(gather(TINY, PAIRS).tensors())
    objective = replace(SIMS.tiny_recipe, **changes).objective(method, 9)
    layout = layout_of(halves(3, 4), halves(1, 2))
    return objective, noise(2, 3, 64, 64).clamp(-1, 1), layout, method.sample_style(layout, streams(2))


@torch.no_grad()
def test_loss_is_the_distance_of_all_levels_and_the_cross_entropy_of_the_layout_asked_for():
    objective, photos, layout, seeds = trained(semantic=3.0)
    seen = {}
    objective.method.generator.register_forward_hook(lambda _, inputs, outputs: seen.update(x=inputs[0], y=outputs))
    losses = objective.generator_losses(photos, layout, seeds)
    image, logits = seen["y"]
    levels = zip(PooledPixels()(image), PooledPixels()(photos), strict=True)
    assert float(losses["image"]) == pytest.approx(sum(float((a - b).abs().mean()) for a, b in levels), rel=1e-5)
    own = logits.log_softmax(1).gather(1, layout.labels[:, None])
    assert float(losses["labels"]) == pytest.approx(-3 * float(own.mean()), rel=1e-5)
    assert torch.equal(objective.fake, image)
    shown = seen["x"][:, 9:12].movedim(1, -1)
    known = (shown != 0).any(-1) & (shown != 1).any(-1)
    assert known.any()
    own_photo = ((photos + 1) / 2).movedim(1, -1)
    assert (seen["x"][:, :9].argmax(1) == 8).any()  # labels are moved, and leave void
    assert torch.isclose(shown[known], own_photo[known], atol=1e-6).all(-1).float().mean() > 0.5  # not re-coloured


def test_seed_of_the_style_decides_the_damage():
    objective, photos, layout, seeds = trained()
    first = float(objective.generator_losses(photos, layout, seeds)["image"].detach())
    assert float(objective.generator_losses(photos, layout, seeds)["image"].detach()) == first
    assert float(objective.generator_losses(photos, layout, seeds + 1)["image"].detach()) != first


def test_recipe_is_that_of_the_released_code():
    recipe = SIMS.recipes["cityscapes"]
    assert recipe == SimsRecipe()
    assert (recipe.batch, recipe.epochs, recipe.decay_epochs, recipe.betas) == (1, 800, 0, (0.9, 0.999))
    weights = recipe.perceptual_network().weights
    assert weights == pytest.approx((1, 1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5))
    rates = [recipe.lr_generator * recipe.rate_at(epoch - 1, 1) for epoch in (1, 2, 73, 74, 112, 113, 800)]
    assert rates == pytest.approx([1e-6, 1.1e-6, 1e-6 * 1.1**72, 1e-3, 1e-3, 1e-4, 1e-4])
    assert recipe.semantic == 10
    tiny = SIMS.tiny_recipe
    assert [tiny.rate_at(epoch - 1, 1) for epoch in (1, 15, 30)] == pytest.approx([1, 1, 1 - 14 / 15])


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_sizes_are_those_of_the_authors_networks():
    with torch.device("meta"):
        method = SIMS_ORDERED.build(SIMS_ORDERED.configs["cityscapes"])
        plain = SIMS.build(SIMS.configs["cityscapes"])
    assert count(method.generator) == count(plain) == 55_671_319
    assert count(method.order) == 15_267_476
    assert plain.order is None
    assert SIMS_ORDERED.tiny.palette == spread_colours(9)
