"""Picture -> ink: the first steps of reading a digit and of reading a number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mnist_classifier.core.arrays import Bytes, Floats, Mask
from mnist_classifier.recognition.imaging.background import Extent, extent_of, find_ink, needs_flattening
from mnist_classifier.recognition.imaging.colour import composite, luminance, pick_channel
from mnist_classifier.recognition.imaging.normalise import ink_box, resampling_matrix
from mnist_classifier.recognition.imaging.photograph import Photograph, read_photograph, to_ink

# Smaller photographs are enlarged, because lines and light are found in windows
# of several px.  Measurements: docs/experiments.md, "Thumbnails are enlarged".
ENLARGED_PX, MOST_ENLARGED_PX = 140, 1024
# Marks smaller than this part of a photograph's longer side are dirt on blank paper.
MIN_PART_OF_PHOTOGRAPH = 0.03


@dataclass(frozen=True)
class Found:
    """A picture and the ink that a plain background would leave.

    opaque: (H, W) or (H, W, 3) uint8.  grey: (H, W) uint8, its clearest channel.
    ink: (H, W) uint8, bright on 0; None where nothing stands out.
    """

    opaque: Bytes
    grey: Bytes
    ink: Bytes | None

    @cached_property
    def extent(self) -> Extent | None:
        """The strongest ink of each row and column; None without ink."""
        return None if self.ink is None else extent_of(self.ink)

    @property
    def is_photograph(self) -> bool:
        """Whether the background is uneven, so that `ink` is not the writer's alone."""
        return needs_flattening(self.grey, self.extent)

    def flatten(self, *, may_be_cropped: bool) -> Photograph | None:
        """Separate the ink of a photograph from paper, light and lines; None where there is none.

        may_be_cropped: a digit may fill the picture and meet its border.
        """
        return read_photograph(enlarge(luminance(self.opaque)), may_be_cropped=may_be_cropped)


def look(pixels: Bytes) -> Found:
    """Find the ink of a picture with an even background; pixels as `decode_image` returns them."""
    opaque = composite(pixels)
    grey = pick_channel(opaque)
    return Found(opaque, grey, find_ink(grey))


def written_ink(photograph: Photograph, kept: Mask) -> Floats | None:
    """The ink of the kept parts as a clean drawing has it, 0 to 255; None where they are only dirt."""
    return None if is_dirt(kept) else to_ink(photograph, kept)


def enlarge(grey: Bytes) -> Bytes:
    """A picture of less than ENLARGED_PX, interpolated so that it is larger, unless it would be huge."""
    if min(grey.shape) >= ENLARGED_PX:
        return grey
    factor = min(-(-ENLARGED_PX // min(grey.shape)), max(1, MOST_ENLARGED_PX // max(grey.shape)))
    if factor == 1:
        return grey
    rows, columns = (resampling_matrix(size, size * factor) for size in grey.shape)
    enlarged: Bytes = np.rint(rows @ grey.astype(np.float32) @ columns.T).astype(np.uint8)
    return enlarged


def is_dirt(kept: Mask) -> bool:
    """Whether what is left of a photograph is too small to have been written."""
    top, bottom, left, right = ink_box(kept)
    return bool(max(bottom - top, right - left) < MIN_PART_OF_PHOTOGRAPH * max(kept.shape))
