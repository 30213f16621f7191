"""Array types of the whole program, and the size of a glyph."""

from __future__ import annotations

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
