"""SPADE's image encoder, which CC-FPSE took over: a photo to the vector that styles the whole image."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from models._blocks.encoders import strided_layers


@dataclass(frozen=True)
class ImageEncoder:
    """Sizes of the encoder."""

    size: int = 256  # photos are resized to a square of this side first
    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512)
    normalized: bool = True


class SpadeEncoder(nn.Module):
    """netE of the authors' files: a photo to mean and log-variance of z."""

    def __init__(self, config: ImageEncoder, z_size: int) -> None:
        super().__init__()
        self.size = config.size
        self.layers = len(config.widths)
        strided_layers(self, 3, config.widths, normalized=config.normalized)
        features = config.widths[-1] * (config.size // 2**self.layers) ** 2
        self.fc_mu = nn.Linear(features, z_size)
        self.fc_var = nn.Linear(features, z_size)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Read photos [N, 3, H, W]: two tensors [N, Z]."""
        x = images
        if x.shape[2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", align_corners=False)
        for number in range(1, self.layers + 1):
            x = F.leaky_relu(self.get_submodule(f"layer{number}")(x), 0.2)
        x = x.flatten(1)
        return self.fc_mu(x), self.fc_var(x)
