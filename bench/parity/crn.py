"""Goldens of CRN, whose outputs are grey levels (0..255) and not clipped."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.parity.comparison import Comparison, compare
from bench.parity.golden import Golden
from bench.parity.options import GoldenError
from bench.parity.spade import counted_macs
from models.crn import CrnConfig, CrnGenerator

_PIXELS = 2**21  # of the largest network's image


def crn_config(golden: Golden) -> CrnConfig:
    """Our config for the authors' network of so many rows."""
    config = golden.config
    rows, aspect = config.whole("res", 256), config.real("aspect", 1)
    columns, modules = round(rows * aspect), (rows // 4).bit_length()
    if rows != 4 * 2 ** (modules - 1) or not 0 < rows * columns <= _PIXELS:
        raise GoldenError(f"config 'res' and 'aspect' make {rows}x{columns} pixels, expected 4, 8, 16 ... rows")
    return CrnConfig(
        config.whole("label_channels"),
        rows,
        columns,
        tuple(_width(4 * 2**number) for number in range(modules)),
        images=config.whole("n_images", 1, at_most=64),
    )


def _width(rows: int) -> int:
    """Channels of the module with so many rows."""
    if rows < 128:
        return 1024
    return 512 if rows <= 256 else 128 if rows == 512 else 32


def grey_levels(golden: Golden, name: str, images: Tensor) -> list[Comparison]:
    """Compare images [N, 3, H, W] in [-1, 1], of which every n-th row and column is stored, in grey levels."""
    stored = golden.array(name)
    step = max(1, round(images.shape[-1] / stored.shape[-1])) if stored.ndim == 4 and stored.shape[-1] else 1
    return [compare(name, (images[:, :, ::step, ::step] + 1) * 127.5, stored)]


def moments(golden: Golden, name: str, images: Tensor) -> list[Comparison]:
    """Compare mean and standard deviation of whole images, in grey levels, where the golden has them."""
    values = {f"{name}_mean": (images + 1).mean() * 127.5, f"{name}_std": images.std(correction=0) * 127.5}
    return [compare(key, float(value), golden.array(key)) for key, value in values.items() if key in golden.arrays]


def generator(golden: Golden) -> list[Comparison]:
    """The first images of the cascade and, where they are stored more coarsely, the rest."""
    config = crn_config(golden)
    labels = golden.ids("label", config.planes)
    planes = F.one_hot(labels, config.planes).movedim(-1, 1).float()
    if labels.shape != (1, config.height, config.width):
        raise GoldenError(f"array 'label' has shape {list(labels.shape)}, expected one of the network's size")
    network, results = golden.filled(lambda: CrnGenerator(config))
    with FlopCounterMode(display=False) as counter:
        images: Tensor = network(planes)[0]
    first = len(golden.array("out"))
    results += [*counted_macs(golden, counter), *grey_levels(golden, "out", images[:first])]
    if "out_rest" in golden.arrays:
        results += grey_levels(golden, "out_rest", images[first:])
    return results + moments(golden, "out", images)
