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

from mnist_classifier.core.records import Caution
from mnist_classifier.core.settings import GLYPH_SIDE
from mnist_classifier.recognition.imaging.components import digit_parts
from mnist_classifier.recognition.imaging.filters import Bytes, Floats, Mask, border_of, dilate
from mnist_classifier.recognition.imaging.normalise import (
    BOX_LEVEL,
    BOX_SIDE,
    Box,
    centre,
    cut_out,
    ink_box,
    is_glyph,
    resampling_matrix,
    stroke_width,
)
from mnist_classifier.recognition.imaging.photograph import read_sheet, to_ink

Show = Callable[[str, Callable[[], npt.NDArray[Any]]], None]

# A pixel this far from the background (of 255, before stretching) is no noise.
MIN_CONTRAST = 40
# A drawing's background is plain: within so many levels of the border's
# median over half of the picture, and within twice as many over most of the
# border.  Screens and scans of drawings are; a camera's noise alone is wider.
PLAIN_LEVELS = 3
PLAIN_SHARE, PLAIN_EDGE_SHARE = 0.5, 0.9
# A blurred or bold digit leaves less than that; it meets the border in few places,
# where noise, lines and fog do in many.  In a thumbnail more of it may be cut off.
LEAST_PLAIN_SHARE, SMALL_PLAIN_EDGE_SHARE, MOST_PLACES = 0.25, 0.7, 3
# Smaller pictures are enlarged before their background is flattened: lines and
# light are found in windows of several px.  Thumbnails of 28 px, 150 validation
# images each, right before and after: stripes 24.7 97.3, fog 54.7 98.7, grain 54.0 93.3 %.
MIN_PHOTOGRAPH_PX = 64
ENLARGED_PX, MOST_ENLARGED_PX = 140, 1024
# Marks smaller than this part of a photograph's longer side are dirt on blank paper.
MIN_PART_OF_PHOTOGRAPH = 0.03
# A colour must show so much more ink than luminance does to be looked at instead.
CHANNEL_GAIN = 1.5

# Warned of: contrast under these (levels; density), strokes outside of these
# (px in the glyph), ink that had to be enlarged from less than the 20 px box.
LOW_CONTRAST = 80
LOW_DENSITY = 0.4
VERY_THIN_PX, VERY_THICK_PX = 1.1, 4.5


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

    opaque = composite(pixels)
    grey = pick_channel(opaque)
    show("grey", lambda: grey)
    ink = find_ink(grey)
    if ink is not None and is_glyph(ink):
        show("glyph", lambda: ink)
        return Prepared(ink, stroke_warnings(stroke_width(ink)), tuple(steps))
    extent = None if ink is None else extent_of(ink)
    if needs_flattening(grey, extent):
        drawn = _photographed(luminance(opaque), show)
    else:
        drawn = None if ink is None or extent is None else _drawn(ink, extent, show)
    if drawn is None:
        return Prepared(None, (), tuple(steps))
    glyph, width = centre(drawn.ink)
    show("glyph", lambda: glyph)
    return Prepared(glyph, (*picture_warnings(drawn), *stroke_warnings(width)), tuple(steps))


@dataclass(frozen=True)
class Drawn:
    """Ink alone, float32, 0 to 255, cut out along its box in a picture of `shape`; a contrast under 1 is low."""

    ink: Floats
    box: Box
    shape: tuple[int, ...]
    contrast: float


@dataclass(frozen=True)
class Extent:
    """The strongest ink of each row and of each column: all that a clean drawing has to be asked."""

    rows: Bytes
    columns: Bytes


def extent_of(ink: Bytes) -> Extent:
    """Look at every pixel, twice; a mask and its sums would be four looks."""
    return Extent(ink.max(axis=1), ink.max(axis=0))


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


