"""Training-step goldens: losses, gradients and images of the authors' loop, replayed with ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from models.base import Layout, Method
from models.training.recipe import Objective, Recipe
from models.training.vgg19 import PerceptualLoss

Noise = Callable[[int, str], Any]  # (iteration, "G" or "D") -> the style noise of that pass
Make = Callable[[], Method[Any]]
R = TypeVar("R", bound=Recipe)

_SMALLEST_NORM = 1e-3  # a smaller gradient is rounding noise, of biases in front of a normalisation


def is_compared(name: str, value: float) -> bool:
    """Tell whether a value of the golden's losses is worth comparing."""
    return not (name.startswith("grad_norm") and value < _SMALLEST_NORM)


def gradient_norm(network: nn.Module) -> float:
    """L2 over all parameters of a network, in float64."""
    grads = [p.grad.double().square().sum() for p in network.parameters() if p.grad is not None]
    return float(torch.stack(grads).sum().sqrt())


class Replay:
    """One method with its discriminator, its losses and two Adams; every update is optional."""

    def __init__(self, golden: Golden, make: Make, layout: Layout, recipe: Recipe, discriminator_width: int) -> None:
        self.images, self.layout = golden.photos(), layout
        if self.images.shape[0] != len(layout) or self.images.shape[2:] != layout.labels.shape[1:]:
            raise GoldenError(f"array 'image' has shape {list(self.images.shape)}, unlike the labels")
        self.recipe = replace(
            recipe,
            discriminator_width=discriminator_width,
            discriminator_layers=golden.config.whole("n_layers_D", recipe.discriminator_layers, at_most=16),
            images_per_gpu=len(layout),  # the authors' sum over the batch
        )
        if golden.config.whole("num_D", 2) != 2:
            raise GoldenError("config 'num_D' is not 2, the scales of the training discriminator")
        self.objective = golden.build(lambda: self._objective(make()))

    def _objective(self, method: Method[Any]) -> Objective:
        objective = self.recipe.objective(method, method.planes(self.layout).shape[1])
        objective.perceptual = PerceptualLoss(self.recipe.perceptual_layers)
        return objective

    @property
    def perceptual(self) -> PerceptualLoss:
        """VGG19."""
        assert self.objective.perceptual is not None
        return self.objective.perceptual

    @property
    def fake(self) -> Tensor:
        """The generator's last images."""
        assert self.objective.fake is not None
        return self.objective.fake

    def networks(self) -> dict[str, nn.Module]:
        """The networks that a golden fills, by the letter of the authors' file names."""
        method = self.objective.method
        parts = {"G": method.generator, "D": self.objective.discriminator, "E": method.encoder}
        return {name: part for name, part in parts.items() if part is not None}

    def start(self) -> None:
        """Go into training mode with fresh optimisers."""
        method, recipe = self.objective.method, self.recipe
        self.adam_g = torch.optim.Adam(method.parameters(), recipe.lr_generator, recipe.betas)
        self.adam_d = torch.optim.Adam(self.objective.discriminator.parameters(), recipe.lr_discriminator, recipe.betas)
        self.objective.train()

    def generator(self, noise: object, *, update: bool) -> dict[str, float]:
        """Losses of generator and encoder and, if they are updated, their gradient norms."""
        losses = self.objective.generator_losses(self.images, self.layout, noise)
        results = {name: float(value.detach()) for name, value in losses.items()}
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
        results = {name: float(value.detach()) for name, value in losses.items()}
        if update:
            self.adam_d.zero_grad()
            _total(losses).backward()  # type: ignore[no-untyped-call]
            results["grad_norm_netD"] = gradient_norm(self.objective.discriminator)
            self.adam_d.step()
        return results


def _total(losses: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def expected_losses(golden: Golden, part: str) -> Mapping[str, float]:
    """Read one part of the golden's losses."""
    values = golden.mapping("losses").get(part)
    if not isinstance(values, dict) or not all(isinstance(value, int | float) for value in values.values()):
        raise GoldenError(f"the json's losses lack the numbers of '{part}'")
    return values


def loss_comparisons(
    part: str, ours: Mapping[str, float], expected: Mapping[str, float], tolerance: float, norm_tolerance: float
) -> list[Comparison]:
    """Compare the values of one part; a loss that only the golden has counts as off."""
    return [
        compare(
            f"{part} {name}",
            ours.get(name, float("nan")),
            value,
            tolerance=norm_tolerance if name.startswith("grad_norm") else tolerance,
        )
        for name, value in expected.items()
        if is_compared(name, value)
    ]


def spade_family_steps(golden: Golden, make: Make, layout: Layout, noise: Noise, recipe: Recipe) -> list[Comparison]:
    """The two parts of the SPADE family's goldens: one pass without updates; two iterations from the same start.

    Tolerances are 3 to 40 times the deviations measured between independent float32 implementations.
    """
    replay = Replay(golden, make, layout, stated_recipe(golden, recipe), golden.config.whole("ndf", 64))

    def fill() -> None:
        for letter, network in replay.networks().items():
            golden.fill(network, f"net{letter}")
        golden.fill(replay.perceptual, "vgg19", prefix="vgg19.")
        replay.start()

    results = [c for letter, part in replay.networks().items() for c in golden.check(part, f"net{letter}")]
    fill()
    ours = replay.generator(noise(0, "G"), update=False)
    results.append(golden.image("fake_0_G", replay.fake))
    ours |= replay.discriminator(noise(0, "D"), update=False)
    results += loss_comparisons("no_optimizer_step", ours, expected_losses(golden, "no_optimizer_step"), 1e-5, 0.0)
    fill()
    for part, tolerance, d_tolerance, norm in (("iteration_0", 1e-5, 2e-5, 2e-3), ("iteration_1", 1e-3, 1e-4, 5e-3)):
        expected, iteration = expected_losses(golden, part), int(part[-1])
        of_d = {name: value for name, value in expected.items() if name in ("D_Fake", "D_real", "grad_norm_netD")}
        of_g = {name: value for name, value in expected.items() if name not in of_d}
        results += loss_comparisons(part, replay.generator(noise(iteration, "G"), update=True), of_g, tolerance, norm)
        ours = replay.discriminator(noise(iteration, "D"), update=True)
        results += loss_comparisons(part, ours, of_d, d_tolerance, norm)
    return results


def stated_recipe(golden: Golden, recipe: R) -> R:
    """The method's recipe with the weights and rates that the golden's options state."""
    config = golden.config
    if config.word("gan_mode", "hinge") != "hinge" or config.flag("no_ganFeat_loss", False):
        raise GoldenError("the golden trains without hinge loss or feature matching, which no method here does")
    rate, equal = config.real("lr", 2e-4), config.flag("no_TTUR", False)
    return replace(
        recipe,
        lr_generator=rate if equal else rate / 2,
        lr_discriminator=rate if equal else rate * 2,
        betas=(config.real("beta1", recipe.betas[0]), config.real("beta2", recipe.betas[1])),
        feature_matching=config.real("lambda_feat", recipe.feature_matching),
        perceptual=0.0 if config.flag("no_vgg_loss", False) else config.real("lambda_vgg", recipe.perceptual),
        kl=config.real("lambda_kld", recipe.kl),
    )
