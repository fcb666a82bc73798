"""Checks of what a run needs: the machine, the data, the weights."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from bench.common.catalog import choose_protocol, methods, resolve
from bench.common.errors import UserError
from bench.common.version import version
from bench.datasets.base import DatasetSpec
from bench.datasets.find import find_dataset
from bench.evaluation.photos import find_imported
from bench.evaluation.plan import default_metrics, default_protocol, require_styles
from bench.evaluation.segmenter import expanded
from bench.results.provenance import PACKAGES, package_versions
from bench.results.records import Preset
from bench.synthesis.devices import choose_device
from bench.synthesis.methods import find_method_weights
from bench.synthesis.sizes import config_for, default_preset
from bench.weights.known import verified
from metrics import METRICS
from metrics.base import MetricSpec
from metrics.protocol import Protocol
from models.base import MethodSpec

LEAST_DISK = 2e9  # bytes: feature networks, states of shards, tables


@dataclass(frozen=True)
class Check:
    """A thing that was looked for, and whether it is there."""

    subject: str
    state: Literal["ok", "missing"]
    text: str  # what was found, or the way out


@dataclass(frozen=True)
class Places:
    """Where to look, and for which network sizes."""

    data_root: Path
    weights_root: Path
    preset: Preset | None = None


def looked_for(subject: str, look: Callable[[], str]) -> Check:
    """Make a check of the text that `look` returns, or of the UserError that it raises."""
    try:
        return Check(subject, "ok", look())
    except UserError as error:
        return Check(subject, "missing", " ".join(str(error).split()))


def check_machine(device: str, folder: Path) -> Iterator[Check]:
    """Look at versions, device, threads, disk and memory."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    versions = ", ".join(f"{name} {number}" for name, number in package_versions(PACKAGES).items())
    yield Check("versions", "ok", f"bench {version()}, {versions}")
    yield looked_for("device", lambda: _device(device))
    yield Check("threads", "ok", f"{torch.get_num_threads()} of {os.cpu_count()} CPUs (OMP_NUM_THREADS changes it)")
    yield looked_for("disk", lambda: _disk(folder))
    yield Check("memory", "ok", _memory())


def _device(name: str) -> str:
    device = choose_device(name)
    if device.type != "cuda":
        return str(device)
    free, total = torch.cuda.mem_get_info(device)
    return f"{device}: {torch.cuda.get_device_name(device)}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"


def _disk(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    folder = folder.resolve()
    if free < LEAST_DISK:
        raise UserError(f"only {free / 1e9:.1f} GB free at {folder}; free some space or work on another disk.")
    return f"{free / 1e9:.1f} GB free at {folder}"


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on this system
        return "not known on this system"
    return f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"


def check_run(
    method_names: Sequence[str], dataset_names: Sequence[str], protocol: str | None, places: Places
) -> Iterator[Check]:
    """Look for all that `bench run` would read; an unknown name is an error and not a check."""
    specs = [resolve("method", methods(), name) for name in method_names]
    data_specs = [find_dataset(name, places.data_root) for name in dataset_names]
    for data in data_specs:
        choices = choose_protocol(protocol or default_protocol(data.name), ())
        yield from _check_data(data, choices, places)
        for spec in specs:
            yield _check_method(spec, data, choices, places)
        yield from _check_features(data, choices, places.weights_root)


def _check_data(data: DatasetSpec, protocol: Protocol, places: Places) -> Iterator[Check]:
    root = places.data_root
    yield looked_for(f"data {data.name}", lambda: f"{len(data.open('val', root))} layouts")
    split = protocol.fid.real_split
    if split == "imported":

        def look() -> str:
            return f"{find_imported(data.name, protocol.fid.mode, places.weights_root)}, FID's reference"

        yield looked_for(f"statistics {data.name}", look)
    elif split == "train":

        def look() -> str:
            return f"{len(data.open(split, root))} photos, FID's reference in {protocol.name}"

        yield looked_for(f"data {data.name} {split}", look)


def _check_method(spec: MethodSpec[Any], data: DatasetSpec, protocol: Protocol, places: Places) -> Check:
    preset = places.preset or default_preset(data.name)

    def look() -> str:
        config_for(spec, data, preset)
        weights = find_method_weights(spec, data.name, preset, places.weights_root, None, untrained=False)
        require_styles(spec, weights, protocol)
        return ", ".join(str(path) for _, path, _ in weights.files) or "needs no weights"

    return looked_for(f"method {spec.name} on {data.name}", look)


def _check_features(data: DatasetSpec, protocol: Protocol, root: Path) -> Iterator[Check]:
    specs: list[MetricSpec] = [resolve("metric", METRICS, name) for name in default_metrics(data)]
    for need in dict.fromkeys(name for spec in specs for name in spec.weights(protocol)):
        users = ", ".join(spec.name for spec in specs if need in spec.weights(protocol))

        def look(need: str = need, users: str = users) -> str:
            files = [str(verified(name, root)[0]) for name in expanded((need,), protocol, data)]
            return f"{', '.join(files)}, for {users}"

        yield looked_for("segmenter" if need == "segmenter" else f"features {need}", look)
