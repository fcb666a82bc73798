import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from bench.commands.cli import cli
from bench.datasets.paperdolls.dataset import PAPERDOLLS2, open_paperdolls2
from bench.evaluation.one_pass import Pass
from bench.synthesis.easel import Easel
from bench.synthesis.images import to_photos
from bench.synthesis.regions import parse_part
from bench.synthesis.samples import draw
from bench.synthesis.truth import TRUTH
from metrics.base import View

CPU = torch.device("cpu")
METHODS = ("spade", "vspade", "groupdnet", "inade")


def run(*words):
    return CliRunner().invoke(cli, ["sample", *map(str, words)], prog_name="bench")


def photos(path, rows, samples):
    """Cut a grid of 64x64 pictures: [rows, 2 + samples, 64, 64, 3]."""
    picture = np.asarray(Image.open(path))
    assert picture.shape == (rows * 66 - 2, (2 + samples) * 66 - 2, 3)
    cells = [[picture[66 * r :, 66 * c :][:64, :64] for c in range(2 + samples)] for r in range(rows)]
    return np.array(cells)


def sampled(tmp_path, *words, rows=2, samples=3):
    path = tmp_path / "grid.png"
    done = run(*words, "-o", path, "--items", 2, "--samples", samples, "--scale", 1)
    assert done.exit_code == 0, done.output
    return photos(path, rows, samples), done.stdout


def test_a_row_is_layout_photo_and_samples(tmp_path):
    grid, shown = sampled(tmp_path, "--method", "truth")
    for row, item in zip(grid, map(open_paperdolls2("val").__getitem__, range(2)), strict=True):
        assert (row[0] == np.asarray(PAPERDOLLS2.palette, np.uint8)[item.labels]).all()
        assert (row[1] == item.image).all()
        assert len({cell.tobytes() for cell in row[1:]}) == 4
    assert shown.splitlines()[1:] == ["rows 1-2: Truth"]


@pytest.mark.parametrize("part", ["class:top", "instance:4"])
def test_only_the_named_part_varies(tmp_path, part):
    grid, _ = sampled(tmp_path, "--method", "truth", "--vary", part)
    for row, item in zip(grid, map(open_paperdolls2("val").__getitem__, range(2)), strict=True):
        inside = item.labels == 3 if part == "class:top" else item.instances == 4
        samples = row[2:]
        assert (samples[:, ~inside] == samples[0][~inside]).all()
        assert all((samples[k][inside] != samples[0][inside]).any() for k in (1, 2))


class Collector:
    """Keep what the metrics see."""

    def __init__(self, view):
        self.view = view
        self.seen = []

    def update(self, samples):
        self.seen.append(samples)


@pytest.mark.parametrize("text", ["image", "class:top", "instance:4"])
def test_the_images_are_those_that_metrics_see(text):
    dataset, part, method = open_paperdolls2("val"), parse_part(text, PAPERDOLLS2), TRUTH.build(TRUTH.tiny)
    collector = Collector(View(part.vary, 3))
    everything = Pass(
        method=method, dataset=dataset, num_layouts=2, metrics={"all": collector}, seed=5, batch_size=6, device=CPU
    )
    for _ in everything.run([[1]], lambda _: None):
        pass
    seen = [
        samples.fake[n]
        for samples in collector.seen
        for n in range(len(samples.fake))
        if samples.region_id is None or samples.region_id[n] == part.id
    ]
    drawn = draw(Easel(method=method, dataset=dataset, seed=5, device=CPU), 1, part, 3)
    assert len(seen) == 1
    assert (to_photos(drawn) == to_photos(seen[0])).all()


def test_the_seed_decides_the_samples(tmp_path):
    first, _ = sampled(tmp_path, "--method", "truth")
    same, _ = sampled(tmp_path, "--method", "truth", "--seed", 0)
    other, _ = sampled(tmp_path, "--method", "truth", "--seed", 1)
    assert (first == same).all()
    assert (first[:, 2:] != other[:, 2:]).any(axis=(2, 3, 4)).all()


def test_several_methods_are_blocks_of_rows(tmp_path):
    grid, shown = sampled(tmp_path, "--method", ",".join(("truth", *METHODS)), "--untrained", rows=10)
    assert shown.splitlines()[1:] == [
        "rows 1-2: Truth",
        "rows 3-4: SPADE (untrained)",
        "rows 5-6: VSPADE (untrained)",
        "rows 7-8: GroupDNet (untrained)",
        "rows 9-10: INADE (untrained)",
    ]
    different = [(row[2] != row[3]).any() for row in grid]
    assert different == [True, True, False, False, *[True] * 6]  # SPADE draws one image per layout
    assert (grid[0:2, :2] == grid[8:10, :2]).all()


def test_the_scale_enlarges_the_pixels(tmp_path):
    run("--method", "truth", "-o", tmp_path / "a.png", "--items", 1, "--samples", 1)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (2 * (3 * 66 - 2), 2 * 64)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--vary", "class:tpo"), "Did you mean 'top'?"),
        (("--vary", "instance:99"), "val_00000 has no instance 99; it has 1, 2,"),
        (("--vary", "instance:top"), "--vary takes"),
        (("--vary", "hair"), "--vary takes"),
        (("--method", "inad"), "Did you mean 'inade'?"),
        (("--dataset", "paperdols2"), "Did you mean 'paperdolls2'?"),
        (("--method", "inade", "--weights", "inade=nowhere.safetensors"), "nowhere.safetensors"),
        (("--method", "inade", "--weights", "nowhere.safetensors"), "METHOD=FILE"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_mistake_is_one_line_and_leaves_no_picture(tmp_path, words, message):
    done = run("--method", "truth", *words, "-o", tmp_path / "grid.png")
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
