"""Training-step goldens: losses, gradients and images of the authors' loop, replayed with ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from bench.parity.golden import Comparison, Golden, compare
from models._losses import PerceptualLoss
from models._recipe import Objective, Recipe
from models.base import Layout, Method

Noise = Callable[[int, str], Any]  # (iteration, "G" or "D") -> the style noise of that pass

_SMALLEST_NORM = 1e-3  # below it a gradient is rounding noise of biases in front of a normalisation


def gradient_norm(network: torch.nn.Module) -> float:
    """L2 over all parameters of a network, in float64."""
    grads = [p.grad.double().square().sum() for p in network.parameters() if p.grad is not None]
    return float(torch.stack(grads).sum().sqrt())


class Replay:
    """One method with its discriminator, its losses and two Adams; every update is optional."""

    def __init__(self, golden: Golden, method: Method[Any], recipe: Recipe, images: Tensor, layout: Layout) -> None:
        width = golden.config.get("ndf_discriminator", golden.config.get("ndf", 64))
        planes = method.planes(layout).shape[1]
        self.images, self.layout = images, layout
        self.objective = Objective(
            method, replace(recipe, discriminator_width=width), planes, PerceptualLoss(recipe.perceptual_layers)
        )
        self.adam_g = torch.optim.Adam(method.parameters(), recipe.lr_generator, recipe.betas)
        self.adam_d = torch.optim.Adam(self.objective.discriminator.parameters(), recipe.lr_discriminator, recipe.betas)

    def networks(self) -> dict[str, torch.nn.Module]:
        """The networks that a golden fills, by the letter of the authors' file names."""
        method = self.objective.method
        parts = {"G": method.generator, "D": self.objective.discriminator, "E": method.encoder}
        return {name: part for name, part in parts.items() if part is not None}

    def generator(self, noise: object, *, update: bool) -> dict[str, float]:
        """Losses of generator and encoder and, if they are updated, their gradient norms."""
        losses = self.objective.generator_losses(self.images, self.layout, noise)
        results = {name: float(value) for name, value in losses.items()}
        if update:
            self.adam_g.zero_grad()
            _total(losses).backward()  # type: ignore[no-untyped-call]
            method = self.objective.method
            results["grad_norm_netG"] = gradient_norm(method.generator)
            if method.encoder is not None:
                results["grad_norm_netE"] = gradient_norm(method.encoder)
            self.adam_g.step()
        return results

    def discriminator(self, noise: object, *, update: bool) -> dict[str, float]:
        """The discriminator's losses and, if it is updated, its gradient norm."""
        losses = self.objective.discriminator_losses(self.images, self.layout, noise)
        results = {name: float(value) for name, value in losses.items()}
        if update:
            self.adam_d.zero_grad()
            _total(losses).backward()  # type: ignore[no-untyped-call]
            results["grad_norm_netD"] = gradient_norm(self.objective.discriminator)
            self.adam_d.step()
        return results


def _total(losses: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def loss_comparisons(
    part: str, ours: Mapping[str, float], expected: Mapping[str, float], tolerance: float, norm_tolerance: float
) -> list[Comparison]:
    """Compare a part's values; a loss of the golden that ours lacks is off."""
    results = []
    for name, value in expected.items():
        is_norm = name.startswith("grad_norm")
        if is_norm and value < _SMALLEST_NORM:
            continue
        limit = norm_tolerance if is_norm else tolerance
        results.append(compare(f"{part} {name}", ours.get(name, float("nan")), value, tolerance=limit))
    return results


def spade_family_steps(
    golden: Golden, method: Method[Any], layout: Layout, noise: Noise, recipe: Recipe
) -> list[Comparison]:
    """The two parts of the SPADE family's goldens: one pass without updates; two iterations from the same start.

    Tolerances are 3 to 40 times the deviations measured between independent float32 implementations.
    """
    images = golden.tensor("image")
    replay = Replay(golden, method, recipe, images, layout)
    expected: Mapping[str, Mapping[str, float]] = golden.meta["losses"]

    def fill() -> list[Comparison]:
        results = []
        for letter, network in replay.networks().items():
            results += golden.fill(network, f"net{letter}")
        return results

    assert replay.objective.perceptual is not None
    results = fill() + golden.fill(replay.objective.perceptual, "vgg19", prefix="vgg19.")[2:]
    replay.objective.train()
    generator = replay.generator(noise(0, "G"), update=False)
    stride = 4 if images.shape[-1] == 256 else 1
    assert replay.objective.fake is not None
    fake = replay.objective.fake[:, :, ::stride, ::stride]
    results.append(compare("fake_0_G", fake, golden.arrays["fake_0_G"], relative=False))
    both = generator | replay.discriminator(noise(0, "D"), update=False)
    results += loss_comparisons("no_optimizer_step", both, expected["no_optimizer_step"], 1e-5, 0.0)
    fill()
    for part, tolerance, d_tolerance, norm in (("iteration_0", 1e-5, 2e-5, 2e-3), ("iteration_1", 1e-3, 1e-4, 5e-3)):
        iteration = int(part[-1])
        ours = replay.generator(noise(iteration, "G"), update=True)
        theirs = {name: value for name, value in expected[part].items() if name in ours or not _is_of_d(name)}
        results += loss_comparisons(part, ours, theirs, tolerance, norm)
        ours = replay.discriminator(noise(iteration, "D"), update=True)
        theirs = {name: value for name, value in expected[part].items() if _is_of_d(name)}
        results += loss_comparisons(part, ours, theirs, d_tolerance, norm)
    return results


def _is_of_d(name: str) -> bool:
    return name in ("D_Fake", "D_real", "grad_norm_netD")
