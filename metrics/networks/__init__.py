"""The networks that turn images into features, by the name that metrics ask for; each is loaded only when it is needed.

A name leads to a function that takes a protocol and gives the `FeatureNetwork` that the protocol means.
"""

from __future__ import annotations

from collections.abc import Mapping

NETWORKS: Mapping[str, tuple[str, str]] = {
    "inception": ("metrics.networks.inception:inception", "Inception v3 in the protocol's mode of FID"),
    "torchvision": (
        "metrics.networks.inception:torchvision_inception",
        "torchvision's Inception v3 in any mode",
    ),
    "alexnet": ("metrics.networks.alexnet:alexnet", "AlexNet with the protocol's version of LPIPS's linear layers"),
    "paperdolls": ("metrics.networks.paperdolls:paperdolls", "small network of the built-in drawn persons, shipped"),
}
