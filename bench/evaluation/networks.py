"""Feature networks and segmenters, chosen by protocol and loaded with checked weights."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.evaluation.segmenter import SegmenterChoice
from bench.weights.known import verified, voucher
from bench.weights.tensors import read_weights
from metrics.base import Extractor, Segmenter
from metrics.networks import NETWORKS
from metrics.networks.base import FeatureNetwork
from metrics.protocol import Protocol
from segmenters import SEGMENTERS


def feature_network(name: str, protocol: Protocol) -> FeatureNetwork:
    """Find the feature network that a protocol means by a name, without loading it."""
    wanted: FeatureNetwork = resolve("feature network", NETWORKS, name)(protocol)
    return wanted


@dataclass
class FeatureNetworks:
    """The networks that look at images, each loaded once per process and shared by all cells."""

    weights_root: Path
    device: torch.device
    allow_unknown: bool = False
    _loaded: dict[Hashable, Any] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict)

    def sha256(self, weights: str) -> str:
        """Check a weight file and give its hash."""
        if weights not in self._hashes:
            self._hashes[weights] = verified(weights, self.weights_root, allow_unknown=self.allow_unknown)[1]
        return self._hashes[weights]

    def described(self, weights: str) -> str:
        """Give the hash of a weight file and who vouches for it, as records hold them."""
        sha256 = self.sha256(weights)
        return f"{sha256} ({voucher(weights, self.weights_root, sha256)})"

    def extractor(self, name: str, protocol: Protocol) -> Extractor:
        """Load the feature network that a protocol means by a name."""
        wanted = feature_network(name, protocol)
        extractor: Extractor = self._load(
            wanted, wanted.weights, lambda *states: wanted.build(*states, *wanted.options)
        )
        return extractor

    def segmenter(self, choice: SegmenterChoice) -> Segmenter:
        """Load a segmenter."""
        build = resolve("segmenter", SEGMENTERS, choice.segmenter).from_states
        key = f"{choice.segmenter} {sorted(choice.options.items())}"
        segmenter: Segmenter = self._load(key, choice.weights, lambda *states: build(states, **choice.options))
        return segmenter

    def _load(self, key: Hashable, weights: Sequence[str], build: Callable[..., torch.nn.Module]) -> Any:  # noqa: ANN401
        """Build a network of its weight files, the first time it is asked for."""
        if key not in self._loaded:
            paths = [verified(name, self.weights_root, allow_unknown=self.allow_unknown)[0] for name in weights]
            states = [read_weights(path) for path in paths]
            try:
                network: Any = build(*states)
            except ValueError as error:  # a state dict of another network
                raise UserError(f"{' and '.join(map(str, paths))}: {error}") from error
            self._loaded[key] = network.to(self.device, memory_format=torch.channels_last)
        return self._loaded[key]
