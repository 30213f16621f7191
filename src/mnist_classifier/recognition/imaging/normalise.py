"""Scale and centre ink as in MNIST's images, which makes it a glyph.

The bounding box of the ink is scaled to 20x20 px, aspect kept, and its centre
of mass is placed in the middle of 28x28.  Source: LeCun, the MNIST page.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats, Mask
from mnist_classifier.recognition.imaging.filters import dilate_round

Box = tuple[int, int, int, int]
Level = TypeVar("Level", bound=np.generic)

BOX_SIDE = 20
# Pixels below this share of the strongest ink do not count for the bounding box: soft edges of strokes, JPEG noise.
BOX_LEVEL = 0.1
# All 70,000 MNIST images have a bounding box of 19 or 20 px and a centre of mass between 13.48 and 14.50.
MNIST_LONGER_SIDES = (19, 20)
MNIST_CENTRE = 14.0
MNIST_CENTRE_TOLERANCE = 0.55
# The strongest pixel of each is 254 or 255.
MNIST_STRONGEST = 254

# Thinner strokes are redrawn with the first pen, thicker ones with the second, in px of the 20 px box.
# Measurements: docs/experiments.md, "Thin and thick strokes are redrawn".
THIN_PX, THICK_PX = 1.4, 4.0
PEN_PX = (1.5, 3.0)
# Matrices with more entries are not cached: 2,048 of this size take 82 MB.
KEPT_ENTRIES = 10_000
# Strokes are redrawn in a box of this size: fine enough for their width, small enough to be fast.
REDRAWING_SIDE = 4 * BOX_SIDE


def is_glyph(ink: Bytes) -> bool:
    """Whether an image is already centred and scaled as MNIST images are."""
    if ink.shape != (SIDE_PX, SIDE_PX):
        return False
    top, bottom, left, right = ink_box(ink > 0)
    if max(bottom - top, right - left) not in MNIST_LONGER_SIDES:
        return False
    return all(abs(centre - MNIST_CENTRE) <= MNIST_CENTRE_TOLERANCE for centre in centre_of_mass(ink))


def as_strong_as_mnist(ink: Bytes) -> Bytes:
    """Stretch the levels of a pale glyph; a network that knows MNIST would refuse it as it is."""
    strongest = int(ink.max())
    return ink if strongest >= MNIST_STRONGEST else np.rint(ink * np.float32(255 / strongest)).astype(np.uint8)


def ink_box(mask: Mask) -> Box:
    """(top, bottom, left, right) of the true pixels; bottom and right are exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def cut_out(ink: npt.NDArray[Level], box: Box) -> npt.NDArray[Level]:
    """Crop a picture to a box."""
    top, bottom, left, right = box
    return ink[top:bottom, left:right]


def fit(ink: Floats, side: int = BOX_SIDE) -> Floats:
    """Scale so that the longer side is `side` px, aspect kept, anti-aliased."""
    height, width = ink.shape
    scale = side / max(height, width)
    rows = resampling_matrix(height, max(1, round(height * scale)))
    columns = resampling_matrix(width, max(1, round(width * scale)))
    scaled: Floats = np.asarray(rows @ ink @ columns.T, np.float32)
    return scaled


def place(ink: Floats) -> Bytes:
    """Put the centre of mass of a 20 px box on pixel (14, 14) of a 28x28 glyph.

    The box stays inside the glyph, whatever its centre of mass.
    """
    # Shrinking a thin line leaves it faint; MNIST's strongest pixel is 255.
    levels = np.rint(ink * (255 / ink.max())).astype(np.uint8)
    height, width = levels.shape
    row, column = centre_of_mass(levels)
    top = min(max(round(MNIST_CENTRE - row), 0), SIDE_PX - height)
    left = min(max(round(MNIST_CENTRE - column), 0), SIDE_PX - width)
    glyph = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    glyph[top : top + height, left : left + width] = levels
    return glyph


def centre(ink: Floats) -> tuple[Bytes, float]:
    """Make a (28, 28) glyph of ink cropped to its bounding box (0 to 255); also return its stroke width in px.

    Very thin and very thick strokes are redrawn; the stroke width is measured before that.
    """
    glyph = place(fit(ink))
    width = stroke_width(glyph)
    return (glyph if THIN_PX <= width <= THICK_PX else place(fit(redraw(ink)))), width


