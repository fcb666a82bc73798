"""CRN: its cascade and its loss against slow formulas, which images it draws, and its sizes."""

from dataclasses import replace

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch.nn import functional as F

from metrics.complexity import Macs
from models.base import Layout
from models.crn import CRN, Crn, CrnConfig, CrnGenerator, CrnRecipe, class_errors
from models.parts.train_ids import CITYSCAPES, VOID
from models.training.levels import AveragedVgg19, PooledPixels

SMALL = CrnConfig(3, 16, 32, widths=(5, 4, 6), images=4)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def planes_of(height, width, classes=3, count=2, seed=0):
    labels = torch.randint(0, classes, (count, height, width), generator=torch.Generator().manual_seed(seed))
    return F.one_hot(labels, classes).movedim(-1, 1).float()


def slow_normed(x, state, key):
    """A convolution, the norm over everything but the batch, and the leak, written out."""
    x = F.conv2d(x, state[f"{key}.weight"], padding=1)
    mean, variance = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), keepdim=True, unbiased=False)
    x = (x - mean) / (variance + 1e-12).sqrt()
    x = x * state[f"{key}.norm.weight"][:, None, None] + state[f"{key}.norm.bias"][:, None, None]
    return torch.where(x > 0, x, 0.2 * x)


def slow_doubled(x):
    """Bilinear between the corners' centres: output i reads position i * (n - 1) / (2 n - 1)."""
    for axis in (2, 3):
        size = x.shape[axis]
        place = torch.arange(2 * size) * (size - 1) / (2 * size - 1)
        low = place.floor().long().clamp(max=size - 1)
        high = (low + 1).clamp(max=size - 1)
        share = (place - low).view([-1 if a == axis else 1 for a in range(4)])
        x = x.index_select(axis, low) * (1 - share) + x.index_select(axis, high) * share
    return x


def slow_cascade(state, planes):
    halves = [planes]
    while halves[0].shape[2] > 4:
        p = halves[0]
        halves.insert(0, (p[:, :, ::2, ::2] + p[:, :, 1::2, ::2] + p[:, :, ::2, 1::2] + p[:, :, 1::2, 1::2]) / 4)
    x = None
    for shares in halves:
        x = shares if x is None else torch.cat([slow_doubled(x), shares], 1)
        for number in (1, 2):
            x = slow_normed(x, state, f"g_{shares.shape[2]}_conv{number}")
    x = F.conv2d(x, state["g_16_conv100.weight"], state["g_16_conv100.bias"])
    return torch.stack([x[:, [i, 4 + i, 8 + i]] for i in range(4)], 1)


@torch.no_grad()
def test_cascade_equals_a_slow_one():
    network, planes = randomise(CrnGenerator(SMALL)), planes_of(16, 32)
    images = network(planes)
    assert images.shape == (2, 4, 3, 16, 32)
    torch.testing.assert_close(images, slow_cascade(network.state_dict(), planes), rtol=1e-4, atol=1e-5)


def test_network_refuses_a_size_it_cannot_reach_by_doubling():
    with pytest.raises(ValueError, match="draws multiples of 4 pixels, not 16x30"):
        CrnGenerator(replace(SMALL, width=30))


@pytest.fixture(scope="module")
def method():
    method = randomise(Crn(replace(CRN.tiny, widths=(8, 8, 8, 8, 8)))).eval().requires_grad_(False)
    method.generator.g_64_conv100.bias += 0.5  # so that some pixels are brighter than white
    return method


def test_style_is_the_number_of_an_image_and_the_first_is_taken(method):
    layout = random_layout()
    style = method.sample_style(layout, streams(2))
    assert style.tolist() == [0, 0]
    drawn = method.generator(method.planes(layout))
    assert drawn.abs().max() > 1
    assert torch.equal(method.synthesize(layout, style), drawn[:, 0].clamp(-1, 1))
    chosen = method.synthesize(layout, torch.tensor([1, 8, 3, 0]))  # two images of each layout
    expected = torch.stack([drawn[0, 1], drawn[0, 8], drawn[1, 3], drawn[1, 0]]).clamp(-1, 1)
    assert torch.equal(chosen, expected)


