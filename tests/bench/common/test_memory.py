"""Memory that is freed is kept, so that the next images do not wait for the system to hand it out again."""

from __future__ import annotations

import platform

import pytest
from processes import PYTHON, finished

PROGRAM = """
import resource, sys, torch
if sys.argv[1] == "keep":
    from bench.common.memory import keep_freed_memory
    keep_freed_memory()
torch.ones(8, 64, 128, 128)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    torch.ones(8, 64, 128, 128)  # 32 MB, 8192 pages
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is another one")
def test_freed_memory_is_not_asked_for_again():
    faults = {how: int(finished(*PYTHON, PROGRAM, how)[1]) for how in ("keep", "give back")}
    assert faults["keep"] * 10 < faults["give back"]
