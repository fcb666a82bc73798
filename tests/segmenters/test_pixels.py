import numpy as np
import pytest
import torch
from pictures import images, picture, pixels, resized
from PIL import Image

from segmenters.parts.pixels import (
    PIXELS_AT_ONCE,
    in_parts,
    resize_as_opencv,
    resize_as_pil,
    resize_nearest_as_pil,
    standardised,
    to_pixels,
)

SIZES = [
    ((64, 96), (256, 256)),
    ((256, 256), (320, 320)),
    ((50, 60), (51, 61)),
    ((4, 4), (64, 8)),
    ((96, 64), (31, 50)),
    ((256, 128), (192, 96)),
    ((97, 129), (1, 2)),
    ((40, 60), (40, 90)),
    ((40, 60), (30, 60)),
    ((40, 60), (30, 90)),
]


def test_images_on_the_8_bit_grid_give_their_bytes_back():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    assert (to_pixels(images(values)) == pixels(values)).all()


@pytest.mark.parametrize(("size", "target"), SIZES)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_resizing_is_that_of_pil_to_the_bit(size, target, mode):
    for photo in (picture(*size), np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)):
        expected = resized(photo, target, Image.Resampling[mode.upper()])
        assert torch.equal(resize_as_pil(pixels(photo), target, mode), pixels(expected))


@pytest.mark.parametrize(("size", "target"), [*SIZES, ((100, 300), (512, 512))])
def test_the_nearest_pixel_is_that_of_pil(size, target):
    photo = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    expected = resized(photo, target, Image.Resampling.NEAREST)
    assert torch.equal(resize_nearest_as_pil(pixels(photo), target), pixels(expected))


def test_resizing_does_not_care_how_a_tensor_lies_in_memory():
    batch = torch.cat([pixels(picture(32, 48, seed)) for seed in (1, 2)])
    together = resize_as_pil(batch.contiguous(memory_format=torch.channels_last), (48, 64), "bicubic")
    assert torch.equal(together[1:], resize_as_pil(batch[1:], (48, 64), "bicubic"))


def test_opencv_takes_the_two_nearest_pixels_on_every_side_even_of_a_much_larger_image():
    ramp = torch.tensor([0.0, 10.0, 20.0, 200.0]).expand(1, 3, 4, 4)
    assert resize_as_opencv(ramp, (4, 2))[0, 0, 0].tolist() == [5, 110]
    assert resize_as_opencv(ramp, (4, 1))[0, 0, 0].tolist() == [15]  # PIL would average all four
    assert resize_as_opencv(ramp, (4, 8))[0, 0, 0].tolist() == [0, 2, 8, 12, 18, 65, 155, 200]


def test_every_channel_is_standardised_by_its_own_numbers():
    values = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)
    assert standardised(values, (1, 1, 1), (1, 2, 3)).flatten().tolist() == [0, 0.5, 1]
    assert standardised(values, (3, 2, 1)).flatten().tolist() == [-2, 0, 3]


def test_large_images_are_read_one_by_one_and_small_ones_together():
    calls = []

    def read(part):
        calls.append(len(part))
        return part

    batch = torch.arange(5.0)
    assert torch.equal(in_parts(read, batch, PIXELS_AT_ONCE // 2), batch)
    assert calls == [2, 2, 1]
    calls.clear()
    in_parts(read, batch, 10 * PIXELS_AT_ONCE)
    assert calls == [1] * 5
