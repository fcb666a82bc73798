"""Costs of drawing one image, measured on a fixed layout, as no cost depends on weights or data files.

The layout is as large as the method's network and has all its classes, as upright stripes. Its instances are stripes
too; their number, which moves INADE's multiply-adds, explains the numbers of that paper's Table 4. Networks
that do not read the layout's values are built on torch's meta device, as counting needs no numbers in the tensors.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

import torch
from torch import nn

from bench.common.catalog import check_name, resolve, title_of
from bench.common.errors import UserError
from bench.common.keys import content_key
from bench.datasets import DATASETS
from bench.results.provenance import collect
from bench.results.records import PROBE, Cell, Preset, Record
from bench.synthesis.batches import stream
from bench.synthesis.methods import MethodWeights, build_method
from bench.synthesis.sizes import choose_config, default_preset
from metrics import METRICS
from metrics.base import MetricSpec
from metrics.complexity import Energy, Macs, Memory, Parameters, Run, Seconds
from models.base import Layout, Method, MethodSpec
from models.inade import InstanceNoiseNorm

INSTANCES = {"cityscapes": 19, "ade20k": 24, "celebamask-hq": 16, "deepfashion": 8}  # ids, 0 among them
_OTHER_INSTANCES = 8
Values = dict[str, dict[str, float]]  # metric -> column key -> number


@dataclass(frozen=True)
class CostPlan:
    """One method's network for one data set."""

    spec: MethodSpec[Any]
    config: Any  # the method's config dataclass
    dataset: str
    preset: Preset

    @property
    def cell(self) -> Cell:
        """The cell that the records belong to."""
        return Cell(self.spec.name, self.preset, self.dataset, PROBE)

    @property
    def sizes(self) -> dict[str, int]:
        """Say how large the layout is."""
        return {
            "height": self.config.height,
            "width": self.config.width,
            "classes": self.config.num_classes,
            "instances": INSTANCES.get(self.dataset, _OTHER_INSTANCES),
        }

    def key(self, metric: str, device: str) -> str:
        """Hash all that can change the metric's numbers."""
        return content_key(
            {
                "method": self.spec.name,
                "dataset": self.dataset,
                "preset": self.preset,
                "config": asdict(self.config),
                "probe": self.sizes,
                "metric": metric,
                "version": _metric(metric).version,
                "device": device if _metric(metric).of_machine else "",
            }
        )


def plan_costs(
    methods: Sequence[MethodSpec[Any]], datasets: Sequence[str], preset: Preset | None
) -> tuple[list[CostPlan], list[str]]:
    """Find the networks, and say why a method has none for a data set; an error if there is none at all."""
    known = dict.fromkeys([*DATASETS, *(dataset for spec in methods for dataset in spec.configs)])
    for dataset in datasets:
        check_name("dataset", known, dataset)
    found = [_plan(spec, dataset, preset or default_preset(dataset)) for dataset in datasets for spec in methods]
    plans = [plan for plan in found if isinstance(plan, CostPlan)]
    skipped = [reason for reason in found if isinstance(reason, str)]
    if not plans:
        raise UserError(" ".join(dict.fromkeys(skipped)))
    return plans, skipped


def _plan(spec: MethodSpec[Any], dataset: str, preset: Preset) -> CostPlan | str:
    if not spec.has_weights:
        return f"{title_of(spec.name)} has no network that could be profiled."
    try:
        return CostPlan(spec, choose_config(spec, dataset, preset), dataset, preset)
    except UserError as error:
        return str(error)


