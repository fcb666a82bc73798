"""Goldens of SC-GAN: the authors' options are read as the released configurations mean them."""

import copy
import functools

import numpy as np
import pytest
import torch
from small_goldens import write

from bench.parity.fill import fill_network
from bench.parity.verdict import judge
from models.base import Layout, semantic_planes
from models.parts.image_styles import ImageEncoder, SpadeEncoder
from models.scgan.network import ScganConfig, ScganGenerator, scgan_stages
from models.scgan.vectors import Blur, paper_widths, semantic_vectors
from models.training.multiscale_discriminator import MultiscaleDiscriminator

OPTIONS = {
    "ngf": 3,
    "nff": 2,
    "nrf": 4,
    "label_nc": 5,
    "contain_dontcare_label": True,
    "no_instance": True,
    "crop_size": 64,
    "aspect_ratio": 1.0,
    "num_upsampling_layers": "normal",
    "num_experts_conv": 3,
    "num_experts_norm": 4,
    "weight_type": "softmax",
    "temperature": 2.0,
    "norm_G": "spectralsccsyncbatch3x3",
    "position": False,
    "pyr_pos": False,
    "pyr_rng": 5,
    "ig_sz": 7,
    "ig_sigma": 1.5,
    "ig_iter": 1,
    "ig_relative": False,
    "no_spectral_on_routing": False,
    "use_vae": False,
    "z_dim": 8,
}
OURS = {
    "num_classes": 6,
    "height": 64,
    "width": 64,
    "stages": scgan_stages(3, 2, more=False),
    "vector_widths": paper_widths(4, more=False),
    "temperature": 2.0,
}
CASES = {
    "scenes": ({}, {}),
    "things": ({"num_experts_conv": 2, "num_experts_norm": 3}, {"candidates": 2, "norm_candidates": 3}),
    "faces": (
        {"position": True, "pyr_pos": True, "pyr_rng": 4, "use_vae": True, "no_spectral_on_routing": True},
        {"blur": Blur(3), "z_size": 8, "vector_spectral": False},
    ),
    "blurred at first": (
        {"position": True, "ig_sz": 5, "ig_sigma": 0.8, "ig_iter": 2, "no_instance": False},
        {"blur": Blur(None, 5, 0.8, 2), "edges": True},
    ),
    "streets": (
        {"num_upsampling_layers": "more", "crop_size": 128, "aspect_ratio": 2.0, "no_instance": False},
        {
            "width": 128,
            "stages": scgan_stages(3, 2, more=True),
            "vector_widths": paper_widths(4, more=True),
            "edges": True,
        },
    ),
    "plain norms": ({"norm_G": "spectralsyncbatch3x3"}, {"norm": "batch"}),
    "local norms": ({"norm_G": "spectralsccbatch5x5"}, {"kernel": 5}),
    "sigmoid": ({"weight_type": "sigmoid"}, {"nonlinearity": "sigmoid"}),
    "hardtanh": ({"weight_type": "hardtanh"}, {"nonlinearity": "hardtanh"}),
    "none": ({"weight_type": "whatever"}, {"nonlinearity": "none"}),
}
RULES = [["affine_params_groups$", 0.3, "abs"]]


def described(built, config, **fields):
    return {
        "method": "scgan",
        "kind": "network",
        "config": config,
        "state_dict": {key: list(value.shape) for key, value in built.state_dict().items()},
        "param_count": sum(parameter.numel() for parameter in built.parameters()),
        "gain_rules": RULES,
        **fields,
    }


