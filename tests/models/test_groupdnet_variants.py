"""GroupDNet's ablations and baselines: each changes what its name says, and classes stay where they belong."""

import pytest
import torch
from random_layouts import random_layout, randomise, streams
from torch import nn
from torch.nn import functional as F
from variant_networks import noise, spec_of, tiny

from models.groupdnet.baselines import Fusion
from models.groupdnet.class_maps import split_by_class


def test_without_a_map_every_class_makes_its_part_of_the_first_grid_from_its_own_vector():
    method = tiny("groupdnet-no-map")
    layout = random_layout()
    z = method.sample_style(layout, streams(2))
    assert z.shape == (2, 32, 1, 1)
    grids = []
    method.generator.head_0.register_forward_pre_hook(lambda _, inputs: grids.append(inputs[0]))
    other = z.clone()
    other[:, 12:16] += 1  # class 3
    method.synthesize(layout, z)
    method.synthesize(layout, other)
    change = (grids[1] - grids[0]).abs().amax((0, 2, 3)) > 0
    assert torch.equal(change.unflatten(0, (8, 16)).all(1), torch.arange(8) == 3)
    assert torch.equal(change.unflatten(0, (8, 16)).any(1), torch.arange(8) == 3)
    weight, bias = (
        method.generator.fc.weight[..., 0, 0].unflatten(0, (8, -1)),
        method.generator.fc.bias.unflatten(0, (8, -1)),
    )
    linear = torch.cat([F.linear(z[:, 4 * c : 4 * c + 4, 0, 0], weight[c], bias[c]) for c in range(8)], 1)
    torch.testing.assert_close(grids[0], linear.reshape(2, 128, 4, 4))


def test_without_a_map_the_encoder_averages_before_its_heads():
    method, plain = tiny("groupdnet-no-map"), tiny("groupdnet")
    images, layout = noise(2, 3, 64, 64).clamp(-1, 1), random_layout()
    plain.encoder.load_state_dict(method.encoder.state_dict())
    features = plain.encoder.features(split_by_class(images, layout.labels, 8, (32, 32)))
    pooled = features.mean((2, 3))
    encoder = method.encoder
    mean, _ = encoder(images, layout.labels)
    centre = torch.cat(
        [F.linear(pooled[:, 16 * c : 16 * c + 16], encoder.fc_mu.weight[4 * c : 4 * c + 4, :, 1, 1]) for c in range(8)],
        1,
    )
    torch.testing.assert_close(mean[..., 0, 0], centre + encoder.fc_mu.bias)


def test_without_a_split_every_class_reads_the_whole_photo_and_no_label():
    encoder, images = tiny("groupdnet-no-split").encoder, noise(2, 3, 64, 64)
    seen = []
    encoder.layer1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    labels = random_layout().labels
    first, second = encoder(images, labels)[0], encoder(images, labels.flip(1))[0]
    assert torch.equal(first, second)
    assert torch.equal(seen[0], torch.cat([images[..., ::2, ::2]] * 8, 1))


@pytest.mark.parametrize("name", ["mulnet", "groupnet", "groupdec"])
def test_a_class_lives_in_its_own_channels_until_the_fusion(name):
    method, layout = tiny(name), random_layout()
    base, other = (method.sample_style(layout, streams(2, seed)) for seed in (1, 50))
    region = layout.labels == 3
    features = []
    method.generator.fusion.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    images = [method.synthesize(layout, style) for style in (base, method.mix_styles(base, other, layout, region))]
    channels = (features[1] - features[0]).abs().amax((0, 2, 3)).unflatten(0, (8, -1))
    assert (channels[3] > 0.01).all()
    assert channels[[0, 1, 2, 4, 5, 6, 7]].max() == 0
    assert (images[1] - images[0]).abs().max() > 0.01


