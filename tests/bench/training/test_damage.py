import pytest
import torch
from scipy.ndimage import gaussian_filter

from bench.training import damage


@pytest.fixture
def images():
    return torch.rand(3, 3, 24, 20, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_blur_is_gaussian_and_each_image_has_its_own_strength(images):
    blurred = damage.blur(images, torch.tensor([0.0, 0.7, 1.2]))
    torch.testing.assert_close(blurred[0], images[0])
    for index, sigma in ((1, 0.7), (2, 1.2)):
        expected = gaussian_filter(images[index, 1].numpy(), sigma, mode="nearest", radius=5)
        torch.testing.assert_close(blurred[index, 1], torch.from_numpy(expected), atol=1e-5, rtol=0)


def test_noise_has_the_stated_strength_and_stays_in_range(images):
    grey = torch.zeros(2, 3, 100, 100)
    noisy = damage.add_noise(grey, torch.tensor([0.0, 0.1]), torch.Generator().manual_seed(1))
    assert (noisy[0] == 0).all()
    assert float(noisy[1].std()) == pytest.approx(0.2, rel=0.02)  # 0.1 of the distance from black to white
    assert damage.add_noise(images, torch.ones(3), torch.Generator().manual_seed(1)).abs().max() <= 1


@pytest.mark.parametrize(("degrees", "expected"), [(0.0, (1, -1, -1)), (120.0, (-1, 1, -1)), (240.0, (-1, -1, 1))])
def test_thirds_of_a_turn_move_red_to_green_to_blue(degrees, expected):
    red = torch.tensor([1.0, -1, -1])[None, :, None, None]
    turned = damage.turn_hue(red, torch.tensor([degrees])).flatten()
    torch.testing.assert_close(turned, torch.tensor(expected, dtype=torch.float32), atol=1e-5, rtol=0)


def test_grey_keeps_its_hue():
    grey = torch.full((1, 3, 2, 2), 0.3)
    torch.testing.assert_close(damage.turn_hue(grey, torch.tensor([77.0])), grey)


def test_contrast_and_light(images):
    changed = damage.change_contrast(images, torch.tensor([1.0, 0.5, 0.0]), torch.tensor([0.0, 0.0, 0.25]))
    assert (changed[0] == images[0]).all()
    torch.testing.assert_close(changed[1], images[1] / 2)
    assert (changed[2] == 0.25).all()


def test_the_stated_share_is_chosen():
    assert float(damage.some(0.2, 20000, torch.Generator().manual_seed(3)).float().mean()) == pytest.approx(
        0.2, abs=0.01
    )
