import json

import numpy as np
import pytest
import torch
from drawn_samples import draw_samples
from named_fill import named_fill

from metrics.lpips_diversity import LPIPS, LPIPS_PD, LPIPS_PHOTO
from metrics.networks.alexnet import AlexNet, channel_weights
from metrics.networks.perceptual import distance_map, squared_distance
from metrics.parts.pairs import choose_pairs
from metrics.protocol import derive


@pytest.fixture(scope="module")
def pairs(goldens):
    return dict(np.load(goldens / "lpips_alex_pairs.npz"))


def image(array):
    return torch.from_numpy(array).movedim(-1, 0)[None] / 127.5 - 1


def distance(network, a, b):
    return float(squared_distance(network.embed(a), network.embed(b)))


@pytest.mark.parametrize("index", range(6))
def test_distance_is_the_golden_one(pairs, alexnet, index):
    a, b = image(pairs[f"a{index}"]), image(pairs[f"b{index}"])
    assert distance(alexnet, a, b) == pytest.approx(float(pairs[f"lpips{index}"]), abs=1e-6)


@pytest.mark.parametrize("index", range(6))
def test_distance_map_is_the_golden_one(pairs, alexnet, index):
    a, b = image(pairs[f"a{index}"]), image(pairs[f"b{index}"])
    spatial = distance_map(alexnet.taps(a), alexnet.taps(b), a.shape[-2:])[0]
    assert float(spatial.mean()) == pytest.approx(float(pairs[f"spatial_mean{index}"]), abs=1e-6)
    np.testing.assert_allclose(spatial[::4, ::4], pairs[f"spatial{index}"], atol=1e-5)


def test_a_photo_file_with_a_classifier_loads(goldens, alexnet, linear):
    shapes = json.loads((goldens / "lpips_alex_pairs.json").read_text())["state_dict"]
    state = {key: named_fill(key, shape, "alexnet:") for key, shape in shapes.items()}
    loaded = AlexNet.from_states({**state, "classifier.1.weight": torch.zeros(2)}, linear())
    x = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
    assert torch.equal(loaded.embed(x), alexnet.embed(x))


def test_linear_layers_are_those_of_version_0_1(goldens, linear):
    prints = json.loads((goldens / "lpips_alex_pairs.json").read_text())["lin_fingerprint"]
    for weight, expected in zip(channel_weights(linear()), prints.values(), strict=True):
        assert float(weight.double().sum()) == pytest.approx(expected["sum"], rel=1e-6)
        assert weight.min() >= 0


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained':UserWarning", "ignore:Arguments other than a weight")
@pytest.mark.parametrize("version", ["0.1", "0.0"])
def test_the_lpips_package_gives_the_same_numbers(alexnet, linear, version):
    lpips = pytest.importorskip("lpips")
    package = lpips.LPIPS(net="alex", version=version, pnet_rand=True, verbose=False)  # its linear layers, no trunk
    trunk = {}
    for key, value in alexnet.state_dict().items():
        layer, kind = key.removeprefix("features.").split(".")
        trunk[f"net.slice{_slice(int(layer))}.{layer}.{kind}"] = value
    assert not package.load_state_dict(trunk, strict=False).unexpected_keys
    a, b = draw_samples(2, 1).fake[:, :1, :, :64, :64].flatten(0, 1).split(1)
    ours = AlexNet(linear(version), version).eval().requires_grad_(False)
    ours.load_state_dict(alexnet.state_dict())
    assert distance(ours, a, b) == pytest.approx(package(a, b).item(), abs=1e-6)
    package.spatial = True
    taps = ours.taps(a), ours.taps(b)
    torch.testing.assert_close(distance_map(*taps, (64, 64)), package(a, b)[:, 0], rtol=1e-4, atol=1e-6)
    whole, part = (ours.embed_of(ours.stages(image), (64, 64)) for image in (a, b))
    assert float(squared_distance(whole, part)) == pytest.approx(package(a, b).mean().item(), abs=1e-6)


def _slice(layer):
    return 1 + sum(layer > last for last in (1, 4, 7, 9))


