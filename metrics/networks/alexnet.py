"""The AlexNet of LPIPS: torchvision's trunk and the linear layers of the lpips package, version 0.1 or 0.0."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from metrics.networks.perceptual import PerceptualNetwork, unit_length
from metrics.networks.weights import load_frozen, read_state
from metrics.protocol import LpipsVersion

_TAPPED = (1, 4, 7, 9, 11)  # the five ReLUs of `features`


class AlexNet(PerceptualNetwork):
    """See images [M, 3, H, W] in [-1, 1] as LPIPS does; H and W from 31 on."""

    def __init__(self, version: LpipsVersion = "0.1") -> None:
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
        for layer, weight in enumerate(linear_layers(version)):
            self.register_buffer(f"root{layer}", weight.sqrt()[:, None, None], persistent=False)

    @classmethod
    def from_file(cls, path: Path, version: LpipsVersion = "0.1") -> AlexNet:
        """Read torchvision's ImageNet file, of which LPIPS uses the convolutions, and freeze the network."""
        state = {key: value for key, value in read_state(path).items() if not key.startswith("classifier.")}
        return load_frozen(cls(version), state, path)

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


def linear_layers(version: LpipsVersion = "0.1") -> list[Tensor]:
    """Read the channel weights [C] of every layer from the installed lpips package, which need not be imported."""
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        raise FileNotFoundError("The package lpips, whose linear layers LPIPS needs, is missing: pip install lpips.")
    state = read_state(Path(package.origin).parent / "weights" / f"v{version}" / "alex.pth")
    return [state[f"lin{layer}.model.1.weight"].flatten() for layer in range(len(_TAPPED))]
