import json

import numpy as np
import pytest
import torch
from named_fill import filled_state
from torch.nn import functional as F

from bench.weights.tensors import read_weights
from metrics.networks.inception import FIDInception, TorchvisionInception, load_inception
from metrics.networks.resize import WAYS, bicubic_clipped, bilinear, bilinear_tf1
from metrics.protocol import FidMode

MODES = {
    "pytorch_fid": ("fid_inception_public", "pool3_pytorch_fid"),
    "legacy_pytorch": ("fid_inception_public", "pool3_pytorch_fid"),
    "legacy_tensorflow": ("fid_inception_public", "pool3_tf1"),
    "clean": ("fid_inception_public", "pool3_clean"),
    "torchvision": ("fid_inception_legacy_torchvision_public", "pool3_legacy_pm1"),
    "torchvision_imagenet": ("fid_inception_legacy_torchvision_public", "pool3_legacy_imagenet_affine"),
}
NETWORKS = {"fid_inception_public": FIDInception, "fid_inception_legacy_torchvision_public": TorchvisionInception}


@pytest.fixture(scope="module")
def golden(goldens):
    return {
        name: (json.loads((goldens / f"{name}.json").read_text()), dict(np.load(goldens / f"{name}.npz")))
        for name in NETWORKS
    }


@pytest.fixture(scope="module")
def files(golden, tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("weights"), {}
    for name, network in NETWORKS.items():
        facts, _ = golden[name]
        state = filled_state(network(), facts["salt"], facts["gain"])
        found[name] = folder / f"{name}.pth"
        # The released files exist with and without these counters.
        torch.save({key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}, found[name])
    return found


@pytest.fixture(scope="module")
def network(files):
    return load_inception(read_weights(files["fid_inception_public"]), "pytorch_fid")


def images(golden, name):
    facts, arrays = golden[name]
    return [torch.from_numpy(arrays[key]).movedim(-1, 0)[None] for key in facts["inputs"]]


def features(network, pixels):
    with torch.inference_mode():
        return network(pixels / 127.5 - 1)


def assert_near(found, expected, tolerance=2e-5):
    assert np.abs(np.asarray(found) - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_and_shapes_are_those_of_the_released_file(golden, name):
    facts, _ = golden[name]
    network = NETWORKS[name]()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == facts["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == facts["param_count"]


def test_every_mode_of_the_protocol_has_its_way():
    assert set(WAYS) == set(MODES) == set(FidMode.__args__)


@pytest.mark.parametrize("mode", MODES)
def test_features_are_the_golden_ones(golden, files, mode):
    name, array = MODES[mode]
    network = load_inception(read_weights(files[name]), mode)
    expected = golden[name][1][array]
    found = torch.cat([features(network, pixels) for pixels in images(golden, name)])
    assert_near(found, expected)


def test_folding_leaves_float_noise_and_no_norm(golden, files, network):
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    plain = FIDInception().eval()
    plain.load_state_dict(torch.load(files["fid_inception_public"], weights_only=True), strict=False)
    pixels = images(golden, "fid_inception_public")[0]
    assert_near(features(network, pixels), features(plain, pixels).numpy(), 2e-6)
    network.fold()
    assert_near(features(network, pixels), features(plain, pixels).numpy(), 2e-6)


def test_a_batch_has_the_features_of_its_images(golden, network):
    pixels = torch.cat(
        [images(golden, "fid_inception_public")[0]] * 2 + [images(golden, "fid_inception_public")[0] // 2]
    )
    alone = torch.cat([features(network, each[None]) for each in pixels])
    assert_near(features(network, pixels), alone.numpy(), 2e-6)


def test_a_file_of_another_network_is_refused_by_name(files):
    with pytest.raises(ValueError, match=r"does not hold a FIDInception.*'AuxLogits.*'fc.weight'"):
        load_inception(read_weights(files["fid_inception_legacy_torchvision_public"]), "clean")
    with pytest.raises(ValueError, match=r"does not hold a TorchvisionInception: missing \['AuxLogits"):
        load_inception(read_weights(files["fid_inception_public"]), "torchvision")


# The installed peers


def test_pytorch_fid_gives_the_same_features_of_a_png(golden, files, network, monkeypatch):
    from pytorch_fid import inception as theirs

    state = torch.load(files["fid_inception_public"], weights_only=True)
    counters = {key: value for key, value in FIDInception().state_dict().items() if key.endswith("num_batches_tracked")}
    monkeypatch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {**state, **counters})
    peer = theirs.InceptionV3().eval()
    pixels = images(golden, "fid_inception_public")[1]
    with torch.inference_mode():
        expected = peer(pixels / 255)[0].flatten(1).numpy()
    assert_near(features(network, pixels), expected, 2e-6)


def test_torch_fidelity_gives_the_same_features_and_logits(golden, files):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    plain = FIDInception("legacy_tensorflow")
    plain.load_state_dict(torch.load(files["fid_inception_public"], weights_only=True), strict=False)
    path = files["fid_inception_public"].with_name("with_counters.pth")
    torch.save(plain.state_dict(), path)
    peer = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(path))
    pixels = images(golden, "fid_inception_public")[1]
    with torch.inference_mode():
        expected, logits = peer(pixels)
        network = load_inception(read_weights(path), "legacy_tensorflow")
        found = features(network, pixels)
        assert_near(found, expected.numpy(), 2e-6)
        assert_near(network.logits(found), logits.numpy(), 2e-6)


def test_torchmetrics_is_tensorflows_mode_without_its_antialias(golden, files):
    from torchmetrics.image.fid import NoTrainInceptionV3

    plain = FIDInception("legacy_tensorflow")
    plain.load_state_dict(torch.load(files["fid_inception_public"], weights_only=True), strict=False)
    path = files["fid_inception_public"].with_name("for_torchmetrics.pth")
    torch.save(plain.state_dict(), path)
    pixels = images(golden, "fid_inception_public")[1]
    with torch.inference_mode():
        found = features(load_inception(read_weights(path), "legacy_tensorflow"), pixels)
        peers = [NoTrainInceptionV3("inception", ["2048"], str(path), antialias) for antialias in (False, True)]
        alike, default = (peer(pixels.to(torch.uint8)).numpy() for peer in peers)
    assert_near(found, alike, 2e-6)
    assert np.abs(found.numpy() - default).max() > 1e-3 * np.abs(default).max()


def test_torchvision_gives_the_same_classes(golden, files):
    from torchvision.models import Inception3

    peer = Inception3(num_classes=1000, transform_input=False, init_weights=False).eval()
    path = files["fid_inception_legacy_torchvision_public"]
    peer.load_state_dict(torch.load(path, weights_only=True), strict=False)
    network = load_inception(read_weights(path), "torchvision")
    pixels = images(golden, "fid_inception_public")[1]
    with torch.inference_mode():
        expected = peer(F.interpolate(pixels / 255, (299, 299), mode="bilinear") * 2 - 1)
    assert_near(network.logits(features(network, pixels)), expected.numpy(), 5e-6)


SIZES = [(64, 64), (256, 256), (256, 512), (320, 401), (299, 299), (31, 700)]


def noise(height, width):
    generator = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, (1, 3, height, width), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_tensorflow_resize_is_torch_fidelitys_bit_for_bit(size):
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x as theirs

    values = noise(*size).float()
    assert torch.equal(bilinear_tf1(values), theirs(values, size=(299, 299), align_corners=False))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
def test_clean_fid_resizes_alike(size, monkeypatch):
    import warnings

    from cleanfid.resize import build_resizer

    monkeypatch.setattr(warnings, "filterwarnings", lambda *_: None)  # it would silence all warnings for good
    pixels = noise(*size)
    image = pixels[0].movedim(0, -1).numpy()
    for mode, ours in (("clean", bicubic_clipped), ("legacy_pytorch", bilinear)):
        found = ours(pixels.float())[0].movedim(0, -1).numpy()
        assert np.abs(found - build_resizer(mode)(image)).max() < 1e-4  # of 255
