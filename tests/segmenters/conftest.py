from pathlib import Path

import numpy as np
import pytest
import torch

GOLDENS = Path(__file__).parents[1] / "goldens" / "segmenters"


@pytest.fixture
def golden():
    """Read a golden's arrays; its 8-bit image comes as a batch of one, [1, 3, H, W]."""

    def read(name):
        with np.load(GOLDENS / f"{name}.npz") as arrays:
            found = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        return found | {"image": found["image"][None]}

    return read