def test_cityscapes_ids_become_the_nineteen_classes_and_void():
    names = "road sidewalk building wall fence pole light sign vegetation terrain sky person rider car truck bus"
    ids = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]  # of the names; train, cycles
    assert len(CITYSCAPES) == 35
    assert [CITYSCAPES[number] for number in ids] == list(range(19)), names
    assert {CITYSCAPES[number] for number in range(35) if number not in ids} == {VOID}


def test_network_reads_the_planes_of_its_own_numbers():
    with torch.device("meta"):
        method = Crn(CRN.configs["cityscapes"])
    labels = torch.tensor([[[7, 0, 34, 33]]])
    planes = method.planes(Layout(labels, torch.zeros_like(labels), 35))
    assert planes.shape == (1, 20, 1, 4)
    assert planes[0, :, 0].argmax(0).tolist() == [0, VOID, VOID, 18]


class Levels:
    """Two levels with weights: the image, and its mean over squares of two."""

    weights = (0.5, 3.0)

    def __call__(self, images):
        return [images, F.avg_pool2d(images, 2)]


def test_error_of_a_class_is_the_masked_distance_averaged_over_the_whole_image():
    drawn, photos, planes = noise(2, 3, 3, 4, 8), noise(2, 3, 4, 8, seed=1), planes_of(4, 8)
    errors = class_errors(drawn, photos, planes, Levels())
    assert errors.shape == (2, 3, 3)
    for n, i, p in ((0, 0, 0), (1, 2, 1), (0, 1, 2)):
        expected = 0.0
        for weight, side in ((0.5, 1), (3.0, 2)):
            a, b, m = (F.avg_pool2d(x[None], side)[0] for x in (drawn[n, i], photos[n], planes[n, p : p + 1]))
            expected += weight * float((m[0] * (a - b).abs().mean(0)).mean())
        assert float(errors[n, i, p]) == pytest.approx(expected, rel=1e-5)
    pairs = zip(Levels.weights, Levels()(drawn[0, 0]), Levels()(photos[0]), strict=True)
    whole = sum(weight * F.l1_loss(a, b) for weight, a, b in pairs)
    assert float(errors[0, 0].sum()) == pytest.approx(float(whole), rel=1e-5)  # every pixel has one class


def made(recipe):
    method = randomise(Crn(replace(CRN.tiny, widths=(8, 8, 8, 8, 8), images=3)))
    objective = recipe.objective(method, 8)
    objective.perceptual = Levels()
    return objective, noise(2, 3, 64, 64).clamp(-1, 1), random_layout()


@pytest.mark.parametrize("best", [1.0, 0.0, 0.75])
@torch.no_grad()
def test_loss_takes_the_best_image_of_every_class_and_a_share_of_all(best):
    objective, photos, layout = made(replace(CRN.tiny_recipe, best=best))
    losses = objective.generator_losses(photos, layout, None)
    planes = objective.method.planes(layout)
    errors = class_errors(objective.method.generator(planes), photos, planes, Levels())
    smallest = sum(float(min(errors[n, :, p])) for n in range(2) for p in range(8)) / 2
    assert float(losses["best"]) == pytest.approx(best * smallest, rel=1e-5, abs=1e-6)
    assert float(losses["all"]) == pytest.approx((1 - best) * float(errors.sum()) / 3 / 2, rel=1e-5, abs=1e-6)
    assert objective.fake.shape == photos.shape


def test_an_image_that_is_best_in_no_class_does_not_move():
    drawn, photos = noise(1, 4, 3, 8, 8).requires_grad_(), noise(1, 3, 8, 8, seed=1)
    errors = class_errors(drawn, photos, planes_of(8, 8, classes=2, count=1), Levels())
    errors.amin(1).sum().backward()
    winners = {int(errors[0, :, p].argmin()) for p in range(2)}
    assert {image for image in range(4) if drawn.grad[0, image].abs().max() > 0} == winners


