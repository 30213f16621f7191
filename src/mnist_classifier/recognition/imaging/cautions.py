"""Warnings about a picture: strokes too thin or thick, ink cut off, small or faint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Floats, Mask
from mnist_classifier.core.records import Caution
from mnist_classifier.recognition.imaging.components import run_lengths
from mnist_classifier.recognition.imaging.normalise import BOX_SIDE, Box

# Contrast below these is low: levels of a drawing, density of a photograph.
LOW_CONTRAST = 80
LOW_DENSITY = 0.4
# Stroke widths outside this range cause a warning, in px of the glyph.
VERY_THIN_PX, VERY_THICK_PX = 1.1, 4.5
# The border cuts a stroke that it meets with a length in this range, in stroke widths, if the stroke goes on for a
# stroke's width, and grows or shrinks by at most these factors.  The end or the side of a whole stroke changes more.
CUT_WIDTHS, MOST_GROWTH, MOST_SHRINKING = (0.8, 2.5), 1.25, 0.6
# It also cuts ink that narrows at one end by this much, in stroke widths, half a stroke's width from the border: whole
# ink is round, so it widens at both ends.  Longer ink along the border is a shadow.
LEAST_NARROWING, LEAST_LENGTH, MOST_LENGTH = 0.2, 0.5, 8.0


@dataclass(frozen=True)
class Drawn:
    """The ink of a digit, cropped to its bounding box.

    ink: (h, w) float32, 0 to 255.  box: where it lies in the picture, whose
    shape is `shape`.  contrast: in units of the lowest contrast without a warning.
    """

    ink: Floats
    box: Box
    shape: tuple[int, ...]
    contrast: float


def picture_warnings(drawn: Drawn) -> tuple[Caution, ...]:
    """Warn of ink that is cut off, small or faint."""
    top, bottom, left, right = drawn.box
    height, width = drawn.shape
    found = []
    if top == 0 or left == 0 or bottom == height or right == width:
        found.append(Caution("touches_edge", "the ink touches the edge of the picture: a part may be missing"))
    if max(bottom - top, right - left) < BOX_SIDE:
        found.append(Caution("small", f"the digit is small: {right - left} by {bottom - top} pixels"))
    return (*found, *contrast_warnings(drawn.contrast))


def contrast_warnings(contrast: float) -> tuple[Caution, ...]:
    """Warn of faint ink.  contrast: in units of the lowest contrast without a warning."""
    return (Caution("low_contrast", "the ink is hardly different from the background"),) if contrast < 1 else ()


def border_warnings(mask: Mask) -> tuple[Caution, ...]:
    """Warn if the border of a picture cuts through the ink of a (H, W) mask."""
    if not any(_cuts_stroke(np.rot90(mask, turns)) for turns in range(4)):
        return ()
    return (Caution("cut_off", "the border of the picture cuts through a digit; photograph the whole number"),)


def _cuts_stroke(mask: Mask) -> bool:
    """Whether the top border of a (H, W) mask cuts through a stroke."""
    if not mask[0].any():
        return False
    stroke = float(np.median(np.minimum(run_lengths(mask), run_lengths(mask.T).T)[mask]))
    return any(
        _narrows(mask, start, end, stroke)
        or (
            CUT_WIDTHS[0] * stroke <= end - start <= CUT_WIDTHS[1] * stroke
            and _runs_on(mask, start, end, round(stroke) + 1)
        )
        for start, end in _runs(mask[0])
    )


def _narrows(mask: Mask, start: int, end: int, stroke: float) -> bool:
    """Whether one end of the ink in columns `start` to `end` of the first row moves towards the other below it."""
    if not LEAST_LENGTH * stroke <= end - start <= MOST_LENGTH * stroke:
        return False
    left, right = start, end
    for row in mask[1 : round(stroke / 2) + 1]:
        below = [run for run in _runs(row) if run[0] < right and run[1] > left]
        if not below:
            return True
        left, right = below[0][0], below[-1][1]
    return max(left - start, end - right) >= max(LEAST_NARROWING * stroke, 1.0)


def _runs_on(mask: Mask, start: int, end: int, depth: int) -> bool:
    """Whether the ink in columns `start` to `end` of the first row goes on for `depth` rows, about as wide."""
    narrowest, widest = MOST_SHRINKING * (end - start) - 1, MOST_GROWTH * (end - start) + 1
    for row in mask[1 : depth + 1]:
        below = [run for run in _runs(row) if run[0] < end + 1 and run[1] > start - 1]
        if len(below) != 1:
            return False
        start, end = below[0]
        if not narrowest <= end - start <= widest:
            return False
    return len(mask) > depth


def _runs(row: Mask) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of true pixels in one row."""
    steps = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(steps[::2], steps[1::2], strict=True))


def stroke_warnings(width: float) -> tuple[Caution, ...]:
    """Warn of strokes with an extreme mean width, in px of the glyph."""
    if width < VERY_THIN_PX:
        return (Caution("very_thin", "the strokes are very thin for the size of the digit"),)
    if width > VERY_THICK_PX:
        return (Caution("very_thick", "the strokes are very thick for the size of the digit"),)
    return ()