def _photographed(grey: Bytes, show: Show) -> Drawn | None:
    """Ink on paper, in uneven light."""
    # Larger pictures are of pages more often, with shadows that are as wide as a bold digit's strokes.
    sheet = read_sheet(enlarge(grey), may_be_cropped=min(grey.shape) < ENLARGED_PX)
    if sheet is None:
        return None
    show("background", lambda: sheet.background)
    show("ink", lambda: sheet.with_lines * (255 / sheet.typical))
    show("without_lines", lambda: sheet.density * (255 / sheet.typical))
    kept = digit_parts(sheet.mask, sheet.density, drop_edges=True)
    if is_dirt(kept):
        return None
    ink = to_ink(sheet, kept)
    show("digit", lambda: ink)
    box = ink_box(ink >= BOX_LEVEL * 255)
    return Drawn(cut_out(ink, box), box, ink.shape, sheet.typical / LOW_DENSITY)


def is_dirt(kept: Mask) -> bool:
    """Whether what is left of a photograph is too small to have been written."""
    top, bottom, left, right = ink_box(kept)
    return bool(max(bottom - top, right - left) < MIN_PART_OF_PHOTOGRAPH * max(kept.shape))


def without_specks(mask: Mask, ink: Bytes) -> Mask | None:
    """Where a picture is not a speck far from its ink; None where there are none."""
    digit = digit_parts(mask, ink.astype(np.float32))
    specks = mask & ~digit
    return digit | ~dilate(specks, 5) if specks.any() else None


def needs_flattening(grey: Bytes, extent: Extent | None) -> bool:
    """Whether a picture is no drawing on a plain background, but paper, shadows, lines; `extent` is that of its ink."""
    if not has_plain_background(grey):
        return True
    if min(grey.shape) < MIN_PHOTOGRAPH_PX:
        return False  # too small for lines that a digit could be told from
    return (
        not _near(_sample(grey), median_of(border_of(grey)), PLAIN_LEVELS).all() if extent is None else crosses(extent)
    )


def has_plain_background(grey: Bytes) -> bool:
    """Whether what is drawn has one and the same level around it."""
    border, sample = border_of(grey), _sample(grey)
    background = median_of(border)
    is_plain, is_plain_edge = _near(sample, background, PLAIN_LEVELS), _near(border, background, 2 * PLAIN_LEVELS)
    plain, plain_edge = np.count_nonzero(is_plain), np.count_nonzero(is_plain_edge)
    if plain >= PLAIN_SHARE * is_plain.size and plain_edge >= PLAIN_EDGE_SHARE * border.size:
        return True
    least_edge = SMALL_PLAIN_EDGE_SHARE if min(grey.shape) < MIN_PHOTOGRAPH_PX else PLAIN_EDGE_SHARE
    places = np.count_nonzero(is_plain_edge & ~np.roll(is_plain_edge, 1))
    enough = plain >= LEAST_PLAIN_SHARE * is_plain.size and plain_edge >= least_edge * border.size
    return bool(enough and places <= MOST_PLACES)


