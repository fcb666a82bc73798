"""Small layouts and networks to test methods with."""

import torch

from models.base import Layout


def random_layout(seed=0, count=2, height=64, width=64, classes=8, instances=6):
    """Blocks of 8x8 pixels, each with a class and an instance of its own."""
    rng = torch.Generator().manual_seed(seed)
    grid = (count, height // 8, width // 8)

    def blocks(high):
        ids = torch.randint(0, high, grid, generator=rng)
        return ids.repeat_interleave(8, 1).repeat_interleave(8, 2)

    return Layout(blocks(classes), blocks(instances), classes)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def photos(count=2, side=32, seed=0):
    return torch.rand(count, 3, side, side, generator=rng(seed)) * 2 - 1


def unpaired(count=2, side=32, seed=0):
    """Source photos on layouts that say nothing."""
    nothing = torch.zeros(count, side, side, dtype=torch.long)
    return Layout(nothing, nothing + 1, 1, photos(count, side, seed))


def streams(count, seed=0):
    return [torch.Generator().manual_seed(seed + n) for n in range(count)]


def randomise(network, seed=0):
    """Give a network weights with which everything it computes is far from zero, and norms that have seen data."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in sorted(network.state_dict().items()):
            if not name.endswith("num_batches_tracked"):
                value.copy_(_values(name, torch.randn(value.shape, generator=rng)))
        for module in network.modules():
            if hasattr(module, "weight_orig"):
                _find_singular_vectors(module)
    return network


def _values(name, noise):
    if name.endswith("running_var"):
        return 0.5 + noise.abs()
    return noise / noise[0].numel() ** 0.5 if noise.ndim > 1 else 0.3 * noise


def _find_singular_vectors(module):
    weight = module.weight_orig
    if len(weight) != len(module.weight_u):  # a transposed convolution's outputs come second
        weight = weight.transpose(0, 1)
    matrix = weight.flatten(1)
    for _ in range(10):
        module.weight_v.copy_(torch.nn.functional.normalize(matrix.T @ module.weight_u, dim=0))
        module.weight_u.copy_(torch.nn.functional.normalize(matrix @ module.weight_v, dim=0))