@pytest.mark.parametrize("name", ["mulnet", "groupnet"])
def test_a_class_of_mulnet_and_groupnet_is_read_from_its_own_part_of_the_photo(name):
    method, layout = tiny(name), random_layout()
    images = noise(2, 3, 64, 64).clamp(-1, 1)
    changed = torch.where((layout.labels == 3)[:, None], images.flip(1), images)
    change = (method.encoder(changed, layout.labels)[0] - method.encoder(images, layout.labels)[0]).abs()
    moved = change.unflatten(1, (8, 4)).amax((2, 3, 4)) > 0
    assert torch.equal(moved, torch.tensor([[number == 3 for number in range(8)]] * 2))


def test_groupdecs_encoder_reads_no_label_and_groupencs_decoder_mixes_classes():
    layout, images = random_layout(), noise(2, 3, 64, 64)
    encoder = tiny("groupdec").encoder
    assert torch.equal(encoder(images, layout.labels)[0], encoder(images, layout.labels.flip(1))[0])
    assert all(layer.groups == 1 for layer in encoder.modules() if isinstance(layer, nn.Conv2d))
    method = tiny("groupenc")
    assert all(layer.groups == 1 for layer in method.generator.modules() if isinstance(layer, nn.Conv2d))
    assert all(layer.groups == 8 for layer in method.encoder.modules() if isinstance(layer, nn.Conv2d))


def test_mulnets_classes_see_no_other_class_of_the_layout():
    method, layout = tiny("mulnet"), random_layout()
    z = method.sample_style(layout, streams(2))
    planes = layout.onehot()
    swapped = planes[:, [1, 0, 2, 3, 4, 5, 6, 7]]
    features = []
    method.generator.fusion.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    method.generator(planes, z)
    method.generator(swapped, z)
    change = (features[1] - features[0]).abs().amax((0, 2, 3)).unflatten(0, (8, -1))
    assert (change[:2] > 0.01).all()
    assert change[2:].max() < 1e-4  # planes that lie otherwise in memory are added in another order


def test_fusion_activates_before_every_convolution_and_ends_in_tanh():
    fusion, x = randomise(Fusion(6, (5, 4))), noise(2, 6, 8, 8)
    expected = x
    for conv in (layer for layer in fusion if isinstance(layer, nn.Conv2d)):
        expected = F.conv2d(torch.where(expected > 0, expected, 0.2 * expected), conv.weight, conv.bias, padding=1)
    torch.testing.assert_close(fusion(x), expected.tanh())


def test_mulnets_encoders_are_small_encoders_side_by_side():
    method, layout, images = tiny("mulnet"), random_layout(), noise(2, 3, 64, 64).clamp(-1, 1)
    cuts = split_by_class(images, layout.labels, 8, (32, 32))
    mean, log_variance = method.encoder(images, layout.labels)
    for number, own in enumerate(method.encoder.classes):
        x = cuts[:, 3 * number : 3 * number + 3]
        for layer in (own.layer1, own.layer2, own.layer3):
            x = F.leaky_relu(layer(x), 0.2)
        part = slice(4 * number, 4 * number + 4)
        torch.testing.assert_close(mean[:, part], F.conv2d(x, own.fc_mu.weight, own.fc_mu.bias, padding=1))
        torch.testing.assert_close(log_variance[:, part], F.conv2d(x, own.fc_var.weight, own.fc_var.bias, padding=1))


RECONSTRUCTED = (
    "mulnet", "groupnet", "groupenc", "groupdec", "groupdnet-no-map", "groupdnet-no-split", "groupdnet-groupnorm",
    "groupdnet-no-specnorm", "inade-no-us", "spade-concat",
)  # fmt: skip


@pytest.mark.parametrize("name", RECONSTRUCTED)
def test_what_was_re_constructed_says_so_and_expects_no_file_of_the_authors(name):
    assert spec_of(name).note.startswith("Re-constructed: nothing was released.")
    assert not any(spec_of(name).files.values())