def conditions(height, width):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, (1, height // 8, width // 8)).repeat(8, 1).repeat(8, 2)
    instances = rng.integers(0, 3, (1, height // 16, width // 16)).repeat(16, 1).repeat(16, 2)
    return {"label": labels.astype(np.uint8), "instance": instances.astype(np.int32)}


def planes_of(arrays, edges):
    labels, instances = (torch.from_numpy(arrays[name].astype(np.int64)) for name in ("label", "instance"))
    return semantic_planes(Layout(labels, instances, 6), edges=edges)


def generator_golden(case):
    """A copy to spoil."""
    return copy.deepcopy(_generator_golden(case))


@functools.cache
@torch.no_grad()
def _generator_golden(case):
    options, changes = CASES[case]
    config = ScganConfig(**{**OURS, **changes})
    network = ScganGenerator(config).eval()
    fill_network(network, "", 1.0, [tuple(rule) for rule in RULES])
    arrays = conditions(config.height, config.width)
    arrays["z"] = np.random.default_rng(1).standard_normal((1, 8)).astype(np.float32)
    planes = planes_of(arrays, config.edges)
    z = None if config.z_size is None else torch.from_numpy(arrays["z"])
    image, vector_image = network(planes, z)
    outputs = {"out": image[:, :, ::4, ::4], "out_svg_image": vector_image[:, :, ::8, ::8]}
    for level, features in enumerate(network.vector_features(planes), start=1):
        step = max(1, features.shape[3] // 16)
        outputs[f"V{level}_conv"] = semantic_vectors(features, config.candidates)[:, :, ::step, ::step]
        outputs[f"V{level}_norm"] = semantic_vectors(features, config.norm_candidates)[:, :, ::step, ::step]
    arrays |= {name: value.numpy() for name, value in outputs.items()}
    meta = described(
        network, OPTIONS | options, network="netG", generator_macs=layer_macs(network, planes, z), outputs=list(outputs)
    )
    return meta, arrays


def layer_macs(network, planes, z):
    """Multiply-adds of the layers, one by one, with a bias or without."""
    counts = []

    def count(layer, _, output):
        inputs = layer.in_features if isinstance(layer, torch.nn.Linear) else layer.weight_count
        counts.append(output.numel() * inputs)

    hooks = []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.weight_count = layer.in_channels * layer.kernel_size[0] ** 2
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            hooks.append(layer.register_forward_hook(count))
    network(planes, z)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def status(folder, meta, arrays):
    write(folder, "golden", meta, arrays)
    verdict = judge(folder / "golden.json", "golden", folder)
    return verdict.status, verdict.detail


@pytest.mark.parametrize("case", CASES)
def test_options_of_the_authors_are_followed(tmp_path, case):
    meta, arrays = generator_golden(case)
    assert status(tmp_path, meta, arrays)[0] == "ok", status(tmp_path, meta, arrays)[1]


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("faces", {"pyr_rng": 5}),
        ("faces", {"ig_sigma": 2.0}),
        ("scenes", {"temperature": 4.0}),
        ("scenes", {"weight_type": "sigmoid"}),
        ("scenes", {"position": True}),
    ],
)
def test_other_options_are_off(tmp_path, case, changes):
    meta, arrays = generator_golden(case)
    found = status(tmp_path, meta | {"config": meta["config"] | changes}, arrays)
    assert found[0] == "OFF"
    assert "keys and shapes" not in found[1]


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("scenes", {"num_experts_conv": 2}),
        ("scenes", {"num_experts_norm": 2}),
        ("scenes", {"nrf": 2}),
        ("scenes", {"nff": 3}),
        ("scenes", {"num_upsampling_layers": "more"}),
        ("faces", {"no_spectral_on_routing": False}),
    ],
)
def test_other_sizes_have_other_keys_or_shapes(tmp_path, case, changes):
    meta, arrays = generator_golden(case)
    found = status(tmp_path, meta | {"config": meta["config"] | changes}, arrays)
    assert found[0] == "OFF"
    assert "keys and shapes" in found[1]


@pytest.mark.parametrize("name", ["out", "out_svg_image", "V1_conv", "V6_norm", "macs"])
def test_every_value_is_compared(tmp_path, name):
    meta, arrays = generator_golden("faces")
    if name == "macs":
        meta["generator_macs"] += 1
    else:
        arrays[name] = arrays[name].copy()
        arrays[name].flat[-1] += 0.01 * np.abs(arrays[name]).max()
    found = status(tmp_path, meta, arrays)
    assert found[0] == "OFF"
    assert (name if name != "macs" else "multiply-adds") in found[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm_G": "spectralspadesyncbatch3x3"}, "'norm_G' is"),
        ({"position": True, "ig_relative": True}, "'ig_relative'"),
        ({"num_upsampling_layers": "many"}, "'num_upsampling_layers'"),
        ({"num_experts_conv": 0}, "'num_experts_conv' is 0"),
    ],
)
def test_unknown_options_are_said(tmp_path, changes, message):
    meta, arrays = generator_golden("scenes")
    found = status(tmp_path, meta | {"config": meta["config"] | changes}, arrays)
    assert found[0] == "error"
    assert message in found[1]


