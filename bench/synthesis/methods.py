"""Methods with their weights: shipped ones for the built-in data, else the authors' files or one's own training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.common.catalog import resolve, title_of
from bench.common.errors import UserError
from bench.common.files import sha256_of
from bench.common.places import SHIPPED_WEIGHTS
from bench.datasets.find import training_name
from bench.results.records import UNTRAINED, Preset
from bench.synthesis.batches import stream
from bench.weights.known import WEIGHT_FILES, method_folder
from bench.weights.tensors import load_into, read_weights
from bench.weights.trust import trusted
from models import METHODS
from models.base import Method, MethodSpec
from models.parts.spectral import complete_state, fold_spectral
from models.training.initial_weights import initialise

_NEEDED = ("generator", "order")  # networks without which nothing can be drawn
BANK = "bank.safetensors"  # file name, beside the weights


@dataclass(frozen=True)
class MethodWeights:
    """The weight files of a method; none if it learns nothing or is run untrained."""

    files: tuple[tuple[str, Path, str], ...] = ()  # network ("" = the whole method), its file, the file's SHA-256
    untrained: bool = False
    bank: Path | None = None  # training photos that the method draws from

    def fill(self, network: str) -> bool:
        """Whether a network gets weights: from a file of its own, from one of the whole method, or random ones."""
        return self.untrained or any(name in ("", network) for name, _, _ in self.files)

    @cached_property
    def identity(self) -> str:
        """The weights as records and keys name them: hashes, "untrained", or "none"."""
        if self.untrained:
            return UNTRAINED
        banks = [sha256_of(self.bank)] if self.bank else []
        return " ".join([*(sha256 for _, _, sha256 in self.files), *banks]) or "none"


def require_encoder(spec: MethodSpec[Any], weights: MethodWeights, who: str, instead: str = "") -> None:
    """Refuse to read styles from photos where the encoder's file is missing; `who` reads, `instead` is a way out."""
    if "encoder" not in spec.files or not weights.files or weights.fill("encoder"):
        return
    raise UserError(
        f"{title_of(spec.name)}: {who} its encoder, whose file ({' or '.join(spec.files['encoder'])}) is not in "
        f"{weights.files[0][1].parent}. Put it there, or name whole weights with --weights {spec.name}=FILE{instead}."
    )


def find_method_weights(
    spec: MethodSpec[Any], dataset: str, preset: Preset, root: Path, chosen: Path | None, *, untrained: bool
) -> MethodWeights:
    """Find the weight files of a method for a data set; an error says how to get missing ones.

    No author publishes hashes: a file must match the record of its training, or the hash that it had at its first use.
    A file that the user names is not checked.
    """
    if not spec.has_weights:
        return MethodWeights()
    if untrained:
        return MethodWeights(untrained=True)
    if chosen is not None:
        if not chosen.is_file():
            raise UserError(f"{chosen}: no such weight file (--weights {spec.name}=...).")
        weights = MethodWeights((("", chosen, sha256_of(chosen)),))
    else:
        found = _shipped(spec) if preset == "tiny" else _in_folder(spec, method_folder(spec.name, dataset, root))
        weights = MethodWeights(tuple((network, path, trusted(path)) for network, path in found.items()))
    if not spec.has_bank:
        return weights
    return replace(weights, bank=find_bank(spec, dataset, weights.files[0][1].parent))


def find_bank(spec: MethodSpec[Any], dataset: str, folder: Path) -> Path:
    """Find the file of training photos that a method draws from, beside its weights."""
    path = folder / BANK
    if not path.is_file():
        raise UserError(
            f"{title_of(spec.name)} draws from training photos, expected in {path}. Gather them with "
            f"`bench bank --dataset {training_name(dataset)} -o {path}`."
        )
    return path


def open_bank(method: Method[Any], path: Path) -> None:
    """Let a method draw from the photos in a file."""
    try:
        method.open_bank(read_weights(path))
    except ValueError as error:
        raise UserError(f"{path} is not the bank of this network: {error} Gather it anew with `bench bank`.") from error


