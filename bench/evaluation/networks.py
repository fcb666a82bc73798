"""The networks that look at images, each loaded once and shared by all cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.common.catalog import resolve
from bench.common.errors import UserError
from bench.evaluation.segmenter import Scoring
from bench.weights.known import verified, voucher
from metrics.base import Extractor, Segmenter
from metrics.networks.alexnet import AlexNet
from metrics.networks.inception import load_inception
from metrics.networks.paperdolls import PaperdollsFeatures
from metrics.networks.resize import WAYS
from metrics.protocol import FidMode, LpipsVersion
from segmenters import SEGMENTERS


@dataclass
class FeatureNetworks:
    """The networks that look at images, each loaded once per process and shared by all cells."""

    weights_root: Path
    device: torch.device
    allow_unknown: bool = False
    _loaded: dict[str, Any] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict)

    def sha256(self, weights: str) -> str:
        """Hash of a weight file, checked."""
        if weights not in self._hashes:
            self._hashes[weights] = verified(weights, self.weights_root, allow_unknown=self.allow_unknown)[1]
        return self._hashes[weights]

    def described(self, weights: str) -> str:
        """Hash of a weight file, and who vouches for it, as records say it."""
        sha256 = self.sha256(weights)
        return f"{sha256} ({voucher(weights, self.weights_root, sha256)})"

    def _load(self, key: str, weights: Sequence[str], read: Callable[..., torch.nn.Module]) -> Any:  # noqa: ANN401
        if key not in self._loaded:
            paths = [verified(name, self.weights_root, allow_unknown=self.allow_unknown)[0] for name in weights]
            try:
                network: Any = read(*paths)
                self._loaded[key] = network.to(self.device, memory_format=torch.channels_last)
            except (ValueError, RuntimeError) as error:
                raise UserError(str(error)) from error
        return self._loaded[key]

    def extractor(self, name: str, mode: FidMode, lpips: LpipsVersion = "0.1") -> Extractor:
        """Load a feature network; `mode` is FID's and concerns "inception" only, `lpips` "alexnet"."""
        if name in ("inception", "torchvision"):
            way: FidMode = "torchvision" if name == "torchvision" else mode
            network: Extractor = self._load(
                f"inception {way}", [WAYS[way].weights], lambda path: load_inception(path, way)
            )
        elif name == "alexnet":
            network = self._load(f"alexnet {lpips}", ["alexnet"], lambda path: AlexNet.from_file(path, lpips))
        else:
            network = self._load("paperdolls", ["paperdolls_features"], PaperdollsFeatures.from_file)
        return network

    def segmenter(self, scoring: Scoring) -> Segmenter:
        """Load a segmenter."""
        build = resolve("segmenter", SEGMENTERS, scoring.segmenter).from_files
        key = f"segmenter {scoring.segmenter} {sorted(scoring.options.items())}"
        segmenter: Segmenter = self._load(key, scoring.weights, lambda *paths: build(paths, **scoring.options))
        return segmenter
