"""The AlexNet of LPIPS: torchvision's trunk and the linear layers of the lpips package, version 0.1 or 0.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from metrics.networks.base import FeatureNetwork
from metrics.networks.perceptual import PerceptualNetwork, unit_length
from metrics.networks.weights import load_frozen
from metrics.protocol import LpipsVersion, Protocol

_TAPPED = (1, 4, 7, 9, 11)  # the five ReLUs of `features`


class AlexNet(PerceptualNetwork):
    """See images [M, 3, H, W] in [-1, 1] as LPIPS does; H and W from 31 on."""

    def __init__(self, linear: Mapping[str, Tensor], version: LpipsVersion = "0.1") -> None:
        """`linear` is the state dict of the lpips package's linear layers of that version."""
        super().__init__()
        self.centred = version != "0.0"
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
        )
        # Not in the trunk's file, so not in the state dict.
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188])[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450])[:, None, None], persistent=False)
        for layer, weight in enumerate(channel_weights(linear)):
            self.register_buffer(f"root{layer}", weight.sqrt()[:, None, None], persistent=False)

    @classmethod
    def from_states(
        cls, trunk: Mapping[str, Tensor], linear: Mapping[str, Tensor], version: LpipsVersion = "0.1"
    ) -> AlexNet:
        """Build the network, frozen, of torchvision's ImageNet weights, of which LPIPS uses the convolutions."""
        convolutions = {key: value for key, value in trunk.items() if not key.startswith("classifier.")}
        return load_frozen(cls(linear, version), convolutions)

    def stages(self, images: Tensor) -> list[Tensor]:
        """Return the five ReLUs' outputs."""
        x = (images - self.get_buffer("shift")) / self.get_buffer("scale") if self.centred else images
        outputs = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in _TAPPED:
                outputs.append(x)
        return outputs

    def taps_of(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Scale them to unit length per position, times the root of the linear layers' weights."""
        return [unit_length(stage) * self.get_buffer(f"root{layer}") for layer, stage in enumerate(stages)]

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings."""
        return self.embed(images)


def channel_weights(linear: Mapping[str, Tensor]) -> list[Tensor]:
    """Take the channel weights [C] of every layer out of the state dict of LPIPS's linear layers."""
    keys = [f"lin{layer}.model.1.weight" for layer in range(len(_TAPPED))]
    if missing := [key for key in keys if key not in linear]:
        raise ValueError(f"The state dict does not hold LPIPS's linear layers: missing {missing}.")
    return [linear[key].flatten() for key in keys]


def alexnet(protocol: Protocol) -> FeatureNetwork:
    """The network with the linear layers of the protocol's version of LPIPS."""
    version = protocol.lpips.version
    linear = "lpips_alex" if version == "0.1" else f"lpips_alex_{version}"
    return FeatureNetwork(("alexnet", linear), AlexNet.from_states, (version,))
