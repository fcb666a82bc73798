"""Goldens of SC-GAN; its discriminators are CC-FPSE's and SPADE's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.parity import fpse
from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import Config, GoldenError
from bench.parity.spade import classes_of, edges_of, layout_of, size_of, stages_of
from bench.parity.steps import Replay, gradient_norm, is_compared, stated_recipe
from models.base import semantic_planes
from models.parts.image_styles import ImageEncoder, SpadeEncoder
from models.scgan.conditional import ConditionalNorm
from models.scgan.method import Scgan
from models.scgan.network import ScganConfig, ScganGenerator
from models.scgan.training import ScganObjective, ScganRecipe, VectorLoss
from models.scgan.vectors import Blur, Nonlinearity, label_pyramid, semantic_vectors
from models.training.multiscale_discriminator import MultiscaleDiscriminator

# The authors' names; with any other the vectors stay as they are.
_NONLINEARITIES: Mapping[str, Nonlinearity] = {"softmax": "softmax", "sigmoid": "sigmoid", "hardtanh": "hardtanh"}
# Of what follows an update: Adam moves even biases in front of norms, whose gradients are rounding noise, by its full
# rate; turning that noise round moves the image by 4e-4.
_STEP_TOLERANCE = 1e-3
# Rounding also turns a sign of L1 or of an activation. In float32 single gradients were 0.007 to 0.03 from the golden,
# by the instructions that a machine's convolutions use; in float64, as they are replayed, 0.017 on every machine.
_GRADIENT_TOLERANCE = 0.03
# So what the updated discriminator says moves too: by 0.006 to 0.008 in float32, by 0.0038 in float64.
_JUDGED_TOLERANCE = 0.01


def scgan_config(golden: Golden) -> ScganConfig:
    """Our config for the authors' options."""
    config = golden.config
    norm = re.fullmatch(r"spectral(scc|)(?:syncbatch|batch)([135])x\2", config.word("norm_G"))
    if norm is None:
        raise GoldenError(f"config 'norm_G' is '{config.word('norm_G')}', expected spectralsccsyncbatch3x3 or the like")
    head, *others = stages_of(config)
    stages = (replace(head, inputs=16 * config.whole("nff")), *others)
    doublings = sum(stage.upsample for stage in stages)
    height, width = size_of(config, stages)
    has_z, w = config.flag("use_vae", False), config.whole("nrf")
    return ScganConfig(
        classes_of(config),
        height,
        width,
        edges=edges_of(golden),
        stages=stages,
        vector_widths=(16 * w, 8 * w, 4 * w, 2 * w, *[w] * (doublings - 3)),
        vector_spectral=not config.flag("no_spectral_on_routing", False),
        blur=_blur_of(config),
        candidates=config.whole("num_experts_conv"),
        norm_candidates=config.whole("num_experts_norm"),
        temperature=config.real("temperature"),
        nonlinearity=_NONLINEARITIES.get(config.word("weight_type", "softmax"), "none"),
        norm="conditional" if norm[1] else "batch",
        kernel=int(norm[2]),
        z_size=config.whole("z_dim", 256) if has_z else None,
        encoder=_encoder_of(config) if has_z else None,
    )


def _blur_of(config: Config) -> Blur | None:
    if not config.flag("position", False):
        return None
    if config.flag("ig_relative", False):
        raise GoldenError("config 'ig_relative' is true, a way to blur that no configuration of the authors takes")
    size, rounds = config.whole("ig_sz", 7, at_most=99), config.whole("ig_iter", 1, at_most=99)
    # The authors count the grids from 1, and one too few are blurred.
    levels = config.whole("pyr_rng", 5) - 1 if config.flag("pyr_pos", False) else None
    return Blur(levels, size, config.real("ig_sigma", 1.5), rounds)


def _encoder_of(config: Config) -> ImageEncoder:
    own = round(config.real("nef", -1))  # not positive: as wide as the generator
    w = own if 0 < own <= 4096 else config.whole("ngf")
    return ImageEncoder(256, (w, 2 * w, 4 * w, 8 * w, 8 * w, 8 * w))


