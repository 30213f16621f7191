"""The processor cores that this process may use, and its priority on them."""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path
from typing import Any


def usable_cores() -> int:
    """Number of cores that this process may use."""
    affinity: Any = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return int(min(cores, container_cores()))


@functools.cache
def container_cores(root: Path = Path("/")) -> float:
    """The cores that the container of this process may use, rounded up; without a limit, infinity.

    Only control groups of version 2 are known.
    """
    try:
        path = (root / "proc/self/cgroup").read_text().rpartition("::")[2].strip("/\n")
    except (OSError, ValueError):  # ValueError: the path is no text
        return math.inf
    groups = root / "sys/fs/cgroup"
    # A limit counts for all groups below.
    return min(_limit(each) for each in (groups / path, *(groups / path).parents) if each.is_relative_to(groups))


def _limit(group: Path) -> float:
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return max(1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # ValueError: there is no limit
        return math.inf


def lower_priority() -> None:
    """Give other processes, such as the server's replies, priority on the processors."""
    if hasattr(os, "nice"):
        os.nice(10)
