"""The two Inception v3 networks of FID and IS: that of the 2015 TensorFlow graph, and torchvision's of ImageNet.

Against torchvision's, FID's has 1008 classes, average pools that leave the padding out, and a max pool in the last
block. Both keep the names of their files, and both are folded when they are read: every batch norm goes into its
convolution, which moves the features by 3e-7 of the largest and takes 71 ms an image on one core instead of 86.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from metrics.networks.base import FeatureNetwork
from metrics.networks.inception_blocks import (
    Conv,
    Mixed5,
    Mixed6,
    Mixed6a,
    Mixed7,
    Mixed7a,
    Pool,
    average_inside,
    average_padded,
    maximum,
)
from metrics.networks.resize import WAYS
from metrics.networks.weights import load_frozen
from metrics.protocol import FidMode, Protocol


class Inception(nn.Module, ABC):
    """Turn images [M, 3, H, W] in [-1, 1] into features [M, 2048], and those into logits [M, classes]."""

    def __init__(self, mode: FidMode, classes: int, average: Pool, last: Pool) -> None:
        super().__init__()
        self.mode = mode
        self.classes = classes
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Mixed_5b = Mixed5(192, 32, average)
        self.Mixed_5c = Mixed5(256, 64, average)
        self.Mixed_5d = Mixed5(288, 64, average)
        self.Mixed_6a = Mixed6a()
        self.Mixed_6b = Mixed6(128, average)
        self.Mixed_6c = Mixed6(160, average)
        self.Mixed_6d = Mixed6(160, average)
        self.Mixed_6e = Mixed6(192, average)
        self.Mixed_7a = Mixed7a()
        self.Mixed_7b = Mixed7(1280, average)
        self.Mixed_7c = Mixed7(2048, last)
        self.fc = nn.Linear(2048, classes)

    def fold(self) -> None:
        """Put every batch norm into its convolution."""
        for module in self.modules():
            if isinstance(module, Conv):
                module.fold()

    def forward(self, images: Tensor) -> Tensor:
        """Return the global average of the last block."""
        x = WAYS[self.mode].prepare(images)  # [M, 3, 299, 299]
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # [M, 64, 147, 147]
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))  # [M, 192, 71, 71]
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # [M, 288, 35, 35]
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))  # [M, 768, 17, 17]
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # [M, 2048, 8, 8]
        return F.adaptive_avg_pool2d(x, 1).flatten(1)

    @abstractmethod
    def logits(self, features: Tensor) -> Tensor:
        """Return what the Inception Score takes the softmax of."""


class FIDInception(Inception):
    """The network of pt_inception-2015-12-05-6726825d.pth, of which torch-fidelity has a copy."""

    def __init__(self, mode: FidMode = "pytorch_fid") -> None:
        super().__init__(mode, 1008, average_inside, maximum)

    def logits(self, features: Tensor) -> Tensor:
        """Leave the bias out, as torch-fidelity does."""
        return features @ self.fc.weight.T


class TorchvisionInception(Inception):
    """torchvision's inception_v3 with ImageNet weights: pytorch-fid before 2019-05-27, and SC-GAN's IS."""

    def __init__(self, mode: FidMode = "torchvision") -> None:
        super().__init__(mode, 1000, average_padded, average_padded)
        self.AuxLogits = _Auxiliary()  # in the file; only its training used it

    def logits(self, features: Tensor) -> Tensor:
        """Classify as ImageNet does."""
        logits: Tensor = self.fc(features)
        return logits


class _Auxiliary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = Conv(768, 128, 1)
        self.conv1 = Conv(128, 768, 5)
        self.fc = nn.Linear(768, 1000)


def inception(protocol: Protocol) -> FeatureNetwork:
    """The network of the protocol's mode of FID."""
    return _in_mode(protocol.fid.mode)


def torchvision_inception(protocol: Protocol) -> FeatureNetwork:
    """The network of the mode "torchvision", whatever the protocol's mode of FID."""
    return _in_mode("torchvision")


def _in_mode(mode: FidMode) -> FeatureNetwork:
    return FeatureNetwork((WAYS[mode].weights,), load_inception, (mode,))


def load_inception(state: Mapping[str, Tensor], mode: FidMode) -> Inception:
    """Build the network that belongs to a mode of FID, frozen and folded."""
    network: Inception = FIDInception(mode) if WAYS[mode].weights == "inception_fid" else TorchvisionInception(mode)
    load_frozen(network, state).fold()
    return network