def probe_layout(sizes: Mapping[str, int]) -> Layout:
    """Draw upright stripes, one per class and one per instance, as [1, H, W]."""

    def stripes(count: int) -> torch.Tensor:
        return (torch.arange(sizes["width"]) * count // sizes["width"]).repeat(1, sizes["height"], 1)

    return Layout(stripes(sizes["classes"]), stripes(sizes["instances"]), sizes["classes"])


def count(plan: CostPlan) -> tuple[str, Values]:
    """Count parameters and operations; also return the torch device that this was done on."""
    try:
        return "meta", _count(plan, torch.device("meta"))
    except (NotImplementedError, RuntimeError):  # it reads the layout's values, as INADE and CLADE-ICPE do
        return "cpu", _count(plan, torch.device("cpu"))


def clock(plan: CostPlan, metrics: Sequence[str], device: torch.device, rounds: int) -> Values:
    """Measure time, memory and energy, as far as `metrics` has them, in float32 without TF32."""
    probes = {"seconds": Seconds(rounds), "memory": Memory(), "energy": Energy()}
    method, run = _drawing(plan, device)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        values = {name: probe.measure(method.generator, run) for name, probe in probes.items() if name in metrics}
    if seconds := values.get("seconds"):
        seconds["fps"] = 1 / seconds["seconds"]
    return values


def _conditions(device: torch.device) -> str:
    """Describe what times depend on besides the device."""
    if device.type != "cuda":
        return f"float32, threads: {torch.get_num_threads()}"
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    libraries = f"CUDA {torch.version.cuda}, cuDNN {cudnn}"
    return f"float32, TF32 off, cudnn.benchmark off, channels_last, {libraries}, clocks as found"


def measure(
    plan: CostPlan, metrics: Sequence[str], device: torch.device, device_name: str, rounds: int
) -> list[Record]:
    """Measure these metrics and make their records."""
    start, began = datetime.now(timezone.utc), time.perf_counter()
    where, precision, values = device_name, "float32", Values()
    if {"params", "macs"} & set(metrics):
        where, values = count(plan)
    if any(_metric(name).of_machine for name in metrics):
        where, precision = device_name, _conditions(device)
        values |= clock(plan, metrics, device, rounds)
    provenance = collect(where, start, time.perf_counter() - began, 1, precision)
    return [
        Record(
            key=plan.key(metric, device_name),
            cell=plan.cell,
            metric=metric,
            version=_metric(metric).version,
            status="done",
            weights="none",
            provenance=provenance,
            values=values[metric],
            counts=plan.sizes,
            note=plan.spec.note,
            doubts=tuple(filter(None, [_metric(metric).doubt(values[metric])])),
        )
        for metric in metrics
    ]


def _metric(name: str) -> MetricSpec:
    spec: MetricSpec = resolve("metric", METRICS, name)
    return spec


def _drawing(plan: CostPlan, device: torch.device) -> tuple[Method[Any], Run]:
    """Build the network, and a call that draws one image; a generator that holds its encoder is run with it."""
    with torch.device("meta" if device.type == "meta" else "cpu"):
        method = build_method(plan.spec, plan.config, MethodWeights(untrained=device.type != "meta"), device)
    layout = probe_layout(plan.sizes).to(device)
    style = method.sample_style(layout, [stream(0, 0, "image", 0)])
    if not _holds_encoder(method):
        return method, lambda: method.synthesize(layout, style)
    photos = torch.zeros(1, 3, plan.config.height, plan.config.width, device=device)
    return method, lambda: method.synthesize(layout, method.encode_style(photos, layout, style)[0])


def _holds_encoder(method: Method[Any]) -> bool:
    return any(module is method.encoder for module in method.generator.modules())


def _count(plan: CostPlan, device: torch.device) -> Values:
    method, run = _drawing(plan, device)
    generator, encoder = method.generator, method.encoder
    params = Parameters().measure(generator, run)["params_m"]
    beside = [encoder] if encoder is not None and not _holds_encoder(method) else []
    with _modulated(generator) as numbers:
        macs = Macs().measure(generator, run)
    # INADE's authors modulate by einsums over four rows per class and two per instance; no paper counts these.
    einsums = sum(numbers) * (4 * plan.sizes["classes"] + 2 * plan.sizes["instances"])
    return {
        "params": {
            "params_m": params,
            "params_with_encoder_m": params + sum(Parameters().measure(network, run)["params_m"] for network in beside),
            "params_leaf_m": _leaf_parameters(generator) / 1e6,
        },
        "macs": {**macs, "gflops": 2 * macs["gmacs"], **({"gmacs_einsum": einsums / 1e9} if einsums else {})},
    }


def _leaf_parameters(network: nn.Module) -> int:
    """Count the parameters of innermost layers only, as the counter of the INADE paper did with SEAN."""
    leaves = (module for module in network.modules() if not any(True for _ in module.children()))
    return sum(parameter.numel() for leaf in leaves for parameter in leaf.parameters())


@contextmanager
def _modulated(generator: nn.Module) -> Iterator[list[int]]:
    """Collect how many numbers each of INADE's norms modulates while an image is drawn."""
    numbers: list[int] = []
    norms = [module for module in generator.modules() if isinstance(module, InstanceNoiseNorm)]
    hooks = [norm.register_forward_hook(lambda _, inputs, output: numbers.append(output.numel())) for norm in norms]
    try:
        yield numbers
    finally:
        for hook in hooks:
            hook.remove()
