from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from named_fill import filled_state

from bench.weights.known import default_root, find
from bench.weights.tensors import read_weights
from metrics.base import Reading
from metrics.networks.alexnet import AlexNet
from metrics.networks.paperdolls import PaperdollsFeatures
from metrics.parts.moments import Moments
from metrics.protocol import PROTOCOLS, Protocol, derive

SEVEN_IMAGES = derive(PROTOCOLS["mini"], ["inception_score.splits=2"])
GOLDENS = Path(__file__).parent.parent / "goldens" / "metrics"


@pytest.fixture(scope="session")
def goldens():
    return GOLDENS


@pytest.fixture(scope="session")
def linear():
    """The state dict of LPIPS's linear layers by version, from the installed package."""

    def read(version="0.1"):
        name = "lpips_alex" if version == "0.1" else f"lpips_alex_{version}"
        return read_weights(find(name, default_root()))

    return read


@pytest.fixture(scope="session")
def alexnet(linear):
    network = AlexNet(linear()).eval().requires_grad_(False)
    network.load_state_dict(filled_state(network, "alexnet:"))
    return network


@pytest.fixture(scope="session")
def paperdolls():
    network = PaperdollsFeatures().eval().requires_grad_(False)
    network.load_state_dict(filled_state(network, "paperdolls:"))
    network.fid_scale.copy_(torch.linspace(0.5, 1.5, 128))
    return network


class TinyInception(torch.nn.Module):
    """Features are the mean colour; counts its runs."""

    classes = 5

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, images):
        self.calls.append(len(images))
        return images.mean((2, 3))

    def logits(self, features):
        return 40 * features @ torch.linspace(-1, 1, 15).reshape(3, 5)


class BrightnessSegmenter:
    """Reads the class from how bright a pixel is."""

    num_classes = 4

    def __call__(self, images, size):
        assert images.shape[-2:] == size
        return ((images.mean(1) + 1) * 2).long().clamp(0, 3)


@dataclass
class TinySetting:
    """What the harness would offer, with every network small."""

    networks: dict
    protocol: Protocol = SEVEN_IMAGES
    num_classes: int = 4
    ignored_classes: tuple[int, ...] = (3,)
    num_layouts: int = 7
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def extractor(self, name):
        return self.networks[name]

    def reference(self, name):
        return Moments.of(self.photo_features(name)).gaussian()

    def photo_features(self, name):
        generator = torch.Generator().manual_seed(3)
        photos = torch.rand(40, 3, 32, 32, generator=generator) * 2 - 1
        return self.networks[name](photos)

    def reading(self, segmenter=None):
        scored_as = tuple(-1 if label in self.ignored_classes else label for label in range(self.num_classes))
        return Reading(BrightnessSegmenter(), scored_as, "drawn", "nan_union")


@pytest.fixture
def setting(alexnet, paperdolls):
    networks = {"alexnet": alexnet, "paperdolls": paperdolls, "inception": TinyInception()}
    networks["torchvision"] = TinyInception()
    return TinySetting(networks)
