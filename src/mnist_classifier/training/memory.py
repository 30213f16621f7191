"""Let the C library keep freed memory, which makes training faster.

By default glibc returns every large block to the system when it is freed, and the system clears each page before it
gives it out again.  Every training step frees and allocates the same hundred blocks.
"""

from __future__ import annotations

import ctypes
import os
import platform

# Parameters of mallopt(3).
TRIM_THRESHOLD = -1
TOP_PAD = -2
MMAP_THRESHOLD = -3
# The largest threshold that glibc accepts.
LARGEST_THRESHOLD = 32 << 20
KEPT_BYTES = 1 << 30
# The heap grows by this much at a time; untouched pages cost nothing.
GROWTH_BYTES = 64 << 20


def keep_freed_memory() -> bool:
    """Keep freed memory, unless the C library is not glibc or a MALLOC_ variable is set; returns whether it worked."""
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    asked = ((MMAP_THRESHOLD, LARGEST_THRESHOLD), (TRIM_THRESHOLD, KEPT_BYTES), (TOP_PAD, GROWTH_BYTES))
    return all([mallopt(ctypes.c_int(name), ctypes.c_int(value)) == 1 for name, value in asked])
