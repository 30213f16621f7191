"""Turn the pixels of a picture into a glyph: all preprocessing before the network.

Canvas, upload, API, files and the browser follow these rules.  MNIST was made
by the same ones, so the network sees what it was trained on.
Source: LeCun, the MNIST page (20x20 box, aspect kept, centre of mass).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import PIXELS, Bytes, Floats, Mask
from mnist_classifier.core.records import Caution
from mnist_classifier.recognition.imaging.background import MIN_CONTRAST, Extent
from mnist_classifier.recognition.imaging.cautions import (
    LOW_CONTRAST,
    LOW_DENSITY,
    Drawn,
    picture_warnings,
    stroke_warnings,
)
from mnist_classifier.recognition.imaging.filters import dilate
from mnist_classifier.recognition.imaging.ink import separate_ink
from mnist_classifier.recognition.imaging.normalise import (
    BOX_LEVEL,
    centre,
    cut_out,
    ink_box,
    stroke_width,
    stroke_widths,
)
from mnist_classifier.recognition.imaging.parts import digit_parts
from mnist_classifier.recognition.imaging.photograph import Photograph

Show = Callable[[str, Callable[[], npt.NDArray[Any]]], None]


@dataclass(frozen=True)
class Step:
    """One step of preprocessing, as a picture: (H, W) uint8."""

    name: str
    picture: Bytes


@dataclass(frozen=True)
class Prepared:
    """A preprocessed image: its glyph (None for a blank), warnings, and the steps if they were kept.

    picture: the pixels that it was made of; None if they were a glyph already.
    """

    glyph: Bytes | None
    warnings: tuple[Caution, ...] = ()
    steps: tuple[Step, ...] = ()
    picture: Bytes | None = None


def make_glyph(pixels: Bytes) -> Bytes | None:
    """Centre a drawn or photographed digit as MNIST does.

    pixels: (H, W) luminance, (H, W, 2) luminance and alpha, (H, W, 3) RGB or
    (H, W, 4) RGBA, uint8; dark ink on light or light ink on dark.  Returns
    (28, 28) uint8, ink = 255, or None if nothing is drawn.  An MNIST image
    comes out unchanged.
    """
    return prepare(pixels).glyph


def prepare(pixels: Bytes, *, keep_steps: bool = False) -> Prepared:
    """Make a glyph as `make_glyph` does, with warnings; keep_steps: also keep each step as a picture."""
    steps: list[Step] = []

    def show(name: str, picture: Callable[[], npt.NDArray[Any]]) -> None:
        if keep_steps:
            steps.append(Step(name, np.clip(np.rint(picture()), 0, 255).astype(np.uint8)))

    found = separate_ink(pixels)
    show("grey", lambda: found.grey)
    if found.photograph is not None:
        _show_photograph(found.photograph, show)
    ink = found.levels
    if ink is None:
        return Prepared(None, (), tuple(steps))
    if found.is_glyph:
        show("glyph", lambda: ink)
        return Prepared(ink, stroke_warnings(stroke_width(ink)), tuple(steps))
    if found.photograph is not None:
        drawn = _photographed(ink, found.photograph, show)
    else:
        assert found.extent is not None
        drawn = _drawn(ink, found.extent, show)
    glyph, width = centre(drawn.ink)
    show("glyph", lambda: glyph)
    return Prepared(glyph, (*picture_warnings(drawn), *stroke_warnings(width)), tuple(steps), pixels)


def _drawn(ink: Bytes, extent: Extent, show: Show) -> Drawn:
    """Crop the ink of a drawing on a plain background."""
    strongest = int(extent.rows.max())
    stretch, faintest = np.float32(255 / strongest), _faintest_in_box(strongest)
    show("ink", lambda: ink * stretch)
    rows, columns = np.flatnonzero(extent.rows >= faintest), np.flatnonzero(extent.columns >= faintest)
    box = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    # A speck that enlarges the bounding box leaves empty rows or columns between itself and the digit.
    has_gap = len(rows) < box[1] - box[0] or len(columns) < box[3] - box[2]
    kept = _without_specks(ink >= faintest, ink) if has_gap else None
    if kept is None:
        # Stretching the cropped ink alone saves time.
        cropped = cut_out(ink, box) * stretch
    else:
        cleaned = np.where(kept, ink * stretch, np.float32(0))
        show("digit", lambda: cleaned)
        box = ink_box(cleaned >= BOX_LEVEL * 255)
        cropped = cut_out(cleaned, box)
    return Drawn(cropped, box, ink.shape, strongest / LOW_CONTRAST)


@lru_cache(maxsize=256)
def _faintest_in_box(strongest: int) -> int:
    """The lowest level that reaches BOX_LEVEL once the strongest is stretched to 255."""
    return int(np.searchsorted(np.arange(256, dtype=np.float32) * np.float32(255 / strongest), BOX_LEVEL * 255))


def _show_photograph(photograph: Photograph, show: Show) -> None:
    scale = 255 / photograph.typical
    show("background", lambda: photograph.background)
    show("ink", lambda: photograph.with_lines * scale)
    show("without_lines", lambda: photograph.density * scale)


def _photographed(ink: Floats, photograph: Photograph, show: Show) -> Drawn:
    """Crop the ink of a photograph."""
    show("digit", lambda: ink)
    box = ink_box(ink >= BOX_LEVEL * 255)
    return Drawn(cut_out(ink, box), box, ink.shape, photograph.typical / LOW_DENSITY)


def _without_specks(mask: Mask, ink: Bytes) -> Mask | None:
    """Find the pixels that belong to no speck far from the digit; None if there is no such speck."""
    digit = digit_parts(mask, ink.astype(np.float32))
    specks = mask & ~digit
    return digit | ~dilate(specks, 5) if specks.any() else None


def prepared_glyph(glyph: Bytes) -> Prepared:
    """Treat a (28, 28) uint8 glyph as a preprocessed image; without ink it is a blank."""
    return Prepared(None) if are_blank(glyph)[0] else Prepared(glyph, stroke_warnings(stroke_width(glyph)))


def glyph_warnings(glyphs: Bytes) -> list[tuple[Caution, ...]]:
    """The warnings of `prepared_glyph` for each of (N, 28, 28) uint8 glyphs."""
    pairs = zip(are_blank(glyphs).tolist(), stroke_widths(glyphs).tolist(), strict=True)
    return [() if is_blank else stroke_warnings(width) for is_blank, width in pairs]


def are_blank(glyphs: Bytes) -> npt.NDArray[np.bool_]:
    """Whether each of (N, 28, 28) uint8 glyphs has no ink: (N,) bool."""
    return np.asarray(glyphs.reshape(-1, PIXELS).max(axis=1) < MIN_CONTRAST)


def mean_ink(glyphs: Bytes) -> Floats:
    """Mean pixel of each of (N, 28, 28) uint8 glyphs: (N,) float32, 0 to 1."""
    sums = glyphs.reshape(-1, PIXELS).sum(axis=1, dtype=np.uint32)
    return np.asarray(sums / np.float32(255 * PIXELS), np.float32)
