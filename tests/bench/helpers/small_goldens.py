"""Goldens of small networks, made on the fly."""

import json

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.fill import fill_network
from models.base import Layout, semantic_planes
from models.parts.decoder import paper_stages
from models.spade import SpadeConfig, SpadeGenerator

CONFIG = {
    "label_nc": 5,
    "contain_dontcare_label": True,
    "no_instance": True,
    "crop_size": 64,
    "aspect_ratio": 1.0,
    "num_upsampling_layers": "normal",
    "ngf": 2,
    "norm_G": "spectralspadesyncbatch3x3",
    "use_vae": False,
}
RULES = [["mlp_(gamma|beta)", 2.0, "fan"], ["conv_img\\.weight$", 0.5, "fan"]]


def make(**changes):
    """A SPADE generator's json and arrays, with `changes` of the config."""
    config = CONFIG | changes
    edges = not config["no_instance"]
    network = SpadeGenerator(
        SpadeConfig(
            6,
            config["crop_size"],
            config["crop_size"],
            edges=edges,
            stages=paper_stages(config["ngf"], more=False),
            z_size=8 if config["use_vae"] else None,
        )
    ).eval()
    fill_network(network, "", 1.0, [tuple(rule) for rule in RULES])
    rng = np.random.default_rng(0)
    size = (1, config["crop_size"], config["crop_size"])
    arrays = {"label": rng.integers(0, 6, size).astype(np.uint8)}
    arrays["instance"] = rng.integers(0, 3, size).astype(np.int32)
    arrays["z"] = rng.standard_normal((1, 8)).astype(np.float32)
    labels, instances = (torch.from_numpy(arrays[name].astype(np.int64)) for name in ("label", "instance"))
    planes = semantic_planes(Layout(labels, instances, 6), edges=edges)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        image = network(planes, torch.from_numpy(arrays["z"]) if config["use_vae"] else None)
    arrays |= {"out": image[:, :, ::4, ::4].numpy(), "out_mean": image.mean().numpy()}
    meta = {
        "method": "spade",
        "kind": "network",
        "network": "netG",
        "config": config | {"z_dim": 8},
        "state_dict": {key: list(value.shape) for key, value in network.state_dict().items()},
        "salt": "",
        "gain": 1.0,
        "gain_rules": RULES,
        "param_count": sum(parameter.numel() for parameter in network.parameters()),
        "generator_macs": counter.get_total_flops() // 2,
        "inputs": ["label"],
        "outputs": ["out"],
    }
    return meta, arrays


def write(folder, name, meta, arrays=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(meta))
    if arrays is not None:
        np.savez_compressed(folder / f"{name}.npz", **arrays)
