"""What every method of the table promises, on the tiny networks."""

import importlib
import re
from dataclasses import is_dataclass, replace

import pytest
import torch
from random_layouts import random_layout, randomise, streams

import models
from models.base import Layout

SCOPES = ("none", "image", "class", "instance")
SHARED_WEIGHT = re.compile("conv_bases|affine_params")  # of ReLUs of vectors, which may be zero at all positions
STYLED_BY_PHOTOS = ("sean", "maskgan", "scgan-unpaired")
NOT_BY_CHANCE = ("maskgan", "scgan-unpaired")  # whose only style without a photo is a grey picture's


def spec_of(name):
    module, attribute = models.METHODS[name][0].split(":")
    return getattr(importlib.import_module(module), attribute)


@pytest.fixture(params=models.METHODS, scope="module")
def spec(request):
    return spec_of(request.param)


@pytest.fixture(scope="module")
def method(spec):
    return randomise(spec.build(spec.tiny)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def layout():
    return random_layout()


def draw(method, layout, seed=0):
    return method.synthesize(layout, method.sample_style(layout, streams(len(layout), seed)))


def parts(style):
    """The tensors a style is made of."""
    if style is None:
        return []
    return [getattr(style, name) for name in style.__dataclass_fields__] if is_dataclass(style) else [style]


def rebuilt(style, tensors):
    if style is None:
        return None
    if is_dataclass(style):
        return replace(style, **dict(zip(style.__dataclass_fields__, tensors, strict=True)))
    return tensors[0]


def stacked(styles):
    """Styles of the same single layout, as the K styles of one call."""
    return rebuilt(styles[0], [torch.cat(tensors) for tensors in zip(*map(parts, styles), strict=True)])


@pytest.mark.parametrize("name", models.METHODS)
def test_entry_names_itself(name):
    spec = spec_of(name)
    assert spec.name == name
    assert spec.scope in SCOPES
    assert spec.build(spec.tiny).scope == spec.scope


def test_images_are_rgb_between_minus_one_and_one_and_not_flat(method, layout):
    images = draw(method, layout)
    assert images.shape == (2, 3, 64, 64)
    assert images.abs().max() <= 1
    assert images.std((1, 2, 3)).min() > 0.01


def test_images_may_be_wider_than_high(spec):
    if not hasattr(spec.tiny, "width"):
        pytest.skip("one size only")
    method = randomise(spec.build(replace(spec.tiny, width=128))).eval()
    with torch.no_grad():
        assert draw(method, random_layout(width=128)).shape == (2, 3, 64, 128)


def test_every_trainable_parameter_learns(spec, layout):
    if spec.tiny_recipe is None:
        pytest.skip("nothing to train")
    method = randomise(spec.build(spec.tiny)).train()
    objective = spec.tiny_recipe.objective(method, method.planes(layout).shape[1])
    randomise(objective.discriminator, seed=1)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    noise = method.sample_style(layout, streams(2))
    torch.stack(list(objective.generator_losses(images, layout, noise).values())).sum().backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # A bias in front of a norm has a gradient of exactly zero in theory.
        may_rest = name.endswith("bias") or (spec.name == "scgan-relu" and SHARED_WEIGHT.search(name))
        assert parameter.grad.abs().max() > 0 or may_rest, name
    assert ("D" in objective.order) == any(True for _ in objective.discriminator.parameters())
    if "D" not in objective.order:
        return
    objective.discriminator.zero_grad()
    torch.stack(list(objective.discriminator_losses(images, layout, noise).values())).sum().backward()
    for name, parameter in objective.discriminator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_same_streams_give_the_same_images_and_others_other_images(spec, method, layout):
    assert torch.equal(draw(method, layout), draw(method, layout))
    if spec.scope != "none" and spec.name not in NOT_BY_CHANCE:
        assert (draw(method, layout) - draw(method, layout, seed=9)).abs().amax((1, 2, 3)).min() > 0.01


def test_an_image_does_not_depend_on_its_neighbours_in_the_batch(method, layout):
    other = random_layout(seed=5, count=3, instances=11)
    neighbours = Layout(
        torch.cat([layout.labels[1:], other.labels]), torch.cat([layout.instances[1:], other.instances]), 8
    )
    alone = draw(method, layout, seed=0)[1]
    together = method.synthesize(neighbours, method.sample_style(neighbours, [*streams(1, 1), *streams(3, 30)]))[0]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_a_layout_draws_from_its_own_stream_alone(spec, method, layout):
    first = method.sample_style(layout, streams(2))
    second = method.sample_style(layout, [torch.Generator().manual_seed(77), *streams(1, 1)])
    pairs = list(zip(parts(first), parts(second), strict=True))
    assert all(torch.equal(a[1], b[1]) for a, b in pairs)
    assert spec.scope == "none" or spec.name in NOT_BY_CHANCE or any(not torch.equal(a[0], b[0]) for a, b in pairs)


def test_many_styles_in_one_call_equal_single_calls(spec, method, layout):
    if spec.scope == "none":
        pytest.skip("one image per layout")
    singles = [method.sample_style(layout.select([n]), streams(1, seed)) for n in range(2) for seed in (1, 2, 3)]
    rows = max(tensor.shape[1] for style in singles for tensor in parts(style)[:1])
    padded = [rebuilt(style, [_padded(parts(style)[0], rows), *parts(style)[1:]]) for style in singles]
    together = method.synthesize(layout, stacked(padded))
    assert together.shape == (6, 3, 64, 64)
    for number, style in enumerate(singles):
        alone = method.synthesize(layout.select([number // 3]), style)
        torch.testing.assert_close(together[number], alone[0], atol=1e-5, rtol=0)


def _padded(tensor, rows):
    extra = torch.zeros(len(tensor), rows - tensor.shape[1], *tensor.shape[2:])
    return torch.cat([tensor, extra], 1)


def skip_styles_of_another_kind(spec):
    if spec.name in STYLED_BY_PHOTOS:
        pytest.skip("styles are read from photos and not drawn; see its own tests")


def test_mixing_goes_as_far_as_the_scope(spec, method, layout):
    skip_styles_of_another_kind(spec)
    base, other = (method.sample_style(layout, streams(2, seed)) for seed in (1, 50))
    region = (layout.labels == 3) & (layout.instances == layout.instances[layout.labels == 3][0])
    mixed = method.mix_styles(base, other, layout, region)
    for b, o, m in zip(parts(base), parts(other), parts(mixed), strict=True):
        taken = region[:, None] if spec.name in STYLED_BY_PIXEL else _taken(spec.scope, b, layout, region)
        torch.testing.assert_close(m, torch.where(taken, o, b), rtol=0, atol=0)


STYLED_BY_PIXEL = ("oasis",)  # whatever the region is


def _taken(scope, tensor, layout, region):
    """Which numbers of a style may change, counted pixel by pixel."""
    taken = torch.zeros(tensor.shape, dtype=torch.bool)
    for n in range(len(layout)):
        if scope == "image":
            taken[n] = True
        for number in layout.labels[n][region[n]].unique().tolist() if scope == "class" else ():
            taken[n, 4 * number : 4 * number + 4] = True  # latent channels per class of the tiny network
        for number in layout.instances[n][region[n]].unique().tolist() if scope == "instance" else ():
            if tensor.ndim > 2:  # the start vector belongs to no instance
                taken[n, number] = True
    return taken


# A class has channels of its own in these, or shares them, wherever it lies: only training binds it to its place.
LOCAL_BY_TRAINING = ("groupnet", "groupenc", "groupdec", "groupdnet-groupnorm")


def test_mixing_changes_the_picture_mostly_where_the_scope_allows(spec, method, layout):
    skip_styles_of_another_kind(spec)
    if spec.name in LOCAL_BY_TRAINING:
        pytest.skip("nothing but training keeps a class in its place")
    base, other = (method.sample_style(layout, streams(2, seed)) for seed in (1, 50))
    region = layout.labels == 3 if spec.scope != "instance" else layout.instances == 3
    change = (
        method.synthesize(layout, method.mix_styles(base, other, layout, region)) - method.synthesize(layout, base)
    ).abs()
    inside, outside = change.mean(1)[region].mean(), change.mean(1)[~region].mean()
    if spec.scope == "none":
        assert change.max() == 0
    elif spec.scope == "image":
        assert outside > 0.01
    else:
        assert inside > max(0.01, outside)


def test_mixing_everywhere_is_the_other_style(spec, method, layout):
    skip_styles_of_another_kind(spec)
    if spec.scope == "none":
        pytest.skip("no style")
    base, other = (method.sample_style(layout, streams(2, seed)) for seed in (1, 50))
    mixed = method.mix_styles(base, other, layout, torch.ones_like(layout.labels, dtype=torch.bool))
    if spec.name in STYLED_BY_PIXEL:
        assert torch.equal(mixed, other.expand_as(mixed))
    elif spec.scope == "class":
        present = layout.classes_in(torch.ones_like(layout.labels)).repeat_interleave(4, 1)[..., None, None]
        assert torch.equal(mixed, torch.where(present, other, base))
    elif spec.scope == "instance":
        present = layout.instances_in(torch.ones_like(layout.labels))[..., None, None]
        assert torch.equal(mixed.noise, torch.where(present, other.noise, base.noise))
        assert torch.equal(mixed.start, base.start)
    else:
        assert torch.equal(mixed, other)


def test_reading_a_photo_is_deterministic_and_its_divergence_no_less_than_zero(method, layout):
    noise = method.sample_style(layout, streams(2))
    images = draw(method, layout, seed=4)
    if method.encoder is None:
        with pytest.raises(NotImplementedError, match="photo"):
            method.encode_style(images, layout, noise)
        return
    (first, divergence), (second, again) = (method.encode_style(images, layout, noise) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(parts(first), parts(second), strict=True))
    assert torch.equal(divergence, again)
    assert divergence.shape == (2,)
    assert divergence.min() >= 0
    changed, _ = method.encode_style(images.flip(0), layout, noise)
    assert any(not torch.equal(a, b) for a, b in zip(parts(first), parts(changed), strict=True))


def test_reading_a_photo_does_not_depend_on_its_neighbours(method, layout):
    if method.encoder is None:
        pytest.skip("no encoder")
    noise = method.sample_style(layout, streams(2))
    images = draw(method, layout, seed=4)
    together, divergence = method.encode_style(images, layout, noise)
    single = layout.select([1])
    alone, own = method.encode_style(images[1:], single, method.sample_style(single, streams(1, 1)))
    torch.testing.assert_close(own, divergence[1:], rtol=1e-4, atol=1e-4)
    for a, b in zip(parts(together), parts(alone), strict=True):
        torch.testing.assert_close(a[1:2, : b.shape[1]], b, rtol=1e-4, atol=1e-4)


def test_zero_noise_is_moved_to_the_mean_and_unit_noise_by_one_deviation(spec, method, layout):
    skip_styles_of_another_kind(spec)
    if method.encoder is None or spec.name == "munit":
        pytest.skip("no encoder of means and deviations")
    noise, images = method.sample_style(layout, streams(2)), draw(method, layout, seed=4)
    moved = [
        parts(
            method.encode_style(images, layout, rebuilt(noise, [value * torch.ones_like(t) for t in parts(noise)]))[0]
        )
        for value in (0.0, 1.0, 2.0)
    ]
    mean, one, two = (tensors[0] for tensors in moved)
    assert (one - mean).min() > 0
    torch.testing.assert_close(two - mean, 2 * (one - mean), rtol=1e-4, atol=1e-5)


def test_inade_sample_does_not_depend_on_the_instance_count_of_its_neighbours():
    spec = spec_of("inade")
    method = spec.build(replace(spec.tiny, noise_size=3))  # 6 numbers an instance: no round share of a random block
    few, many = random_layout(count=1, instances=3), random_layout(seed=1, count=1, instances=40)
    both = Layout(torch.cat([few.labels, many.labels]), torch.cat([few.instances, many.instances]), 8)
    alone, together = method.sample_style(few, streams(1)), method.sample_style(both, streams(2))
    assert together.noise.shape[1] == int(many.instances.max()) + 1 > few.num_instances
    assert torch.equal(together.noise[:1, : few.num_instances], alone.noise)
    assert torch.equal(together.start[:1], alone.start)


def test_inade_noise_of_an_instance_changes_only_that_instance_before_the_convolutions_spread_it():
    spec = spec_of("inade")
    norm = randomise(spec.build(spec.tiny)).eval().generator.head_0.norm_0
    layout = random_layout()
    from models.inade import _Condition
    from models.parts.lookup import PairIndex

    x = torch.randn(2, 128, 8, 8, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(2, 6, 2, 8, generator=torch.Generator().manual_seed(1))
    other = noise.clone()
    other[:, 4] += 1
    pairs = PairIndex(layout.labels, layout.instances)
    change = norm(x, _Condition(pairs, other)) - norm(x, _Condition(pairs, noise))
    touched = change.abs().amax(1) > 0
    assert torch.equal(touched, layout.instances[:, ::8, ::8] == 4)