def test_paperdolls_distance_is_the_mean_of_unit_vector_differences(paperdolls):
    a, b = draw_samples(2, 1).fake[:, 0].split(1)
    expected = 0.0
    for x, y in zip(paperdolls.stages(a), paperdolls.stages(b), strict=True):
        x, y = (torch.nn.functional.normalize(stage.double(), dim=1) for stage in (x, y))
        expected += float((x - y).square().sum(1).mean())
    assert distance(paperdolls, a, b) == pytest.approx(expected, rel=1e-5)


def test_paperdolls_takes_any_size_divisible_by_eight(paperdolls):
    stages = paperdolls.stages(torch.zeros(2, 3, 40, 24))
    assert [tuple(stage.shape) for stage in stages] == [(2, 8, 40, 24), (2, 16, 20, 12), (2, 32, 10, 6), (2, 96, 5, 3)]
    assert paperdolls(torch.zeros(2, 3, 40, 24)).shape == (2, 128)


def test_paperdolls_fid_features_are_divided_by_deviation_and_root_of_length(paperdolls):
    images = draw_samples(2, 1).fake[:, 0]
    last = torch.cat([stage.mean((2, 3)) for stage in paperdolls.stages(images)[2:]], dim=1)
    torch.testing.assert_close(paperdolls(images), last / paperdolls.fid_scale / 128**0.5)


def test_one_score_per_pair_averaged_over_layouts(setting, alexnet):
    metric = LPIPS.build(setting)
    samples = draw_samples(4, 3)
    metric.update(samples)
    expected = [
        np.mean([distance(alexnet, samples.fake[n, [i]], samples.fake[n, [j]]) for n in range(4)])
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert metric.compute()["lpips"] == pytest.approx(expected, rel=1e-5)


def test_distance_to_the_photo_per_run(setting, alexnet):
    metric = LPIPS_PHOTO.build(setting)
    samples = draw_samples(4, 3)
    metric.update(samples)
    expected = [
        np.mean([distance(alexnet, samples.fake[n, [run]], samples.real[[n]]) for n in range(4)]) for run in range(3)
    ]
    assert metric.compute()["lpips_photo"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("spec", [LPIPS, LPIPS_PHOTO])
def test_the_mean_of_the_distance_map_is_another_form(setting, alexnet, spec):
    samples, found = draw_samples(2, 3), {}
    for form in ("scalar", "spatial"):
        setting.protocol = derive(setting.protocol, [f"lpips.form={form}"])
        metric = spec.build(setting)
        metric.update(samples)
        (found[form],) = metric.compute().values()
    assert found["spatial"] != found["scalar"]
    other = samples.real if spec is LPIPS_PHOTO else samples.fake[:, 1]
    expected = distance_map(alexnet.taps(samples.fake[:, 0]), alexnet.taps(other), (64, 64)).mean()
    assert found["spatial"][0] == pytest.approx(float(expected), rel=1e-5)


def test_images_are_shared_with_fid_where_groups_are_repeats(setting):
    from metrics.fid import FID_PD

    assert LPIPS_PD.build(setting).view == FID_PD.build(setting).view


def test_random_pairs_are_distinct_and_always_the_same():
    pairs = choose_pairs("random10", 10)
    assert len(set(pairs)) == 10
    assert all(0 <= i < j < 10 for i, j in pairs)
    # Any draw would do, but published scores depend on this one.
    assert pairs == [(0, 3), (1, 9), (2, 5), (2, 8), (3, 4), (3, 5), (3, 6), (4, 5), (4, 6), (4, 7)]
    assert len(choose_pairs("random19", 100)) == 19


def test_consecutive_and_all_pairs():
    assert choose_pairs("consecutive", 4) == [(0, 1), (1, 2), (2, 3)]
    assert len(choose_pairs("all", 20)) == 190
    assert choose_pairs("random10", 3) == choose_pairs("all", 3)


def test_disjoint_pairs_share_no_image_and_repeated_ones_may_come_twice():
    assert choose_pairs("disjoint", 5) == [(0, 1), (2, 3)]
    assert len(choose_pairs("disjoint", 40)) == 20
    repeated = choose_pairs("repeated10", 3)
    assert len(repeated) == 10
    assert set(repeated) <= {(0, 1), (0, 2), (1, 2)}
    assert repeated == choose_pairs("repeated10", 3)


def test_one_image_has_no_pair(setting):
    setting.protocol = derive(setting.protocol, ["lpips.groups=1"])
    with pytest.raises(ValueError, match="at least 2"):
        LPIPS.build(setting)
