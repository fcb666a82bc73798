from __future__ import annotations

import contextlib

import pytest
import torch

from bench.synthesis.devices import full_precision


def precision():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("before", [True, False])
def test_products_are_exact_in_the_block_and_as_before_after_it(before):
    with torch.backends.cudnn.flags(allow_tf32=before):
        found = precision()
        with contextlib.suppress(KeyError), full_precision():
            assert precision() == (False, False)
            raise KeyError
        assert precision() == found