def test_without_a_network_the_levels_are_averaged_grey_levels():
    images = noise(1, 3, 32, 32).clamp(-1, 1)
    levels = PooledPixels()(images)
    assert [level.shape[2] for level in levels] == [32, 16, 8, 4, 2]
    assert len(levels) == len(PooledPixels.weights)
    torch.testing.assert_close(levels[0], images * 127.5)
    torch.testing.assert_close(levels[3], levels[0].unflatten(3, (4, 8)).unflatten(2, (4, 8)).mean((3, 5)))


@torch.no_grad()
def test_levels_of_vgg19_are_torchvisions_features_with_average_pooling_in_grey_levels():
    torchvision = pytest.importorskip("torchvision")
    ours = randomise(CrnRecipe().perceptual_network())
    theirs = torchvision.models.vgg19().features[:32].eval()
    theirs.load_state_dict({key.removeprefix("features."): value for key, value in ours.state_dict().items()})
    images = noise(2, 3, 32, 32).clamp(-1, 1)
    normalize = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    expected, x = [images * 127.5], normalize((images + 1) / 2)
    for number, layer in enumerate(theirs):
        x = F.avg_pool2d(x, 2) if isinstance(layer, torch.nn.MaxPool2d) else layer(x.clone())
        if number in (3, 8, 13, 22, 31):  # relu1_2, relu2_2, relu3_2, relu4_2, relu5_2
            expected.append(x * 255 * 0.226)
    found = ours(images)
    assert len(found) == 6
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)
    assert not any(parameter.requires_grad for parameter in ours.parameters())


def test_recipe_is_that_of_the_released_code():
    recipe = CRN.recipes["cityscapes"]
    assert set(CRN.recipes) == set(CRN.configs) == {"cityscapes", "ade20k", "ade20k-outdoor", "coco-stuff"}
    assert (recipe.batch, recipe.epochs, recipe.decay_epochs, recipe.flip) == (1, 200, 0, False)
    assert (recipe.lr_generator, recipe.betas, recipe.best) == (1e-4, (0.9, 0.999), 0.999)
    assert isinstance(recipe.perceptual_network(), AveragedVgg19)
    assert recipe.perceptual_network().weights == pytest.approx((1, 1 / 1.6, 1 / 2.3, 1 / 1.8, 1 / 2.8, 12.5))
    assert recipe.rate_at(10**6, 2975) == 1
    assert CRN.tiny_recipe.perceptual == 0


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("dataset", "parameters", "gmacs"),
    [
        ("cityscapes", 97_875_483, "1074.98"),
        ("ade20k", 105_119_259, "593.5"),
        ("ade20k-outdoor", 105_119_259, "593.5"),
        ("coco-stuff", 106_888_731, "607.2"),
    ],
)
def test_size_and_cost_are_those_of_the_authors_network(dataset, parameters, gmacs):
    with torch.device("meta"):
        config = CRN.configs[dataset]
        network = CrnGenerator(config)
        planes = torch.zeros(1, config.planes, config.height, config.width)
        counted = Macs().measure(network, lambda: network(planes))
    assert count(network) == parameters
    assert f"{counted['gmacs']:.{len(gmacs.partition('.')[2])}f}" == gmacs


@pytest.mark.parametrize(("rows", "parameters", "gmacs"), [(512, 98_622_851, "1472.0"), (1024, 98_674_531, "1580.7")])
def test_larger_networks_of_one_image_are_the_authors_too(rows, parameters, gmacs):
    widths = (*CRN.configs["cityscapes"].widths, 128, 32)[: rows.bit_length() - 2]
    with torch.device("meta"):
        network = CrnGenerator(CrnConfig(20, rows, 2 * rows, widths, images=1))
        planes = torch.zeros(1, 20, rows, 2 * rows)
        counted = Macs().measure(network, lambda: network(planes))
    assert count(network) == parameters
    assert f"{counted['gmacs']:.1f}" == gmacs
