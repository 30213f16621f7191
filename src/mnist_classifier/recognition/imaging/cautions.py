"""Warnings about a picture: strokes too thin or thick, ink cut off, small or faint."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_classifier.core.arrays import Floats
from mnist_classifier.core.records import Caution
from mnist_classifier.recognition.imaging.normalise import BOX_SIDE, Box

# Contrast below these is low: levels of a drawing, density of a photograph.
LOW_CONTRAST = 80
LOW_DENSITY = 0.4
# Stroke widths outside this range cause a warning, in px of the glyph.
VERY_THIN_PX, VERY_THICK_PX = 1.1, 4.5


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
    if drawn.contrast < 1:
        found.append(Caution("low_contrast", "the ink is hardly different from the background"))
    return tuple(found)


def stroke_warnings(width: float) -> tuple[Caution, ...]:
    """Warn of strokes with an extreme mean width, in px of the glyph."""
    if width < VERY_THIN_PX:
        return (Caution("very_thin", "the strokes are very thin for the size of the digit"),)
    if width > VERY_THICK_PX:
        return (Caution("very_thick", "the strokes are very thick for the size of the digit"),)
    return ()