def _sample(grey: Bytes) -> Bytes:
    return grey[:: max(1, grey.shape[0] // 64), :: max(1, grey.shape[1] // 64)]


def _near(levels: Bytes, level: int, distance: int) -> Mask:
    """Which are within so many levels of one."""
    low, high = max(level - distance, 0), min(level + distance, 255)
    return levels - np.uint8(low) <= np.uint8(high - low)  # what lies below wraps around to the top


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


def crosses(extent: Extent) -> bool:
    """Whether ink goes from one edge to the opposite one at some place."""
    faintest = extent.rows.max() * BOX_LEVEL
    top, bottom = extent.rows[0] >= faintest, extent.rows[-1] >= faintest
    left, right = extent.columns[0] >= faintest, extent.columns[-1] >= faintest
    return bool((top and bottom) or (left and right))


def composite(pixels: Bytes) -> Bytes:
    """Lay transparent pixels on a plain background; (H, W, 2) -> (H, W), (H, W, 4) -> (H, W, 3).

    The background is white for dark ink and black for light ink.
    """
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    levels, alpha = pixels[..., :-1].astype(np.float32), pixels[..., -1:].astype(np.float32) / 255
    grey = luminance(pixels[..., :-1]) if pixels.shape[2] == 4 else pixels[..., 0]
    weight = float(alpha.sum())
    ink_is_dark = weight == 0 or float((grey * alpha[..., 0]).sum()) / weight < 128
    background = 255.0 if ink_is_dark else 0.0
    laid = np.rint(background + (levels - background) * alpha).astype(np.uint8)
    return laid if laid.shape[2] == 3 else laid[..., 0]


def luminance(pixels: Bytes) -> Bytes:
    """(H, W, 3) -> (H, W); grey stays as it is.  Source: ITU-R 601-2, in the integers that Pillow uses."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = np.moveaxis(pixels.astype(np.uint32), 2, 0)
    grey: Bytes = ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).astype(np.uint8)
    return grey


def pick_channel(pixels: Bytes) -> Bytes:
    """(H, W, 3) -> (H, W): luminance, unless the ink shows clearly more in red, green or blue.

    Yellow on white is hardly darker, but has no blue.
    """
    if pixels.ndim == 2:
        return pixels
    channels = [luminance(pixels), *np.moveaxis(pixels, 2, 0)]
    amounts = [_amount_of_ink(channel) for channel in channels]
    best = int(np.argmax(amounts))
    picked: Bytes = channels[best] if amounts[best] > CHANNEL_GAIN * amounts[0] else channels[0]
    return picked


def _amount_of_ink(grey: Bytes) -> float:
    """Sum of what is far from the background."""
    away = np.abs(grey.astype(np.float32) - np.float32(np.median(border_of(grey))))
    return float(away[away >= MIN_CONTRAST].sum())


def find_ink(grey: Bytes) -> Bytes | None:
    """Distance from the background, in the direction of the ink.

    (H, W) uint8 -> the same, ink bright on 0; None where nothing stands out.
    The background is the median of the border.
    """
    background = median_of(border_of(grey))
    darkest, lightest = int(grey.min()), int(grey.max())
    if max(background - darkest, lightest - background) < MIN_CONTRAST:
        return None
    # Most drawings have ink on one side only, which spares them two sums.
    if darkest == background:
        return grey - np.uint8(background) if background else grey
    if lightest == background:
        return np.uint8(background) - grey
    lighter = np.maximum(grey, background) - np.uint8(background)
    darker = np.uint8(background) - np.minimum(grey, background)
    ink = lighter if int(lighter.sum(dtype=np.int64)) >= int(darker.sum(dtype=np.int64)) else darker
    return ink if ink.max() >= MIN_CONTRAST else None


def median_of(levels: Bytes) -> int:
    """The median, rounded down; of one and the same level, as a canvas has it, at once."""
    first = int(levels[0])
    return first if (levels == first).all() else int(np.median(levels))


def prepared_glyph(glyph: Bytes) -> Prepared:
    """A (28, 28) glyph as if an image had become it; one without ink is a blank."""
    return Prepared(None) if are_blank(glyph)[0] else Prepared(glyph, stroke_warnings(stroke_width(glyph)))


def stroke_warnings(width: float) -> tuple[Caution, ...]:
    """What is to be said of strokes of a mean width, px in the glyph."""
    if width < VERY_THIN_PX:
        return (Caution("very_thin", "the strokes are very thin for the size of the digit"),)
    if width > VERY_THICK_PX:
        return (Caution("very_thick", "the strokes are very thick for the size of the digit"),)
    return ()


def picture_warnings(drawn: Drawn) -> tuple[Caution, ...]:
    """What is to be said of how ink lies in its picture."""
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


def are_blank(glyphs: Bytes) -> npt.NDArray[np.bool_]:
    """Which of (N, 28, 28) glyphs hold no ink."""
    return np.asarray(glyphs.reshape(-1, GLYPH_SIDE**2).max(axis=1) < MIN_CONTRAST)


def mean_ink(glyphs: Bytes) -> Floats:
    """(N, 28, 28) uint8 -> (N,) mean pixel of each, 0 to 1."""
    sums = glyphs.reshape(-1, GLYPH_SIDE**2).sum(axis=1, dtype=np.uint32)
    return np.asarray(sums / np.float32(255 * GLYPH_SIDE**2), np.float32)
