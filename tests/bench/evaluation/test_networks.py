"""Networks that look at images: shared where they are the same, refused by file name where weights do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.common.errors import UserError
from bench.datasets.deepfashion import DEEPFASHION
from bench.evaluation.networks import FeatureNetworks, feature_network
from bench.evaluation.segmenter import choose_segmenter
from bench.weights.known import WEIGHT_FILES
from metrics.networks import NETWORKS
from metrics.protocol import PROTOCOLS, derive

MINI = PROTOCOLS["mini"]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_file_of_a_network_is_known(name):
    assert set(feature_network(name, MINI).weights) <= set(WEIGHT_FILES)


def test_a_network_is_the_same_for_protocols_that_mean_the_same_one():
    as_then = derive(MINI, ["fid.mode=torchvision"])
    assert feature_network("inception", as_then) == feature_network("torchvision", MINI)
    assert feature_network("inception", MINI) != feature_network("torchvision", MINI)
    older = derive(MINI, ["lpips.version=0.0"])
    assert feature_network("alexnet", older).weights == ("alexnet", "lpips_alex_0.0")
    assert feature_network("alexnet", MINI) == feature_network("alexnet", derive(MINI, ["lpips.groups=5"]))


def test_a_shipped_network_is_loaded_once(tmp_path):
    networks = FeatureNetworks(tmp_path, torch.device("cpu"))
    assert networks.extractor("paperdolls", MINI) is networks.extractor("paperdolls", PROTOCOLS["clean"])


def test_weights_of_another_network_are_refused_with_the_file(tmp_path):
    path = tmp_path / WEIGHT_FILES["celeba_unet"].place
    path.parent.mkdir(parents=True)
    torch.save({"a": torch.ones(1)}, path)
    networks = FeatureNetworks(tmp_path, torch.device("cpu"), allow_unknown=True)
    scoring = choose_segmenter(MINI, replace(DEEPFASHION, scoring="celebamask"))
    with pytest.raises(UserError, match=r"missing keys: .*unexpected keys: a\b") as caught:
        networks.segmenter(scoring)
    assert str(caught.value).startswith(f"{path}: ")
