"""CLADE and CLADE-ICPE: tables against dense sums, positions against a flood fill, sizes against the papers'."""

from dataclasses import replace

import pytest
import torch
from random_layouts import random_layout, randomise
from torch.nn import functional as F

from metrics.complexity import Macs
from models.base import Layout
from models.clade import CLADE, CLADE_ICPE, CladeConfig, ClassNorm, _Condition, object_offsets
from models.parts.lookup import RowIndex
from models.parts.spatial import Planes
from models.parts.spectral import Spectral
from models.training.initial_weights import initialise


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def nearest(planes, height, width):
    rows = [y * planes.shape[2] // height for y in range(height)]
    columns = [x * planes.shape[3] // width for x in range(width)]
    return planes[:, :, rows][..., columns]


def dense(norm, x, layout, offsets):
    """The sum over one-hot planes of class rows."""
    classes = nearest(layout.onehot(), *x.shape[2:])
    scale = torch.einsum("nkhw,kc->nchw", classes, norm.class_specified_affine.weight)
    shift = torch.einsum("nkhw,kc->nchw", classes, norm.class_specified_affine.bias)
    if offsets is not None:
        small, table = nearest(offsets, *x.shape[2:]), norm.class_specified_affine
        scale = scale * (1 + F.conv2d(small, table.dist_conv_w.weight, table.dist_conv_w.bias))
        shift = shift * (1 + F.conv2d(small, table.dist_conv_b.weight, table.dist_conv_b.bias))
    mean, variance = norm.param_free_norm.running_mean, norm.param_free_norm.running_var
    out = scale * (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt() + shift
    if not hasattr(norm, "inst_conv"):
        return out
    edges = nearest(layout.edges(), *x.shape[2:]) * norm.inst_conv.weight.item() + norm.inst_conv.bias.item()
    return torch.cat([out, edges], 1)


@pytest.mark.parametrize("size", [(64, 64), (16, 16), (4, 8)])
@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("positions", [False, True])
def test_class_norm_is_the_dense_sum(size, edges, positions):
    norm = randomise(ClassNorm(5, CladeConfig(8, edges=edges, positions=positions))).eval()
    layout, x = random_layout(), noise(2, 5, *size)
    offsets = noise(2, 2, 64, 64, seed=1) if positions else None
    condition = _Condition(
        RowIndex(layout.labels), Planes(layout.edges()) if edges else None, Planes(offsets) if positions else None
    )
    torch.testing.assert_close(norm(x, condition), dense(norm, x, layout, offsets), rtol=1e-5, atol=1e-5)


def flood_filled(labels, unplaced):
    """Offsets of a map [H, W], object by object, pixel by pixel."""
    height, width = labels.shape
    result, seen = torch.zeros(2, height, width), set()
    for start in ((y, x) for y in range(height) for x in range(width)):
        if start in seen or labels[start] == unplaced:
            continue
        found, queue = [], [start]
        seen.add(start)
        while queue:
            y, x = queue.pop()
            found.append((y, x))
            around = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            for place in around:
                inside = 0 <= place[0] < height and 0 <= place[1] < width
                if inside and place not in seen and labels[place] == labels[start]:
                    seen.add(place)
                    queue.append(place)
        pixels = torch.tensor(found, dtype=torch.float64)
        offset = pixels - pixels.mean(0)
        offset /= (offset.abs() + 1e-5).amax(0)
        result[:, pixels[:, 0].long(), pixels[:, 1].long()] = offset.T.float()
    return result


def test_positions_are_those_of_a_flood_fill():
    labels = torch.randint(0, 4, (2, 14, 19), generator=torch.Generator().manual_seed(3))
    expected = torch.stack([flood_filled(image, 0) for image in labels])
    torch.testing.assert_close(object_offsets(labels), expected)
    assert object_offsets(labels)[:, :, (labels == 0)[0]].shape[0] == 2
    assert object_offsets(labels).movedim(1, -1)[labels == 0].abs().max() == 0


def test_positions_run_from_minus_one_to_one_down_and_right_and_touch_at_corners():
    labels = torch.zeros(1, 6, 6, dtype=torch.int64)
    labels[0, 1:4, 1:3] = 1  # three rows, two columns
    offsets = object_offsets(labels)[0]
    torch.testing.assert_close(offsets[0, 1:4, 1], torch.tensor([-1.0, 0, 1]), atol=2e-5, rtol=0)
    torch.testing.assert_close(offsets[1, 1, 1:3], torch.tensor([-1.0, 1]), atol=3e-5, rtol=0)
    labels[0, 4, 3] = 1  # touches the corner, so it is the same object
    assert object_offsets(labels)[0, 0, 4, 3] > 0.99


def test_icpe_without_its_convolutions_is_clade():
    icpe, plain = randomise(CLADE_ICPE.build(CLADE_ICPE.tiny)).eval(), CLADE.build(CLADE.tiny).eval()
    layout = random_layout()
    plain.load_state_dict({key: value for key, value in icpe.state_dict().items() if "dist_conv" not in key})
    with torch.no_grad():
        different = (icpe.synthesize(layout, None) - plain.synthesize(layout, None)).abs().max()
        for name, parameter in icpe.named_parameters():
            if "dist_conv" in name:
                parameter.zero_()
        torch.testing.assert_close(icpe.synthesize(layout, None), plain.synthesize(layout, None))
    assert different > 0.01


def test_edges_reach_the_image_through_every_norm():
    method = randomise(CLADE.build(replace(CLADE.tiny, edges=True))).eval()
    assert method.generator.up_0.conv_s.in_channels == CLADE.tiny.stages[2].inputs + 1
    layout = random_layout()
    no_edges = Layout(layout.labels, torch.ones_like(layout.instances), 8)
    with torch.no_grad():
        method.generator.fc.weight[:, -1] = 0
        change = method.synthesize(layout, None) - method.synthesize(no_edges, None)
    assert change.abs().max() > 0.01


def test_tables_start_uniform_and_the_two_convolutions_as_every_other():
    method = CLADE_ICPE.build(CLADE_ICPE.tiny)
    initialise(method, 0.02, torch.Generator().manual_seed(5))
    table = method.generator.head_0.norm_0.class_specified_affine
    assert 0 <= table.weight.min() < 0.1 < 0.9 < table.weight.max() < 1
    assert table.bias.abs().max() == 0
    assert 0 < table.dist_conv_w.weight.abs().max() < 0.1


MILLIONS = {
    ("clade", "cityscapes"): 67.9020,
    ("clade", "ade20k"): 71.4273,
    ("clade", "celebamask-hq"): 67.3215,
    ("clade", "deepfashion"): 66.9794,
    ("clade", "coco-stuff"): 72.5054,
    ("clade-icpe", "cityscapes"): 67.9021,
}
SPECS = {spec.name: spec for spec in (CLADE, CLADE_ICPE)}


def on_meta(name, dataset):
    spec = SPECS[name]
    with torch.device("meta"):
        return spec.build(spec.configs[dataset])


@pytest.mark.parametrize(("name", "dataset"), MILLIONS)
def test_generator_has_the_parameters_of_the_authors_code(name, dataset):
    count = sum(parameter.numel() for parameter in on_meta(name, dataset).generator.parameters())
    assert round(count / 1e6, 4) == MILLIONS[name, dataset]


# INADE paper, Table 3; its ADE20K column has one decimal.
@pytest.mark.parametrize(
    ("dataset", "parameters", "flops", "digits"),
    [
        ("cityscapes", 67.90, 75.54, 2),
        ("ade20k", 71.4, 42.2, 1),
        ("celebamask-hq", 67.32, 42.15, 2),
        ("deepfashion", 66.98, 42.15, 2),
    ],
)
def test_cost_is_what_the_inade_paper_prints(monkeypatch, dataset, parameters, flops, digits):
    # autocast knows no meta tensors
    monkeypatch.setattr(Spectral, "normalized_weight", lambda layer: layer.weight_orig)
    method = on_meta("clade", dataset)
    config = method.config
    labels = torch.zeros(1, config.height, config.width, dtype=torch.int64, device="meta")
    layout = Layout(labels, labels, config.num_classes)
    macs = Macs().measure(method.generator, lambda: method.synthesize(layout, None))
    assert round(sum(p.numel() for p in method.generator.parameters()) / 1e6, digits) == parameters
    assert round(macs["gmacs_paper"], digits) == flops
