"""Pixels -> glyph: the only home of what happens before the network.

Canvas, upload, API, files and the browser all follow these rules, which are
those MNIST was made by, so that the network sees what it was trained on.
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
from mnist_classifier.recognition.imaging.ink import ENLARGED_PX, Found, look, written_ink
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, centre, cut_out, ink_box, is_glyph, stroke_width
from mnist_classifier.recognition.imaging.parts import digit_parts

Show = Callable[[str, Callable[[], npt.NDArray[Any]]], None]


@dataclass(frozen=True)
class Step:
    """One stage of the way, as a picture: (H, W) uint8."""

    name: str
    picture: Bytes


@dataclass(frozen=True)
class Prepared:
    """An image made ready: its glyph, None for a blank; what may spoil the reading; the way there, if asked for."""

    glyph: Bytes | None
    warnings: tuple[Caution, ...] = ()
    steps: tuple[Step, ...] = ()


def make_glyph(pixels: Bytes) -> Bytes | None:
    """Centre a drawn or photographed digit as MNIST does.

    pixels: (H, W) luminance, (H, W, 2) luminance and alpha, (H, W, 3) RGB or
    (H, W, 4) RGBA, uint8; dark ink on light or light ink on dark.  Returns
    (28, 28) uint8, ink = 255, or None where nothing is drawn.  An MNIST image
    comes out unchanged.
    """
    return prepare(pixels).glyph


def make_steps(pixels: Bytes) -> tuple[Step, ...]:
    """The stages of `make_glyph`, in their order; the last is the glyph, unless nothing is drawn."""
    return prepare(pixels, keep_steps=True).steps


def prepare(pixels: Bytes, *, keep_steps: bool = False) -> Prepared:
    """Do what `make_glyph` does, and say what was noticed on the way."""
    steps: list[Step] = []

    def show(name: str, picture: Callable[[], npt.NDArray[Any]]) -> None:
        if keep_steps:
            steps.append(Step(name, np.clip(np.rint(picture()), 0, 255).astype(np.uint8)))

    found = look(pixels)
    show("grey", lambda: found.grey)
    ink = found.ink
    if ink is not None and is_glyph(ink):
        show("glyph", lambda: ink)
        return Prepared(ink, stroke_warnings(stroke_width(ink)), tuple(steps))
    if found.is_photograph:
        drawn = _photographed(found, show)
    else:
        drawn = None if ink is None or found.extent is None else _drawn(ink, found.extent, show)
    if drawn is None:
        return Prepared(None, (), tuple(steps))
    glyph, width = centre(drawn.ink)
    show("glyph", lambda: glyph)
    return Prepared(glyph, (*picture_warnings(drawn), *stroke_warnings(width)), tuple(steps))


def _drawn(ink: Bytes, extent: Extent, show: Show) -> Drawn:
    """Ink on a plain background."""
    strongest = int(extent.rows.max())
    stretch, faintest = np.float32(255 / strongest), faintest_in_box(strongest)
    show("ink", lambda: ink * stretch)
    rows, columns = np.flatnonzero(extent.rows >= faintest), np.flatnonzero(extent.columns >= faintest)
    box = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    # A speck that moves the ink box leaves empty rows or columns between itself and the digit.
    has_gap = len(rows) < box[1] - box[0] or len(columns) < box[3] - box[2]
    kept = without_specks(ink >= faintest, ink) if has_gap else None
    if kept is None:
        # Whatever costs time is done to the ink alone, not to the whole picture.
        cut = cut_out(ink, box) * stretch
    else:
        cleaned = np.where(kept, ink * stretch, np.float32(0))
        show("digit", lambda: cleaned)
        box = ink_box(cleaned >= BOX_LEVEL * 255)
        cut = cut_out(cleaned, box)
    return Drawn(cut, box, ink.shape, strongest / LOW_CONTRAST)


@lru_cache(maxsize=256)
def faintest_in_box(strongest: int) -> int:
    """The least level that reaches BOX_LEVEL once the strongest is stretched to 255."""
    return int(np.searchsorted(np.arange(256, dtype=np.float32) * np.float32(255 / strongest), BOX_LEVEL * 255))


def _photographed(found: Found, show: Show) -> Drawn | None:
    """Ink on paper, in uneven light."""
    # Larger pictures are of pages more often, with shadows that are as wide as a bold digit's strokes.
    photograph = found.flatten(may_be_cropped=min(found.grey.shape) < ENLARGED_PX)
    if photograph is None:
        return None
    show("background", lambda: photograph.background)
    show("ink", lambda: photograph.with_lines * (255 / photograph.typical))
    show("without_lines", lambda: photograph.density * (255 / photograph.typical))
    ink = written_ink(photograph, digit_parts(photograph.mask, photograph.density, drop_edges=True))
    if ink is None:
        return None
    show("digit", lambda: ink)
    box = ink_box(ink >= BOX_LEVEL * 255)
    return Drawn(cut_out(ink, box), box, ink.shape, photograph.typical / LOW_DENSITY)


def without_specks(mask: Mask, ink: Bytes) -> Mask | None:
    """Where a picture is not a speck far from its ink; None where there are none."""
    digit = digit_parts(mask, ink.astype(np.float32))
    specks = mask & ~digit
    return digit | ~dilate(specks, 5) if specks.any() else None


def prepared_glyph(glyph: Bytes) -> Prepared:
    """A (28, 28) glyph as if an image had become it; one without ink is a blank."""
    return Prepared(None) if are_blank(glyph)[0] else Prepared(glyph, stroke_warnings(stroke_width(glyph)))


def are_blank(glyphs: Bytes) -> npt.NDArray[np.bool_]:
    """Which of (N, 28, 28) glyphs hold no ink."""
    return np.asarray(glyphs.reshape(-1, PIXELS).max(axis=1) < MIN_CONTRAST)


def mean_ink(glyphs: Bytes) -> Floats:
    """(N, 28, 28) uint8 -> (N,) mean pixel of each, 0 to 1."""
    sums = glyphs.reshape(-1, PIXELS).sum(axis=1, dtype=np.uint32)
    return np.asarray(sums / np.float32(255 * PIXELS), np.float32)
