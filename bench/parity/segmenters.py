"""Goldens of the segmenters, and of the sizes at which UPerNet sees an image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from segmenters import deeplab, drn, upernet
from segmenters.parsing_unet import WIDTHS, ParsingUNet
from segmenters.parts.pixels import resize_scores

_PIXELS = 2**21
_DIFFERENT = 1e-3  # share of pixels that may have another class, where two score so alike that rounding decides


def drn_scores(golden: Golden) -> list[Comparison]:
    """Scores at an eighth of the size, log-probabilities at all of it, and the kernel that enlarges."""
    arch = golden.config.word("arch")
    _expect(golden, arch=tuple(drn.NETWORKS), classes=(drn.NUM_CLASSES,), use_torch_up=(False,))
    network, results = golden.filled(lambda: drn.Drn(arch))
    with FlopCounterMode(display=False) as counter:
        low = network.logits(drn.prepare(_pixels(golden)))
        full = network.log_probabilities(low)
    results += [_floats(golden, "out_low", low), _floats(golden, "out", full, step=4), _classes(golden, full)]
    if "bilinear_kernel" in golden.arrays:
        results.append(compare("bilinear_kernel", drn.bilinear_kernel(), golden.array("bilinear_kernel")))
    return [*results, *golden.statistics("out", full, correction=1), *_macs(golden, counter)]


def upernet_scores(golden: Golden) -> list[Comparison]:
    """Encoder and decoder, whose state dicts are two, at a quarter of the size and at that of the labels."""
    config = golden.config
    _expect(golden, encoder=("resnet101",), decoder=("upernet",), fc_dim=(2048,), pool_scales=([1, 2, 3, 6],))
    classes, width, pooled = (config.whole(name) for name in ("num_class", "fpn_dim", "ppm_channels"))
    network = golden.build(lambda: upernet.UPerNet(upernet.Encoder(), upernet.Decoder(classes, width, pooled)))
    results = []
    for name, part in (("encoder", network.encoder), ("decoder", network.decoder)):
        results += golden.check(part, name)
        golden.fill(part, name)
    network.eval()
    pixels = _pixels(golden)
    inputs = upernet.prepare(pixels, (pixels.shape[-2], pixels.shape[-1]), "rgb")
    with FlopCounterMode(display=False) as counter:
        stages = network.encoder(inputs)
        low = network.decoder(stages)
    log_probabilities = low.log_softmax(1)
    probabilities = upernet.probabilities(low, _size(golden, "seg_size"))
    results += [
        _floats(golden, "out", log_probabilities, step=2),
        _floats(golden, "out_softmax", probabilities, step=8),
        _classes(golden, probabilities),
        *golden.statistics("conv5", stages[-1], correction=1),
        *golden.statistics("out", log_probabilities, correction=1),
    ]
    return [*results, *_macs(golden, counter)]


def unet_scores(golden: Golden) -> list[Comparison]:
    """Scores of the face parser."""
    _expect(golden, feature_scale=(64 // WIDTHS[0],), is_deconv=(True,), in_channels=(3,), is_batchnorm=(True,))
    classes = golden.config.whole("n_classes")
    network, results = golden.filled(lambda: ParsingUNet(classes))
    with FlopCounterMode(display=False) as counter:
        scores = network.logits(_pixels(golden) / 127.5 - 1)
    results += [_floats(golden, "out", scores, step=4), _classes(golden, scores)]
    return [*results, *golden.statistics("out", scores, correction=1), *_macs(golden, counter)]


def deeplab_scores(golden: Golden) -> list[Comparison]:
    """The largest scores of three scales."""
    rates = list(deeplab.PYRAMID)
    _expect(golden, n_blocks=(list(deeplab.DEPTHS),), atrous_rates=(rates,), scales=(list(deeplab.SCALES),))
    classes = golden.config.whole("n_classes")
    network, results = golden.filled(lambda: deeplab.DeepLab(classes))
    pixels = _pixels(golden)
    inputs = deeplab.prepare(pixels)
    with FlopCounterMode(display=False) as counter:
        scores = network.logits(inputs)
    results += [
        _floats(golden, "out", scores),
        _classes(golden, resize_scores(scores, (pixels.shape[-2], pixels.shape[-1]))),
        *golden.statistics("base", network.base(inputs), correction=1),
        *golden.statistics("out", scores, correction=1),
    ]
    return [*results, *_macs(golden, counter)]


def upernet_sizes(golden: Golden) -> list[Comparison]:
    """Compare the sizes that images are resized to, for every short side."""
    rules = {"imgMaxSize": upernet.LONGEST, "padding_constant": upernet.MULTIPLE}
    results = [compare(name, value, golden.meta.get(name), tolerance=0.0) for name, value in rules.items()]
    for case in golden.meta["cases"]:
        height, width = case["hw"]
        sizes = [upernet.target_size((height, width), short) for short in golden.meta["imgSizes"]]
        results.append(compare(f"targets of {height}x{width}", sizes, case["targets_hw"], tolerance=0.0))
    return results


def _expect(golden: Golden, **choices: tuple[object, ...]) -> None:
    """Refuse options under which the authors' network is another one."""
    for name, known in choices.items():
        value = golden.mapping("config").get(name, known[0])
        if value not in known:
            raise GoldenError(f"config '{name}' is {value!r:.40}, expected {' or '.join(map(str, known))}")


def _pixels(golden: Golden) -> Tensor:
    """Read 8-bit images [N, 3, H, W]."""
    image = golden.batch("image", None, 3, None, None)
    if golden.array("image").dtype != "uint8" or not 0 < image.numel() <= 3 * _PIXELS:
        raise GoldenError(f"array 'image' is no 8-bit image with 1 to {_PIXELS} pixels")
    return image.float()


def _size(golden: Golden, name: str) -> tuple[int, int]:
    match golden.mapping("config").get(name):
        case [int(height), int(width)] if 0 < height * width <= _PIXELS and height > 0:
            return height, width
    raise GoldenError(f"config '{name}' is no height and width")


def _floats(golden: Golden, name: str, full: Tensor, *, step: int = 1) -> Comparison:
    """Compare every n-th row and column, within 1e-4 of the largest value or, if less, 1e-3 of the deviation."""
    stored = torch.from_numpy(golden.array(name)).double()
    deviation, largest = float(stored.std()), float(stored.abs().max())
    tolerance = min(1e-4, 1e-3 * deviation / max(largest, 1e-30))
    return compare(name, full[:, :, ::step, ::step], stored, tolerance=tolerance)


def _classes(golden: Golden, scores: Tensor) -> Comparison:
    """Count pixels with another best class than the golden's."""
    expected = golden.tensor("pred", *scores.argmax(1).shape)
    return Comparison("pred", float((scores.argmax(1) != expected).double().mean()), _DIFFERENT)


def _macs(golden: Golden, counter: FlopCounterMode) -> list[Comparison]:
    """Compare the multiply-adds where the golden states them."""
    if "generator_macs" not in golden.meta:
        return []
    error = abs(counter.get_total_flops() // 2 - golden.meta["generator_macs"])
    return [Comparison("multiply-adds", error, 0.0)]