NOTES = "image_small: float32 1x3x(H/8)x(W/8), upsample nearest x8 to get the image fed to the discriminator."


def small_photo(height, width):
    small = np.random.default_rng(2).standard_normal((1, 3, height // 8, width // 8)).astype(np.float32)
    return small, torch.from_numpy(small).repeat_interleave(8, 2).repeat_interleave(8, 3)


@torch.no_grad()
def discriminator_golden():
    network = MultiscaleDiscriminator(6 + 3, width=16, layers=4).eval()
    fill_network(network)
    arrays = conditions(128, 128)
    arrays["image_small"], photo = small_photo(128, 128)
    judged = network(torch.cat([planes_of(arrays, False), photo], 1))
    outputs = {f"pred_{scale}": stages[-1] for scale, stages in enumerate(judged)}
    outputs |= {f"feat_{scale}_1": stages[1][:, ::16, ::8, ::8] for scale, stages in enumerate(judged)}
    outputs |= {"feat1_0": judged[1][0][:, ::4], "feat5": judged[1][1][:, :, ::2, ::2], "pred1": judged[1][-1]}
    outputs["out"] = judged[0][-1][:, :, ::4, ::4]
    arrays |= {name: value.numpy() for name, value in outputs.items()}
    arrays["out_mean"] = judged[0][-1].mean().numpy()
    options = OPTIONS | {"netD": "multiscale", "ndf": 16}
    meta = described(network, options, network="netD", outputs=list(outputs), input_notes=NOTES, gain_rules=[])
    return meta, arrays


def test_faces_have_spades_discriminator(tmp_path):
    meta, arrays = discriminator_golden()
    assert status(tmp_path, meta, arrays)[0] == "ok", status(tmp_path, meta, arrays)[1]


@pytest.mark.parametrize("name", ["pred_0", "pred_1", "pred1", "feat_0_1", "feat1_0", "feat5", "out", "out_mean"])
def test_every_value_of_the_discriminator_is_compared(tmp_path, name):
    meta, arrays = discriminator_golden()
    arrays[name] = np.array(arrays[name])
    arrays[name].flat[-1] += 0.01 + 0.01 * np.abs(arrays[name]).max()
    found = status(tmp_path, meta, arrays)
    assert found[0] == "OFF"
    assert name in found[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"outputs": ["pred_7"]}, "'pred_7' is no stage"), ({"outputs": ["depth"]}, "'depth' is no")],
)
def test_a_stage_that_does_not_exist_is_said(tmp_path, changes, message):
    meta, arrays = discriminator_golden()
    found = status(tmp_path, meta | changes, {**arrays, "pred_7": arrays["out"], "depth": arrays["out"]})
    assert found[0] == "error"
    assert message in found[1]


def test_a_discriminator_of_another_kind_is_said(tmp_path):
    meta, arrays = discriminator_golden()
    found = status(tmp_path, meta | {"config": meta["config"] | {"netD": "oasis"}}, arrays)
    assert found == ("error", "config 'netD' is 'oasis', expected fpse or multiscale")


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"nef": -1}, {"nef": 2}])
def test_the_encoder_is_as_wide_as_the_generator_unless_told(tmp_path, options):
    width = 2 if options.get("nef", -1) > 0 else OPTIONS["ngf"]
    network = SpadeEncoder(ImageEncoder(256, tuple(width * m for m in (1, 2, 4, 8, 8, 8))), 8).eval()
    fill_network(network)
    small, photo = small_photo(64, 64)
    mean, log_variance = network(photo)
    arrays = {"image_small": small, "mu": mean.numpy(), "logvar": log_variance.numpy(), "out": mean.numpy()}
    names = ["mu", "logvar", "out"]
    meta = described(network, OPTIONS | options, network="netE", outputs=names, input_notes=NOTES, gain_rules=[])
    assert status(tmp_path, meta, arrays)[0] == "ok"
    for name in names:
        found = status(tmp_path, meta, {**arrays, name: arrays[name] + 0.01})
        assert found[0] == "OFF"
        assert name in found[1]