def redraw(ink: Floats) -> Floats:
    """Give very thin or thick strokes the width of PEN_PX.  The result is about 80 px large."""
    scale = REDRAWING_SIDE / BOX_SIDE
    fine = fit(ink, REDRAWING_SIDE)
    fine *= np.float32(255 / fine.max())
    width = stroke_width(fine)
    pen = PEN_PX[0] if width < PEN_PX[0] * scale else PEN_PX[1]
    radius = round((pen * scale - width) / 2)
    if radius > 0:
        return dilate_round(np.pad(fine, radius), radius)
    thinned = 255 - dilate_round(255 - np.pad(fine, -radius), -radius)
    mask = thinned >= BOX_LEVEL * 255
    return cut_out(thinned, ink_box(mask)) if mask.any() else fine


def centre_of_mass(ink: Bytes) -> tuple[float, float]:
    """(row, column) of the mean ink, in pixel indices."""
    by_row, by_column = ink.sum(axis=1, dtype=np.float64), ink.sum(axis=0, dtype=np.float64)
    total = by_row.sum()
    return float(by_row @ np.arange(len(by_row)) / total), float(by_column @ np.arange(len(by_column)) / total)


def resampling_matrix(source: int, target: int) -> Floats:
    """(target, source) weights, each row summing to 1.

    When shrinking, a target pixel is the mean of the area that it covers; when
    enlarging, it is interpolated linearly.
    """
    # There are a million pairs of sizes, and some matrices take 4 MB: only small ones are cached.
    return _kept_matrix(source, target) if source * target <= KEPT_ENTRIES else _matrix(source, target)


def _matrix(source: int, target: int) -> Floats:
    scale = source / target
    pixels, targets = np.arange(float(source)), np.arange(float(target))[:, None]
    if scale > 1:
        weights = np.minimum(pixels + 1, (targets + 1) * scale)
        weights -= np.maximum(pixels, targets * scale)
    else:
        weights = 1.0 - np.abs(pixels + 0.5 - (targets + 0.5) * scale)
    np.maximum(weights, 0.0, out=weights)
    weights /= weights.sum(axis=1, keepdims=True)
    matrix: Floats = weights.astype(np.float32)
    matrix.setflags(write=False)
    return matrix


_kept_matrix = lru_cache(maxsize=2048)(_matrix)


def stroke_width(glyph: Bytes | Floats) -> float:
    """Mean width of the strokes in a drawing, in px: twice the area divided by the length of the outline.

    The outline is the integral of the gradient, so it is defined for soft edges too.
    """
    height, width = glyph.shape
    ink = np.zeros((height + 2, width + 2), np.float32)  # np.pad is ten times slower
    ink[1:-1, 1:-1] = glyph
    down, right = ink[1:, :-1] - ink[:-1, :-1], ink[:-1, 1:] - ink[:-1, :-1]
    outline = float(np.hypot(down, right).sum())
    return 2 * float(ink.sum()) / outline if outline else 0.0


def stroke_widths(glyphs: Bytes) -> Floats:
    """`stroke_width` of each of (N, 28, 28) uint8 glyphs: (N,) float32, px."""
    # Arrays of 64 glyphs fit into the processor's cache: 1 microsecond a glyph, 9 one by one.
    parts = [_widths(glyphs[start : start + 64]) for start in range(0, len(glyphs), 64)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _widths(glyphs: Bytes) -> Floats:
    count, height, width = glyphs.shape
    ink = np.zeros((count, height + 2, width + 2), np.float32)
    ink[:, 1:-1, 1:-1] = glyphs
    # Taken as one row, because short rows take NumPy several times as long; the border keeps rows and glyphs apart.
    row = width + 2
    levels, outlines = ink.reshape(-1), np.zeros(ink.size, np.float32)
    down, right = levels[row:] - levels[:-row], levels[1 : 1 - row] - levels[:-row]
    down *= down
    right *= right
    down += right
    np.sqrt(down, out=outlines[:-row])
    # A product adds up five times as fast as a sum.
    areas, outlines = (each.reshape(count, -1) @ np.ones(row * (height + 2), np.float32) for each in (ink, outlines))
    return np.asarray(np.divide(2 * areas, outlines, out=np.zeros_like(areas), where=outlines > 0))
