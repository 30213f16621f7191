"""Ink -> glyph: the geometry of MNIST's images.

The ink box is scaled into 20x20 px, aspect kept, and placed by its centre of
mass in 28x28.  Source: LeCun, the MNIST page.
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
# Where the ink box ends: fainter pixels are the skirt of a soft pen or JPEG
# noise.  Part of the strongest ink.
BOX_LEVEL = 0.1
# All 70,000 MNIST images have a box of 19 or 20 px and their centre of mass
# within 13.48..14.50 (in pixel indices), measured over both files.
MNIST_LONGER_SIDES = (19, 20)
MNIST_CENTRE = 14.0
MNIST_CENTRE_TOLERANCE = 0.55

# Thinner or thicker strokes are made as wide as PEN_PX says.  MNIST's median
# is 2.4; 98 % have 1.4 to 4.3.  400 validation images redrawn along their
# skeletons, right before and after, pens in px of the 20 px box:
#   0.3 97.3 98.8 | 0.5 97.5 98.8 | 0.7 97.8 98.3 | 1 98.5 98.8
#   4 99.0 99.0 | 5 97.0 98.5 | 6 93.5 97.3 | 7 82.8 96.8
# Thin pens made 2 or 2.5 px wide gave less.
THIN_PX, THICK_PX = 1.4, 4.0
PEN_PX = (1.5, 3.0)
# Resampling matrices of at most so many entries are kept: 2,048 of them are 82 MB at most.
KEPT_ENTRIES = 10_000
# Strokes are redrawn in a box of this size: fine enough for their width, small
# enough to take no time.
REDRAWING_SIDE = 4 * BOX_SIDE


def is_glyph(ink: Bytes) -> bool:
    """Whether an image is centred and scaled as MNIST's are already."""
    if ink.shape != (SIDE_PX, SIDE_PX):
        return False
    top, bottom, left, right = ink_box(ink > 0)
    if max(bottom - top, right - left) not in MNIST_LONGER_SIDES:
        return False
    return all(abs(centre - MNIST_CENTRE) <= MNIST_CENTRE_TOLERANCE for centre in centre_of_mass(ink))


def ink_box(mask: Mask) -> Box:
    """(top, bottom, left, right) of the true pixels; bottom and right are exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def cut_out(ink: npt.NDArray[Level], box: Box) -> npt.NDArray[Level]:
    """The part of a picture that lies in a box."""
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
    """Ink cut out along its box, 0 to 255 -> its (28, 28) glyph, and how wide its strokes are there.

    Very thin and very thick strokes are redrawn; the width is the one before.
    """
    glyph = place(fit(ink))
    width = stroke_width(glyph)
    return (glyph if THIN_PX <= width <= THICK_PX else place(fit(redraw(ink)))), width


def redraw(ink: Floats) -> Floats:
    """Draw very thin or thick strokes as wide as PEN_PX says; returns ink to fit, about 80 px wide."""
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

    Shrinking, a target pixel is the mean of the area that it covers, which is
    what anti-aliasing of ink is; enlarging, it is interpolated linearly.
    """
    # There are a million pairs of sizes, some of 4 MB: only small ones are kept.
    return _kept_matrix(source, target) if source * target <= KEPT_ENTRIES else _matrix(source, target)


def _matrix(source: int, target: int) -> Floats:
    scale = source / target
    pixels, targets = np.arange(source), np.arange(target)[:, None]
    if scale > 1:
        overlap = np.minimum(pixels + 1, (targets + 1) * scale) - np.maximum(pixels, targets * scale)
        weights = np.maximum(overlap, 0.0)
    else:
        weights = np.maximum(0.0, 1.0 - np.abs(pixels + 0.5 - (targets + 0.5) * scale))
    matrix: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


_kept_matrix = lru_cache(maxsize=2048)(_matrix)


def stroke_width(glyph: Bytes | Floats) -> float:
    """Mean width of the strokes of a drawing, px.

    Twice the area over the outline; of a soft edge, the outline is the integral
    of the slope.
    """
    height, width = glyph.shape
    ink = np.zeros((height + 2, width + 2), np.float32)  # np.pad takes ten times as long
    ink[1:-1, 1:-1] = glyph
    down, right = ink[1:, :-1] - ink[:-1, :-1], ink[:-1, 1:] - ink[:-1, :-1]
    outline = float(np.hypot(down, right).sum())
    return 2 * float(ink.sum()) / outline if outline else 0.0
