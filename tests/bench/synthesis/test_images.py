"""The 8-bit grid: what metrics see is what a PNG holds."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from bench.synthesis.grids import save_png
from bench.synthesis.images import from_bytes, photos_to_tensor, to_bytes, to_photos

EVERY = torch.arange(256, dtype=torch.uint8)


def test_all_256_values_come_back():
    assert torch.equal(to_bytes(from_bytes(EVERY)), EVERY)
    assert torch.equal(to_bytes(from_bytes(EVERY).double()), EVERY)


def test_values_lie_between_minus_one_and_one_in_rising_order():
    values = from_bytes(EVERY)
    assert values[0] == -1
    assert values[-1] == 1
    assert (values.diff() > 0).all()


def test_values_are_cut_off_and_not_rounded():
    assert to_bytes(torch.tensor([-3.0, -1.0, 0.0, 0.999, 1.0, 3.0])).tolist() == [0, 0, 127, 254, 255, 255]


def test_a_photo_survives_the_way_to_a_tensor_a_png_and_back(tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    save_png(tmp_path / "a.png", to_photos(photos_to_tensor([photo]))[0])
    with Image.open(tmp_path / "a.png") as file:
        assert (np.asarray(file) == photo).all()
