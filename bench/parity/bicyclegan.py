"""Goldens of BicycleGAN's code base, whose U-Net and discriminators DSCGAN shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError, Json
from bench.parity.steps import expected_losses, gradient_norm, is_compared, loss_comparisons
from models.base import Layout
from models.bicyclegan import BicycleGan, BicycleGanConfig, BicycleGanEncoder, BicycleGanObjective, BicycleGanRecipe
from models.parts.colours import Colour, colour_planes
from models.parts.unet import UnetConfig, UnetGenerator
from models.training.halving_discriminator import HalvingDiscriminator
from models.training.losses import Judgement

_SIZES = {"128": 7, "256": 8}  # number in the authors' network names -> levels of the U-Net; D has five layers fewer
_TOLERANCE = {"iteration_0": 1e-5, "iteration_1": 1e-4}  # of the losses
_NORM_TOLERANCE = 1e-2  # as the golden states; the sign of one LeakyReLU input of 4e-6 moves a norm by 6e-3
_WEIGHT_TOLERANCE = 3e-4  # Adam moves a weight with a gradient near zero by the full rate, up or down by rounding


def _levels(golden: Golden, option: str, pattern: str) -> int:
    name = golden.config.word(option)
    for size, levels in _SIZES.items():
        if name == pattern.format(size):
            return levels
    raise GoldenError(f"config '{option}' is '{name}', expected {' or '.join(pattern.format(s) for s in _SIZES)}")


def picture(golden: Golden, name: str) -> Tensor:
    """Read an 8-bit picture [N, 3, H, W] as the networks see it."""
    if golden.array(name).dtype.kind != "u":
        raise GoldenError(f"array '{name}' is no 8-bit picture")
    return golden.tensor(name, None, 3, None, None).float() / 127.5 - 1


def painted_labels(golden: Golden) -> Tensor:
    """Read labels and their colours as the generator's input picture."""
    palette = [(int(r), int(g), int(b)) for r, g, b in golden.tensor("palette", None, 3)]
    return colour_planes(golden.ids("label", len(palette)), palette)


def unet_drawn(golden: Golden, downs: int) -> list[Comparison]:
    """Replay the U-Net; the golden's multiply-adds are those of one image."""
    config, pictures = golden.config, painted_labels(golden)
    height, width = pictures.shape[2:]
    sizes = UnetConfig(
        ((0, 0, 0),), height, width, config.whole("nz"), config.whole("ngf", 64, at_most=256), downs=downs
    )
    z = golden.batch("z", len(pictures), sizes.z_size)
    network, results = golden.filled(lambda: UnetGenerator(sizes))
    with FlopCounterMode(display=False) as counter:
        image = network(pictures, z)
    macs = counter.get_total_flops() / 2 / len(image)
    results.append(Comparison("multiply-adds", abs(macs - int(golden.meta["generator_macs"])), 0.0))
    return [*results, golden.image("out", image), *golden.statistics("out", image)]


def generator(golden: Golden) -> list[Comparison]:
    """netG with z at all levels."""
    if golden.config.word("where_add", "all") != "all":
        raise GoldenError("config 'where_add' is not 'all', the only way here to add z")
    return unet_drawn(golden, _levels(golden, "netG", "unet_{}"))


def encoder(golden: Golden) -> list[Comparison]:
    """netE: mean and log-variance."""
    config, photos = golden.config, picture(golden, "image")
    channels, z_size = config.whole("nef", 64, at_most=256), config.whole("nz")
    network, results = golden.filled(lambda: BicycleGanEncoder(photos.shape[2], channels, z_size))
    values = zip(("mu", "logvar"), network(photos), strict=True)
    return results + [compare(name, value, golden.array(name)) for name, value in values]


def logits_of(golden: Golden, judged: Judgement) -> list[Comparison]:
    """Compare the logits of both scales."""
    return [compare(f"pred_{scale}", stages[-1], golden.array(f"pred_{scale}")) for scale, stages in enumerate(judged)]


def discriminator(golden: Golden) -> list[Comparison]:
    """netD, which sees the image alone."""
    layers, width = _levels(golden, "netD", "basic_{}_multi") - 5, golden.config.whole("ndf", 64, at_most=256)
    network, results = golden.filled(lambda: HalvingDiscriminator(3, width=width, layers=layers))
    return results + logits_of(golden, network(picture(golden, "image")))


def _layout(golden: Golden) -> tuple[Layout, tuple[Colour, ...]]:
    """Read the label picture, whose colours may be any, as labels: one class per colour."""
    pixels = golden.tensor("A", None, 3, None, None).movedim(1, -1)
    colours, labels = torch.unique(pixels.flatten(0, 2), dim=0, return_inverse=True)
    labels = labels.view(pixels.shape[:3])
    palette = tuple((int(r), int(g), int(b)) for r, g, b in colours)
    return Layout(labels, torch.zeros_like(labels), len(palette)), palette


def _recipe(golden: Golden) -> BicycleGanRecipe:
    config = golden.config
    if config.real("lambda_GAN") != 1 or config.real("lambda_GAN2") != 1 or config.word("gan_mode") != "lsgan":
        raise GoldenError("the golden's adversarial losses are no least squares of weight 1")
    if config.flag("use_same_D") or config.flag("conditional_D") or config.whole("num_Ds") != 2:
        raise GoldenError("the golden does not train two unconditional discriminators of two scales")
    return BicycleGanRecipe(
        lr_generator=config.real("lr"),
        lr_discriminator=config.real("lr"),
        betas=(config.real("beta1"), 0.999),
        pixel=config.real("lambda_L1"),
        latent=config.real("lambda_z"),
        kl=config.real("lambda_kl"),
        discriminator_width=config.whole("ndf", at_most=256),
        discriminator_layers=_levels(golden, "netD", "basic_{}_multi") - 5,
    )


