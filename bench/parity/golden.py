"""A golden on disk: a json and the arrays beside it, checked as data that may be wrong."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.parity.comparison import Comparison, compare
from bench.parity.fill import fill_network
from bench.parity.options import Config, GoldenError, Json

Network = TypeVar("Network", bound=nn.Module)
# Anything larger is a mistake in the file, and would exhaust the machine before anything could be compared.
_JSON_BYTES = 64 * 2**20
_ARRAY_BYTES = 2**30
_WEIGHTS = 2**29
_LABEL_PIXELS = 2**21


class NetworkDiffersError(Exception):
    """The error of a network with other keys or shapes than the golden's: outputs cannot be compared."""

    def __init__(self, comparison: Comparison) -> None:
        super().__init__(str(comparison))
        self.comparison = comparison


@dataclass(frozen=True)
class Golden:
    """A golden: a json and its arrays."""

    path: Path
    meta: Mapping[str, Json]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, path: Path) -> Golden:
        """Read `path` (.json) and the .npz beside it, if there is one; no pickles, nothing larger than is sane."""
        meta = _read_json(path)
        beside = path.with_suffix(".npz")
        return cls(path, meta, read_arrays(beside) if beside.is_file() else {})

    @property
    def config(self) -> Config:
        """Options of the authors' network."""
        return Config(self.mapping("config"))

    @property
    def method(self) -> str:
        """The method that the golden is of, or ""."""
        return str(self.meta.get("method", "")).lower()

    @property
    def network(self) -> str:
        """The network that it is of, or ""; a training step in any spelling is "training_step"."""
        if self.meta.get("kind") == "training_step":
            return "training_step"
        return str(self.meta.get("network") or "").replace(" ", "_")

    def mapping(self, name: str) -> Mapping[str, Json]:
        """Read a field that is an object."""
        value = self.meta.get(name)
        if not isinstance(value, dict):
            raise GoldenError(f"the json has no object '{name}'")
        return value

    def names(self, field: str) -> list[str]:
        """Read a field that lists names of arrays; if it is missing, there are none."""
        value = self.meta.get(field, [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise GoldenError(f"the json's '{field}' is not a list of names")
        return value

    def array(self, name: str) -> np.ndarray:
        """Read an array of finite numbers."""
        if name not in self.arrays:
            raise GoldenError(f"array '{name}' is missing from the npz")
        array = self.arrays[name]
        if array.dtype.kind not in "iufb" or not np.isfinite(array).all():
            raise GoldenError(f"array '{name}' ({array.dtype}) does not hold finite numbers")
        return array

    def tensor(self, name: str, *shape: int | None) -> Tensor:
        """Read an input; None in `shape` takes any size, integers come as int64."""
        array = self.array(name)
        tensor = torch.from_numpy(array.astype(np.int64 if array.dtype.kind in "iub" else np.float32))
        if shape and not _fits(tensor.shape, shape):
            raise GoldenError(f"array '{name}' has shape {list(array.shape)}, expected {_shown(shape)}")
        return tensor

    def batch(self, name: str, *shape: int | None) -> Tensor:
        """Read an input of `shape`, whose first axis, the batch, may not be stored."""
        array = self.array(name)
        return self.tensor(name, *shape[1:])[None] if array.ndim == len(shape) - 1 else self.tensor(name, *shape)

    def ids(self, name: str, below: int | None = None) -> Tensor:
        """Read a map of ids [N, H, W] from 0 to `below`."""
        ids = self.batch(name, None, None, None)
        if self.array(name).dtype.kind not in "iu" or not 0 < ids.numel() <= _LABEL_PIXELS:
            raise GoldenError(f"array '{name}' is no map of ids with 1 to {_LABEL_PIXELS} pixels")
        if int(ids.min()) < 0 or (below is not None and int(ids.max()) >= below):
            raise GoldenError(f"array '{name}' has ids {int(ids.min())} to {int(ids.max())}, expected 0 to {below}-1")
        return ids

    def photos(self) -> Tensor:
        """Read photos [N, 3, H, W] in [-1, 1], stored as such or as 8-bit [N, H, W, 3]."""
        if self.array("image").dtype.kind == "u":
            return self.batch("image", None, None, None, 3).movedim(-1, 1).float().div(255).sub(0.5).div(0.5)
        return self.batch("image", None, 3, None, None)

    def enlarged(self, name: str) -> Tensor:
        """Read photos [N, 3, H, W] that are stored small; the notes say how often a pixel is repeated."""
        small = self.batch(name, None, 3, None, None)
        factor = re.search(rf"\b{name}: .*?nearest x(\d+)", str(self.meta.get("input_notes", "")))
        if factor is None:
            raise GoldenError(f"input_notes do not say how '{name}' {list(small.shape)} is enlarged")
        return self.enlarged_to(name, small, small.shape[2] * int(factor[1]), small.shape[3] * int(factor[1]))

    def enlarged_to(self, name: str, small: Tensor, height: int, width: int) -> Tensor:
        """Make squares of equal pixels of every pixel of `small` [N, C, h, w], which was read from `name`."""
        if not 0 < height * width <= _LABEL_PIXELS:
            raise GoldenError(f"a picture of {height}x{width} pixels is larger than is sane")
        rows, columns = height // small.shape[2], width // small.shape[3]
        large = small.repeat_interleave(rows, 2).repeat_interleave(columns, 3)
        if large.shape[2:] != (height, width):
            raise GoldenError(f"array '{name}' is {list(small.shape[2:])}, no fraction of {height}x{width}")
        return large

    def of_network(self, field: str, name: str | None, default: Json) -> Json:
        """Read a field that holds one value, or one for every network."""
        value = self.meta.get(field, default)
        if name is None:
            return value
        if f"{field}_{name}" in self.meta:
            return self.meta[f"{field}_{name}"]
        return value.get(name, default) if isinstance(value, dict) else value

    def build(self, make: Callable[[], Network]) -> Network:
        """Make a network on torch's meta device, and refuse one that no machine could hold."""
        try:
            with torch.device("meta"):
                network = make()
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise GoldenError(f"config does not make a network: {_first_line(error)}") from error
        weights = sum(value.numel() for value in network.state_dict().values())
        if weights > _WEIGHTS:
            raise GoldenError(f"config makes a network of {weights:.2g} weights, more than {_WEIGHTS:.2g}")
        return network

    def check(self, network: nn.Module, name: str | None = None) -> list[Comparison]:
        """Compare keys, shapes and trainable parameters with the golden's network, called `name` if it has several."""
        expected = self.of_network("state_dict", name, None)
        if not isinstance(expected, dict):
            raise GoldenError(f"the json has no state_dict{f' of {name}' if name else ''}")
        ours = {key: list(value.shape) for key, value in network.state_dict().items()}
        wrong = sorted(key for key in {*ours, *expected} if ours.get(key) != expected.get(key))
        label = f"{name} " if name else ""
        if wrong:
            note = f"{wrong[0]}: ours {ours.get(wrong[0])}, golden {expected.get(wrong[0])}"
            raise NetworkDiffersError(Comparison(f"{label}keys and shapes", len(wrong), 0.0, note))
        results = [Comparison(f"{label}keys and shapes", 0.0, 0.0)]
        count = self.of_network("param_count", name, None)
        if count is not None:
            trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
            results.append(Comparison(f"{label}parameters", abs(trainable - count), 0.0))
        return results

    def fill(self, network: nn.Module, name: str | None = None, prefix: str = "") -> None:
        """Give a network, on the meta device or not, its named weights."""
        if any(value.is_meta for value in network.state_dict().values()):
            network.to_empty(device="cpu")
        salt, gain = self.of_network("salt", name, ""), self.of_network("gain", name, 1.0)
        rules = self.of_network("gain_rules", name, None) or []
        if not isinstance(salt, str) or not isinstance(gain, int | float) or not isinstance(rules, list):
            raise GoldenError("salt, gain or gain_rules are no text, number and list")
        fill_network(network, salt, gain, [_gain_rule(rule) for rule in rules], prefix)

    def filled(self, make: Callable[[], Network]) -> tuple[Network, list[Comparison]]:
        """Make the golden's only network, compare it and give it its weights, in evaluation mode."""
        network = self.build(make)
        results = self.check(network)
        self.fill(network)
        return network.eval(), results

    def statistics(self, name: str, full: Tensor, *, correction: int = 0) -> list[Comparison]:
        """Compare mean and standard deviation of a full output, where the golden has them."""
        values = {f"{name}_mean": full.mean(), f"{name}_std": full.std(correction=correction)}
        return [
            compare(key, float(value), self.array(key), relative=False)
            for key, value in values.items()
            if key in self.arrays
        ]

    def image(self, name: str, full: Tensor, *, tolerance: float = 1e-4) -> Comparison:
        """Compare a tanh image [N, 3, H, W], of which every n-th row and column is stored."""
        stored = self.array(name)
        step = max(1, round(full.shape[-1] / stored.shape[-1])) if stored.ndim == 4 and stored.shape[-1] else 1
        return compare(name, full.detach()[:, :, ::step, ::step], stored, tolerance=tolerance, relative=False)


def _read_json(path: Path) -> Mapping[str, Json]:
    try:
        if path.stat().st_size > _JSON_BYTES:
            raise GoldenError(f"the json is larger than {_JSON_BYTES / 2**20:.0f} MiB")
        meta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise GoldenError(f"the json cannot be read: {_first_line(error)}") from error
    if not isinstance(meta, dict):
        raise GoldenError("the json is not an object")
    return meta


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an npz: no pickles, nothing larger than is sane."""
    try:
        with zipfile.ZipFile(path) as members:
            if sum(member.file_size for member in members.infolist()) > _ARRAY_BYTES:
                raise GoldenError(f"the npz holds more than {_ARRAY_BYTES / 2**30:.0f} GiB")
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        TypeError,
        SyntaxError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise GoldenError(f"the npz cannot be read: {_first_line(error)}") from error
    except (zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise GoldenError(f"the npz cannot be read: {_first_line(error)}") from error


def _gain_rule(rule: Json) -> tuple[str, float, str]:
    """Check the form of a rule, and that its regex repeats no group, which may search for ever."""
    match rule:
        case [str(pattern), int(value) | float(value), "fan" | "abs" as kind]:
            repeats = sum(pattern.count(sign) for sign in "*+{")
            if len(pattern) <= 200 and repeats <= 3 and not any(f"){sign}" in pattern for sign in "*+{"):
                return pattern, float(value), kind
    raise GoldenError(f"gain rule {rule!r:.80} is not [plain regex, number, 'fan' or 'abs']")


def _fits(actual: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(actual) == len(wanted) and all(b is None or a == b for a, b in zip(actual, wanted, strict=True))


def _shown(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
