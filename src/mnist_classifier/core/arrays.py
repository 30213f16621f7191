"""Names for NumPy array types, the size of a glyph, and running a network in batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

# A glyph is an image in the format of MNIST: 28 by 28 pixels, ink = 255.
SIDE_PX = 28
PIXELS = SIDE_PX * SIDE_PX

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


def in_batches(network: Callable[[Bytes], Floats], glyphs: Bytes, size: int) -> Floats:
    """Run a network on (N, 28, 28) glyphs, `size` at a time; returns its (N, C) outputs.  N must not be 0."""
    parts = [network(glyphs[start : start + size]) for start in range(0, len(glyphs), size)]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