class Replay:
    """The authors' loop on one batch with given noise; two Adams do the work of their four."""

    def __init__(self, golden: Golden) -> None:
        options, recipe = golden.config, _recipe(golden)
        self.layout, palette = _layout(golden)
        self.images = picture(golden, "B")
        height, width = self.images.shape[2:]
        config = BicycleGanConfig(
            palette,
            height,
            width,
            options.whole("nz"),
            options.whole("ngf", at_most=256),
            _levels(golden, "netG", "unet_{}"),
            dropout=0.5 if options.flag("use_dropout") else 0.0,
            encoder_channels=options.whole("nef", at_most=256),
        )
        self.objective: BicycleGanObjective = golden.build(lambda: recipe.objective(BicycleGan(config), 3))
        method, discriminators = self.objective.method, self.objective.discriminator
        self.networks: Mapping[str, nn.Module] = {
            "G": method.generator,
            "E": method.encoder,
            "D": discriminators["D"],
            "D2": discriminators["D2"],
        }
        self.checks = [c for name, network in self.networks.items() for c in golden.check(network, name)]
        for name, network in self.networks.items():
            golden.fill(network, name, prefix=f"{name}:")
        self.adam_g = torch.optim.Adam(method.parameters(), recipe.lr_generator, recipe.betas)
        self.adam_d = torch.optim.Adam(discriminators.parameters(), recipe.lr_discriminator, recipe.betas)
        self.objective.train()

    def outputs(self, noise: Tensor) -> dict[str, Tensor]:
        """What the networks make of the batch before any update, by the names of the golden."""
        self.objective.generator_losses(self.images, self.layout, noise)
        assert self.objective.fake is not None
        encoded, drawn = self.objective.fake.chunk(2)
        mean, log_variance = self.objective.method.encoder(self.images[: len(encoded)])
        again, _ = self.objective.method.encoder(drawn)
        codes = {"mu": mean, "logvar": log_variance, "mu2": again}
        return {"fake_B_encoded": encoded, "fake_B_random": drawn, **{k: v.detach() for k, v in codes.items()}}

    def step(self, noise: Tensor) -> dict[str, float]:
        """Run one iteration: all losses, and the sums that the authors log."""
        g = self._update(self.adam_g, self.objective.generator_losses(self.images, self.layout, noise))
        d = self._update(self.adam_d, self.objective.discriminator_losses(self.images, self.layout, noise))
        sums = {"G": sum(g.values()) - g["z_L1"], "D": d["D_fake"] + d["D_real"], "D2": d["D2_fake"] + d["D2_real"]}
        return g | d | sums

    @staticmethod
    def _update(adam: torch.optim.Adam, losses: Mapping[str, Tensor]) -> dict[str, float]:
        adam.zero_grad()
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        adam.step()
        return {name: float(value.detach()) for name, value in losses.items()}


def training_step(golden: Golden) -> list[Comparison]:
    """Losses of two iterations, gradients of the first, weights after the second."""
    replay = Replay(golden)
    eps, codes = golden.tensor("eps", 2, None, None), golden.tensor("z_random", 2, None, None)
    results = list(replay.checks)
    for name, value in replay.outputs(torch.cat([eps[0], codes[0]])).items():
        results.append(golden.image(name, value) if value.ndim == 4 else compare(name, value, golden.array(name)))
    for iteration, (part, tolerance) in enumerate(_TOLERANCE.items()):
        ours = replay.step(torch.cat([eps[iteration], codes[iteration]]))
        results += loss_comparisons(part, ours, expected_losses(golden, part), tolerance, 0.0)
        if iteration == 0:
            results += _gradients(golden, replay.networks)
    return results + _weights(golden, replay.networks)


def _values(golden: Golden, field: str) -> Mapping[str, Json]:
    values = golden.mapping(field).get("values")
    if not isinstance(values, dict):
        raise GoldenError(f"the json's '{field}' has no values")
    return values


def _gradients(golden: Golden, networks: Mapping[str, nn.Module]) -> list[Comparison]:
    """Compare the norm of every gradient that is not rounding noise."""
    results = []
    for name, (norm, _) in _values(golden, "grads_iteration_0").items():
        network, key = name.split("/")
        if is_compared("grad_norm", norm):
            ours = gradient_norm(nn.ParameterList([networks[network].get_parameter(key)]))
            results.append(compare(f"gradient of {name}", ours, norm, tolerance=_NORM_TOLERANCE))
    return results


def _weights(golden: Golden, networks: Mapping[str, nn.Module]) -> list[Comparison]:
    """Compare sum and sum of magnitudes of every weight that was not moved by rounding noise."""
    norms = _values(golden, "grads_iteration_0")
    results = []
    for network, weights in _values(golden, "params_after_2_iterations").items():
        for key, sums in weights.items():
            if is_compared("grad_norm", norms.get(f"{network}/{key}", [1.0])[0]):
                ours = _sums(networks[network].get_parameter(key))
                results.append(compare(f"weights {network}/{key}", ours, sums, tolerance=_WEIGHT_TOLERANCE))
    return results


def _sums(weight: Tensor) -> Sequence[float]:
    exact = weight.detach().double()
    return float(exact.sum()), float(exact.abs().sum())
