"""Weights meet their method, or an error that helps."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.synthesis.methods import MethodWeights, _variants_that_fit, build_method, find_method_weights
from bench.weights.known import method_folder
from bench.weights.tensors import write_weights
from bench.weights.trust import first_use_file
from models import METHODS
from models.inade import INADE
from models.spade import SPADE, VSPADE
from models.training.initial_weights import initialise


def test_the_variant_that_a_file_belongs_to_is_named():
    with torch.device("meta"):
        released = INADE.build(INADE.configs["deepfashion"].__class__(8, noise_size=8)).generator.state_dict()
    assert "inade-8" in _variants_that_fit(INADE, "generator", released)
    assert _variants_that_fit(INADE, "encoder", released) == []
    assert _variants_that_fit(SPADE, "generator", released) == []


def test_every_data_set_has_a_folder_of_weights_but_deepfashion2_which_deepfashions_networks_draw(tmp_path):
    names = ("deepfashion", "deepfashion2", "cityscapes", "folder-street2")
    assert [method_folder("spade", name, tmp_path).relative_to(tmp_path / "spade").as_posix() for name in names] == [
        "deepfashion",
        "deepfashion",
        "cityscapes",
        "folder-street2",
    ]


# Trust


def found(root, spec=INADE, dataset="deepfashion2", chosen=None):
    return find_method_weights(spec, dataset, "paper", root, chosen, untrained=False)


@pytest.fixture
def theirs(tmp_path):
    """A file of the authors where it belongs."""
    path = tmp_path / "inade" / "deepfashion" / "best_net_G.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK theirs")
    return path


def test_the_authors_file_is_trusted_on_first_use_and_must_stay_the_same(tmp_path, theirs):
    sha256 = hashlib.sha256(b"PK theirs").hexdigest()
    weights = found(tmp_path)
    assert weights.files == (("generator", theirs, sha256),)
    assert weights.identity == sha256
    assert first_use_file(theirs).read_text().startswith(sha256)
    assert found(tmp_path) == weights
    theirs.write_bytes(b"PK others")
    with pytest.raises(UserError, match=r"best_net_G.pth: .*\(first use\)"):
        found(tmp_path)


def test_the_encoder_may_have_the_name_of_the_older_archive(tmp_path, theirs):
    encoder = theirs.with_name("best_net_IE.pth")
    encoder.write_bytes(b"PK encoder")
    assert [(network, path) for network, path, _ in found(tmp_path).files] == [
        ("generator", theirs),
        ("encoder", encoder),
    ]


def test_our_own_weights_must_be_those_of_their_record(tmp_path):
    path = tmp_path / "inade" / "deepfashion" / "weights.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"ours")
    path.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(b"ours").hexdigest()}))
    assert found(tmp_path).files[0][:2] == ("", path)
    path.write_bytes(b"others")
    with pytest.raises(UserError, match=r"\(training record\)"):
        found(tmp_path)


def test_a_file_that_the_user_names_may_be_any(tmp_path):
    path = tmp_path / "mine.pth"
    for content in (b"one", b"two"):
        path.write_bytes(content)
        assert found(tmp_path, chosen=path).identity == hashlib.sha256(content).hexdigest()
    assert not first_use_file(path).exists()


@pytest.mark.parametrize(
    ("spec", "dataset", "words"),
    [
        (SPADE, "ade20k", ("12gvlTbMvUcJewQlSEaZdeb2CdOB-b8kQ", "latest_net_G.pth of the authors")),
        (SPADE, "deepfashion", ("Nobody released any for deepfashion",)),
        (VSPADE, "ade20k", ("Nobody released any for ade20k",)),
    ],
)
def test_missing_weights_are_said_with_whoever_has_them(tmp_path, spec, dataset, words):
    with pytest.raises(UserError) as error:
        found(tmp_path, spec, dataset)
    for word in (str(tmp_path / spec.name / dataset), "--untrained", *words):
        assert word in str(error.value)


def test_what_no_file_fills_makes_images_that_are_refused(tmp_path):
    """An encoder without its file is no memory as it was found, but NaN."""
    spec = resolve("method", METHODS, "inade")
    made = spec.build(spec.tiny)
    initialise(made, 1.0, torch.Generator().manual_seed(0))
    write_weights(tmp_path / "generator.safetensors", made.generator, {})
    weights = MethodWeights((("generator", tmp_path / "generator.safetensors", "0"),))
    method = build_method(spec, spec.tiny, weights, torch.device("cpu"))
    assert all(parameter.isfinite().all() for parameter in method.generator.parameters())
    assert all(parameter.isnan().all() for parameter in method.encoder.parameters())


def test_a_part_of_the_generator_is_filled_with_it(tmp_path):
    spec = resolve("method", METHODS, "sean")
    made = spec.build(spec.tiny)
    initialise(made, 1.0, torch.Generator().manual_seed(0))
    write_weights(tmp_path / "generator.safetensors", made.generator, {})
    weights = MethodWeights((("generator", tmp_path / "generator.safetensors", "0"),))
    method = build_method(spec, spec.tiny, weights, torch.device("cpu"))
    assert all(parameter.isfinite().all() for parameter in method.parameters())
