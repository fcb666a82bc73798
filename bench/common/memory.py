"""A setting of malloc that makes evaluation on a CPU faster."""

from __future__ import annotations

import ctypes
import platform
from functools import cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # glibc's malloc.h
_PAD = 64 << 20  # bytes


@cache
def keep_freed_memory() -> None:
    """Let malloc keep freed memory for the next images.

    By default glibc gives blocks the size of feature maps back to the system at once, which fills them with zeros page
    by page when they are asked for again: a quarter of the time of an evaluation on a CPU. Peak memory stays the same.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, _PAD)):
        libc.mallopt(option, value)