def _shipped(spec: MethodSpec[Any]) -> dict[str, Path]:
    path = SHIPPED_WEIGHTS / "paperdolls" / f"{spec.name}.safetensors"
    if not path.is_file() and spec.tiny_recipe is None:
        raise UserError(
            f"{title_of(spec.name)} has no weights for the built-in data and cannot be trained; use --untrained."
        )
    if not path.is_file():
        raise UserError(
            f"{title_of(spec.name)} has no shipped weights for the built-in data ({path}). Train it with "
            f"`bench train --method {spec.name} --dataset paperdolls` and give "
            f"--weights {spec.name}=runs/{spec.name}-paperdolls-0/weights.safetensors, or use --untrained."
        )
    return {"": path}


def _in_folder(spec: MethodSpec[Any], folder: Path) -> dict[str, Path]:
    own = folder / "weights.safetensors"
    if own.is_file():
        return {"": own}
    found = {}
    for network, names in spec.files.items():
        paths = [folder / name for name in names if (folder / name).is_file()]
        if paths:
            found[network] = paths[0]
    if {"generator", *spec.files}.intersection(_NEEDED) - found.keys():
        theirs = " and ".join(" or ".join(spec.files[network]) for network in _NEEDED if spec.files.get(network))
        raise UserError(
            f"{title_of(spec.name)}: no weights in {folder} (looked for weights.safetensors of `bench train`"
            f"{f' and {theirs} of the authors' if theirs else ''}). {_source(spec.name, folder.name)} Put one there, "
            f"name a file with --weights {spec.name}=FILE, or run with --untrained, which every table will say."
        )
    return found


def _source(method: str, dataset: str) -> str:
    """Write a sentence on where the authors' files are, or that there are none."""
    released = [weights for name, weights in WEIGHT_FILES.items() if name.startswith(f"{method}/{dataset}/")]
    if not released:
        return f"Nobody released any for {dataset}."
    return f"The authors' are here: {released[0].click or released[0].url}."


def build_method(spec: MethodSpec[Any], config: object, weights: MethodWeights, device: torch.device) -> Method[Any]:
    """Build a method that is ready to draw: with its weights, in evaluation mode, without gradients."""
    method: Method[Any] = spec.build(config)
    if weights.untrained:
        initialise(method, 1.0, stream("untrained", spec.name))
    for network, path, _ in weights.files:
        part: nn.Module = method.get_submodule(network) if network else method
        state = read_weights(path)
        try:
            load_into(part, state, path)
        except UserError as error:
            fits = _variants_that_fit(spec, network, state)
            raise UserError(f"{error} It fits: {', '.join(fits)}." if fits else str(error)) from error
    _spoil_unfilled(method, weights)
    if weights.bank is not None:
        open_bank(method, weights.bank)
    method.eval().requires_grad_(False)
    fold_spectral(method)
    return method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _spoil_unfilled(method: Method[Any], weights: MethodWeights) -> None:
    """Fill with NaN what no file fills, in place of memory as it was found: images made with it are refused."""
    if weights.untrained:
        return
    parts = [method.get_submodule(network) for network, _, _ in weights.files]  # "" is the whole method
    filled = {id(parameter) for part in parts for parameter in part.parameters()}
    for parameter in method.parameters():
        if id(parameter) not in filled:
            parameter.data.fill_(torch.nan)


def _variants_that_fit(spec: MethodSpec[Any], network: str, state: Mapping[str, torch.Tensor]) -> list[str]:
    """Name the variants of a method whose network, on any data set, has exactly these keys and shapes."""
    fitting = []
    for other in (resolve("method", METHODS, name) for name in METHODS):
        if other.build is spec.build and other.name != spec.name:
            for config in dict.fromkeys(other.configs.values()):
                with torch.device("meta"):
                    method = other.build(config)
                part = getattr(method, network) if network else method
                if part is not None and _shapes(complete_state(state, part)) == _shapes(part.state_dict()):
                    fitting.append(other.name)
                    break
    return fitting


def _shapes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in state.items()}
