"""The feature-pyramid discriminator of CC-FPSE (section 3.2 of its paper), which SC-GAN uses too.

It reads the image alone. Features of three scales are compared with an embedding of the labels, pixel by pixel, instead
of being computed from both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.parts.spectral import SpectralConv2d
from models.training.losses import Judgement

_LEVELS = (2, 3, 4)  # of the pyramid that judge, at 1/4, 1/8 and 1/16 of the resolution


def _unit(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    conv = SpectralConv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.Sequential(conv, nn.InstanceNorm2d(outputs)), nn.LeakyReLU(0.2))


class FpseDiscriminator(nn.Module):
    """netD of the authors' files, for images whose sides are multiples of 32."""

    def __init__(self, planes: int, *, width: int = 64) -> None:
        super().__init__()
        w = width
        widths = (3, w, 2 * w, 4 * w, 8 * w, 8 * w)
        for level in range(1, 6):
            self.add_module(f"enc{level}", _unit(widths[level - 1], widths[level], 3, stride=2))
        for level in range(2, 6):
            self.add_module(f"lat{level}", _unit(widths[level], 4 * w, 1))
        for level in _LEVELS:
            self.add_module(f"final{level}", _unit(4 * w, 2 * w, 3))
        self.tf = nn.Conv2d(2 * w, 1, 1)
        self.seg = nn.Conv2d(2 * w, 2 * w, 1)
        self.embedding = nn.Conv2d(planes, 2 * w, 1)

    def features(self, images: Tensor) -> dict[int, Tensor]:
        """Encode images [N, 3, H, W]: per level from 2 to 5 a map at 1 / 2^level of the resolution."""
        x, features = images, {}
        for level in range(1, 6):
            x = self.get_submodule(f"enc{level}")(x)
            features[level] = x
        del features[1]  # neither judged nor matched
        return features

    def embedded(self, planes: Tensor) -> dict[int, Tensor]:
        """Embed label planes [N, P, H, W] at every level that judges.

        The authors pool the embedding; it is linear, so pooling the planes gives the same for 1/16 of the work.
        """
        pooled, embedded = F.avg_pool2d(planes, 2), {}
        for level in _LEVELS:
            pooled = F.avg_pool2d(pooled, 2)
            embedded[level] = self.embedding(pooled)
        return embedded

    def forward(self, images: Tensor, planes: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Judge images [N, 3, H, W] of planes [N, P, H, W]: four features and three maps of logits, fine to coarse."""
        features, labels = self.features(images), self.embedded(planes)
        pyramid = self.get_submodule("lat5")(features[5])
        logits: list[Tensor] = []
        for level in reversed(_LEVELS):
            larger = F.interpolate(pyramid, scale_factor=2.0, mode="bilinear", align_corners=False)
            pyramid = larger + self.get_submodule(f"lat{level}")(features[level])
            final = self.get_submodule(f"final{level}")(pyramid)
            agreement = (labels[level] * self.seg(final)).sum(1, keepdim=True)
            logits.insert(0, self.tf(final) + agreement)
        return list(features.values()), logits

    def judge(self, planes: Tensor, fake: Tensor, real: Tensor) -> tuple[Judgement, Judgement]:
        """Judge fakes and reals of the same layouts in one batch; the features stand with the finest map."""
        features, logits = self(torch.cat([fake, real]), torch.cat([planes, planes]))
        parts = [[*features, logits[0]], [logits[1]], [logits[2]]]
        halves = [[tensor.chunk(2) for tensor in part] for part in parts]
        return [[h[0] for h in part] for part in halves], [[h[1] for h in part] for part in halves]
