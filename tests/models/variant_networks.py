"""Networks of any method by its name, to test variants with."""

import importlib
from dataclasses import replace

import torch
from random_layouts import randomise

import models


def spec_of(name):
    module, attribute = models.METHODS[name][0].split(":")
    return getattr(importlib.import_module(module), attribute)


def on_meta(name, dataset):
    spec = spec_of(name)
    with torch.device("meta"):
        return spec.build(spec.configs[dataset])


def tiny(name, **changes):
    spec = spec_of(name)
    return randomise(spec.build(replace(spec.tiny, **changes))).eval().requires_grad_(False)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
