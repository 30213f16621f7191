"""How fast the processor is now, so that limits of processor time hold on slow and busy machines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

T = TypeVar("T")

# What `_known_work` takes on a quiet processor of 2024.
KNOWN_S = 0.016


def processor_seconds(work: Callable[[], T]) -> tuple[T, float]:
    """Do `work`; returns its result, and the seconds that it would have kept a quiet processor of 2024 busy."""
    before = _seconds(_known_work)[1]
    result, seconds = _seconds(work)
    slowness = max(before, _seconds(_known_work)[1]) / KNOWN_S
    return result, seconds / max(1.0, slowness)


def _seconds(work: Callable[[], T]) -> tuple[T, float]:
    started = time.process_time()
    return work(), time.process_time() - started


def _known_work() -> None:
    values = np.arange(1 << 18, dtype=np.float32)
    for _ in range(20):
        values = np.sqrt(values * 1.5 + 1.0)
    sum(number % 7 for number in range(200_000))