def generator(golden: Golden) -> list[Comparison]:
    """netG: the image, the vector generator's image, and the vectors before anything is made of them."""
    config = scgan_config(golden)
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    z = None if config.z_size is None else golden.batch("z", len(layout), config.z_size)
    planes = semantic_planes(layout, edges=config.edges)
    network, results = golden.filled(lambda: ScganGenerator(config))
    with FlopCounterMode(display=False) as counter:
        image, vector_image = network(planes, z)
    results += _layer_macs(golden, network, planes, counter)
    results += [golden.image("out", image), *golden.statistics("out", image)]
    results.append(golden.image("out_svg_image", vector_image))
    for level, features in enumerate(network.vector_features(planes), start=1):
        step = max(1, features.shape[3] // 16)
        for kind, size in (("conv", config.candidates), ("norm", config.norm_candidates)):
            name = f"V{level}_{kind}"
            vectors = semantic_vectors(features, size)[:, :, ::step, ::step]
            results += [compare(name, vectors, golden.array(name))] if name in golden.arrays else []
    return results


def _layer_macs(golden: Golden, network: ScganGenerator, planes: Tensor, counter: FlopCounterMode) -> list[Comparison]:
    """Compare multiply-adds; the golden counts layers, and neither the norms' blending nor the blurring of labels."""
    expected = golden.meta.get("generator_macs")
    if expected is None:
        return []
    with FlopCounterMode(display=False) as blurring:
        label_pyramid(planes, len(network.config.vector_widths), network.config.blur, network.config.num_classes)
    counts = counter.get_flop_counts()
    norms = (name for name, module in network.named_modules() if isinstance(module, ConditionalNorm))
    blended = sum(sum(counts[f"{type(network).__name__}.{name}"].values()) for name in norms)
    layers = (counter.get_total_flops() - blended - blurring.get_total_flops()) / 2
    return [Comparison("multiply-adds", abs(layers - expected), 0.0)]


def encoder(golden: Golden) -> list[Comparison]:
    """netE; its `out` is the mean once more."""
    photos, z_size = _photos(golden), golden.config.whole("z_dim", 256)
    network, results = golden.filled(lambda: SpadeEncoder(_encoder_of(golden.config), z_size))
    mean, log_variance = network(photos)
    for name, value in (("mu", mean), ("logvar", log_variance), ("out", mean)):
        results += [compare(name, value, golden.array(name))] if name in golden.arrays else []
        results += golden.statistics(name, value)
    return results


def _photos(golden: Golden) -> Tensor:
    return golden.photos() if "image" in golden.arrays else golden.enlarged("image_small")


def discriminator(golden: Golden) -> list[Comparison]:
    """netD of either kind."""
    kind = golden.config.word("netD", "fpse")
    if kind == "fpse":
        return fpse.discriminator(golden)
    if kind != "multiscale":
        raise GoldenError(f"config 'netD' is '{kind}', expected fpse or multiscale")
    return _multiscale(golden)


def _multiscale(golden: Golden) -> list[Comparison]:
    """SPADE's: logits are named after their scale, features after scale and stage or numbered through."""
    config, edges = golden.config, edges_of(golden)
    planes = semantic_planes(layout_of(golden, classes_of(config), instances=edges), edges=edges)
    photos = _photos(golden)
    if len(photos) != len(planes) or photos.shape[2:] != planes.shape[2:]:
        raise GoldenError(f"images have shape {list(photos.shape)}, labels {list(planes.shape)}")
    layers, scales = config.whole("n_layers_D", 4, at_most=16), config.whole("num_D", 2, at_most=8)
    width = config.whole("ndf", 64)
    network, results = golden.filled(
        lambda: MultiscaleDiscriminator(planes.shape[1] + 3, width=width, layers=layers, scales=scales)
    )
    judged = network(torch.cat([planes, photos], 1))
    named = {"out": judged[0][-1]}
    named |= {f"feat{n}": feature for n, feature in enumerate(f for stages in judged for f in stages[:-1])}
    for scale, stages in enumerate(judged):
        named |= {f"pred{scale}": stages[-1], f"pred_{scale}": stages[-1]}
        named |= {f"feat_{scale}_{n}": feature for n, feature in enumerate(stages[:-1])}
        named |= {f"feat{scale}_{n}": feature for n, feature in enumerate(stages[:-1])}
    for name in golden.names("outputs"):
        if name not in named:
            raise GoldenError(f"array '{name}' is no stage of {scales} scales with {layers} layers")
        results.append(compare(name, _thinned(named[name], golden.array(name).shape), golden.array(name)))
    return [*results, *golden.statistics("out", judged[0][-1])]


def _thinned(full: Tensor, shape: Sequence[int]) -> Tensor:
    """Take every 2nd, 4th, 8th ... place of the axes that are longer than `shape`, which is one of those."""
    for axis, (length, wanted) in enumerate(zip(full.shape, shape, strict=False)):
        steps = [step for step in (1, 2, 4, 8, 16, 32, 64) if -(-length // step) == wanted]
        full = full.index_select(axis, torch.arange(0, length, steps[0])) if steps else full
    return full


class _Replay(Replay):
    """The authors' step, with the norms of single gradients."""

    objective: ScganObjective

    def start(self) -> None:
        """Go into training mode in float64, so that rounding disturbs the golden's side of the comparison only."""
        for network in (*self.networks().values(), self.perceptual):
            network.double().register_forward_pre_hook(_in_float64)
        self.images = self.images.double()
        super().start()

    def gradients(self, golden: Golden, name: str) -> list[Comparison]:
        """Compare the gradients of the last update of G or D, except rounding noise in front of norms."""
        network = self.networks()[name]
        return [
            compare(
                f"gradient of {name} {key}",
                gradient_norm(nn.ParameterList([network.get_parameter(key)])),
                norm,
                tolerance=_GRADIENT_TOLERANCE,
            )
            for key, norm in golden.mapping(f"grad_norms_{name}").items()
            if is_compared("grad_norm", norm)
        ]


def _in_float64(_: nn.Module, values: Sequence[object]) -> tuple[object, ...]:
    return tuple(v.double() if isinstance(v, Tensor) and v.is_floating_point() else v for v in values)


def _replay(golden: Golden) -> _Replay:
    config, options = scgan_config(golden), golden.config
    if config.z_size is not None or options.word("netD") != "fpse":
        raise GoldenError("the golden's step has a z or another discriminator than fpse, which is not replayed here")
    if (loss := options.word("rw_loss", "l1")) not in get_args(VectorLoss):
        raise GoldenError(f"config 'rw_loss' is '{loss}', expected {' or '.join(get_args(VectorLoss))}")
    stated = stated_recipe(golden, ScganRecipe())
    recipe = replace(
        stated,
        feature_matching=stated.feature_matching * 3 / 4,  # 1 / 4 of every feature; ours divides by the three maps
        vector_loss=loss,  # type: ignore[arg-type]
        vector_weight=options.real("lambda_w_recon"),
    )
    layout = layout_of(golden, config.num_classes, instances=config.edges)
    photos = replace(golden, arrays={**golden.arrays, "image": golden.enlarged("real_small").numpy()})
    return _Replay(photos, lambda: Scgan(config), layout, recipe, options.whole("ndf", 64))


def training_step(golden: Golden) -> list[Comparison]:
    """Replay an update of G and one of D from the same start: losses, images, gradients, and outputs afterwards."""
    replay = _replay(golden)
    networks = replay.networks()
    theirs = replace(golden, meta={**golden.meta, "state_dict": golden.meta.get("state_dict_D"), "param_count": None})
    results = [*golden.check(networks["G"]), *theirs.check(networks["D"])]
    for network in networks.values():
        golden.fill(network)
    gain = re.search(r"VGG19.*?gain ([0-9.]+[0-9])", str(golden.meta.get("input_notes")))
    other = {"gain": float(gain[1]) if gain else 1.0, "gain_rules": []}
    replace(golden, meta={**golden.meta, **other}).fill(replay.perceptual, prefix="vgg19.")
    replay.start()
    losses = {f"G_{name}": value for name, value in replay.generator(None, update=True).items()}
    results += [golden.image("fake_train_mode", replay.fake)]
    assert replay.objective.vector_image is not None
    results += [golden.image("svg_train_mode", replay.objective.vector_image), *replay.gradients(golden, "G")]
    losses |= replay.discriminator(None, update=True)
    results += replay.gradients(golden, "D")
    for name in filter(golden.arrays.__contains__, losses):
        # The fakes that D sees are drawn with updated weights.
        tolerance = _STEP_TOLERANCE if name == "D_Fake" else 1e-5
        results.append(compare(name, losses[name], golden.array(name), tolerance=tolerance))
    for name, value in golden.mapping("losses").items():
        results.append(compare(name, losses.get(f"G_{name}", float("nan")), value, tolerance=1e-5))
    return results + _after(golden, replay)


@torch.no_grad()
def _after(golden: Golden, replay: _Replay) -> list[Comparison]:
    """Compare the outputs of both networks in evaluation mode after their updates."""
    method, discriminator = replay.objective.method.eval(), replay.objective.discriminator.eval()
    planes = method.planes(replay.layout)
    image, _ = method.generator(planes, None)
    coarsest = discriminator(replay.images, planes)[1][-1]
    return [
        golden.image("out", image, tolerance=_STEP_TOLERANCE),
        *golden.statistics("out", image),
        compare("pred4_after", coarsest, golden.array("pred4_after"), tolerance=_JUDGED_TOLERANCE),
    ]
