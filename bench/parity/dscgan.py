"""Goldens of DSCGAN's code base."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.parity.bicyclegan import logits_of, picture, unet_drawn
from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import Config, GoldenError
from bench.parity.spade import drawn
from models.base import Layout, semantic_planes
from models.dscgan import DscganHdConfig, DscganHdGenerator, diversity_regulariser
from models.training.halving_discriminator import HalvingDiscriminator
from models.training.losses import Judgement, least_squares


def generator(golden: Golden) -> list[Comparison]:
    """netG of either kind."""
    if "num_downs" in golden.config:
        return unet_drawn(golden, golden.config.whole("num_downs", at_most=12))
    config, classes = golden.config, golden.config.whole("label_nc")
    if not config.flag("edge"):
        raise GoldenError("config 'edge' is false; the network here reads the edges")
    layout = Layout(golden.ids("label", classes), golden.ids("instance"), classes)
    if layout.labels.shape != layout.instances.shape:
        raise GoldenError("arrays 'label' and 'instance' differ in shape")
    height, width = layout.labels.shape[1:]
    sizes = DscganHdConfig(
        classes,
        height,
        width,
        config.whole("z_num"),
        config.whole("ngf", at_most=256),
        config.whole("n_downsampling", at_most=8),
        config.whole("effective_resnet_blocks", at_most=64),
    )
    z = golden.batch("z", len(layout), sizes.z_size)
    network, results = golden.filled(lambda: DscganHdGenerator(sizes))
    return results + drawn(golden, network, semantic_planes(layout, edges=True), z)


def discriminator(golden: Golden) -> list[Comparison]:
    """netD of the U-Net, which sees the image and then the condition, and its losses."""
    image, condition = picture(golden, "image"), picture(golden, "condition")
    width, layers = golden.config.whole("ndf", 64, at_most=256), golden.config.whole("n_layers", 3, at_most=8)
    network, results = golden.filled(lambda: HalvingDiscriminator(6, width=width, layers=layers, prefix="model"))
    judged: Judgement = network(torch.cat([image, condition], 1))
    to_real, to_fake = float(least_squares(judged, real=True)), float(least_squares(judged, real=False))
    ours = {"to_real": to_real, "to_fake": to_fake, "errD_if_used_as_both": 0.5 * (to_real + to_fake)}
    results += logits_of(golden, judged)
    return results + [compare(name, ours[name], value) for name, value in golden.mapping("losses").items()]


def regulariser(golden: Golden) -> list[Comparison]:
    """The diversity term and its gradient; the authors' bound, off in all their configurations, is applied here."""
    results = []
    for case, options in golden.mapping("cases").items():
        image = golden.tensor(f"{case}_img1", None, 3, None, None).requires_grad_()
        other = golden.tensor(f"{case}_img2", *image.shape).requires_grad_()
        codes = golden.tensor(f"{case}_z1", len(image), None), golden.tensor(f"{case}_z2", len(image), None)
        with torch.enable_grad():
            value = _bounded(diversity_regulariser(image, other, *codes), Config(options))
            value.backward()  # type: ignore[no-untyped-call]
        assert image.grad is not None
        results += [
            compare(f"{case} value", float(value.detach()), options["value"]),
            compare(f"{case} grad_img1_l1", float(image.grad.abs().sum()), options["grad_img1_l1"]),
            Comparison(f"{case} gradient of the second image", 0.0 if other.grad is None else 1.0, 0.0),
        ]
    return results


def _bounded(value: Tensor, options: Config) -> Tensor:
    return value.clamp(max=options.real("margin_value")) if options.flag("margin_enabled") else value
