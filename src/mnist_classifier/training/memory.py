"""The C library keeps the memory that tensors give back, instead of asking the system for it at every step.

glibc takes every large block from the system and gives it back when it is
freed, and the system clears each page of it anew.  A step of training frees
and asks for the same hundred blocks.
"""

from __future__ import annotations

import ctypes
import os
import platform

# Names and numbers of mallopt(3).
TRIM_THRESHOLD = -1
TOP_PAD = -2
MMAP_THRESHOLD = -3
# The largest that glibc takes.
LARGEST_THRESHOLD = 32 << 20
KEPT_BYTES = 1 << 30
# It grows by so much at a time; what is not touched costs nothing.
GROWTH_BYTES = 64 << 20


def keep_freed_memory() -> bool:
    """Do that, where the C library is glibc and its variables say nothing else; returns whether it was done."""
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    asked = ((MMAP_THRESHOLD, LARGEST_THRESHOLD), (TRIM_THRESHOLD, KEPT_BYTES), (TOP_PAD, GROWTH_BYTES))
    return all([mallopt(ctypes.c_int(name), ctypes.c_int(value)) == 1 for name, value in asked])
