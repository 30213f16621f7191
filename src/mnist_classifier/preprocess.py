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

from mnist_classifier.components import digit_parts
from mnist_classifier.config import GLYPH_SIDE
from mnist_classifier.filters import Bytes, Floats, Mask, dilate, dilate_round
from mnist_classifier.paper import read_sheet, to_ink
from mnist_classifier.records import Caution

Box = tuple[int, int, int, int]
Show = Callable[[str, Callable[[], npt.NDArray[Any]]], None]

BOX_SIDE = 20
# A pixel this far from the background (of 255, before stretching) is no noise.
MIN_CONTRAST = 40
# Where the ink box ends: fainter pixels are the skirt of a soft pen or JPEG
# noise.  Part of the strongest ink.
BOX_LEVEL = 0.1
# All 70,000 MNIST images have a box of 19 or 20 px and their centre of mass
# within 13.48..14.50 (in pixel indices), measured over both files.
MNIST_LONGER_SIDES = (19, 20)
MNIST_CENTRE = 14.0
MNIST_CENTRE_TOLERANCE = 0.55

# A drawing's background is plain: within so many levels of the border's
# median over half of the picture, and within twice as many over most of the
# border.  Screens and scans of drawings are; a camera's noise alone is wider.
PLAIN_LEVELS = 3
PLAIN_SHARE, PLAIN_EDGE_SHARE = 0.5, 0.9
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
# Thinner or thicker strokes are made as wide as PEN_PX says.  MNIST's median
# is 2.4; 98 % have 1.4 to 4.3.  400 validation images redrawn along their
# skeletons, right before and after, pens in px of the 20 px box:
#   0.3 97.3 98.8 | 0.5 97.5 98.8 | 0.7 97.8 98.3 | 1 98.5 98.8
#   4 99.0 99.0 | 5 97.0 98.5 | 6 93.5 97.3 | 7 82.8 96.8
# Thin pens made 2 or 2.5 px wide gave less.
THIN_PX, THICK_PX = 1.4, 4.0
PEN_PX = (1.5, 3.0)
# Strokes are redrawn in a box of this size: fine enough for their width, small
# enough to take no time.
REDRAWING_SIDE = 4 * BOX_SIDE


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
        return Prepared(ink, stroke_warnings(ink), tuple(steps))
    drawn = _photographed(enlarge(luminance(opaque)), show) if needs_flattening(grey, ink) else _drawn(ink, show)
    if drawn is None:
        return Prepared(None, (), tuple(steps))
    cut = cut_out(drawn.ink, drawn.box)
    glyph = place(fit(cut))
    warnings = (*picture_warnings(drawn), *stroke_warnings(glyph))
    if not THIN_PX <= stroke_width(glyph) <= THICK_PX:
        glyph = place(fit(redraw(cut)))
    show("glyph", lambda: glyph)
    return Prepared(glyph, warnings, tuple(steps))


@dataclass(frozen=True)
class Drawn:
    """Ink on nothing else: (H, W) float32, 0 to 255; its box; its contrast, under 1 being low."""

    ink: Floats
    box: Box
    contrast: float


def _drawn(ink: Bytes | None, show: Show) -> Drawn | None:
    """Ink on a plain background."""
    if ink is None:
        return None
    stretched = ink * np.float32(255 / ink.max())
    show("ink", lambda: stretched)
    box = ink_box(stretched >= BOX_LEVEL * 255)
    cleaned = without_specks(stretched, box)
    if cleaned is not None:
        stretched, box = cleaned, ink_box(cleaned >= BOX_LEVEL * 255)
        show("digit", lambda: stretched)
    return Drawn(stretched, box, float(ink.max()) / LOW_CONTRAST)


def _photographed(grey: Bytes, show: Show) -> Drawn | None:
    """Ink on paper, in uneven light."""
    sheet = read_sheet(grey)
    if sheet is None:
        return None
    show("background", lambda: sheet.background)
    show("ink", lambda: sheet.with_lines * (255 / sheet.typical))
    show("without_lines", lambda: sheet.density * (255 / sheet.typical))
    kept = digit_parts(sheet.mask, sheet.density, drop_edges=True)
    box = ink_box(kept)
    if max(box[1] - box[0], box[3] - box[2]) < MIN_PART_OF_PHOTOGRAPH * max(kept.shape):
        return None
    ink = to_ink(sheet, kept)
    show("digit", lambda: ink)
    return Drawn(ink, ink_box(ink >= BOX_LEVEL * 255), sheet.typical / LOW_DENSITY)


def without_specks(ink: Floats, box: Box) -> Floats | None:
    """Ink without specks far from it; None where there are none.

    A speck that moves the ink box leaves empty rows or columns between itself
    and the digit.  Looking for those is quick, and all that a clean drawing costs.
    """
    mask = ink >= BOX_LEVEL * 255
    inner = mask[box[0] : box[1], box[2] : box[3]]
    if inner.any(axis=1).all() and inner.any(axis=0).all():
        return None
    specks = mask & ~digit_parts(mask, ink)
    return np.where(dilate(specks, 5), np.float32(0), ink) if specks.any() else None


def needs_flattening(grey: Bytes, ink: Bytes | None) -> bool:
    """Whether a picture is no drawing on a plain background, but paper, shadows, lines."""
    border = border_of(grey)
    background = int(np.median(border))
    sample = grey[:: max(1, grey.shape[0] // 64), :: max(1, grey.shape[1] // 64)]
    is_plain = np.abs(sample.astype(np.int16) - background) <= PLAIN_LEVELS
    is_edge_plain = np.abs(border.astype(np.int16) - background) <= 2 * PLAIN_LEVELS
    if is_plain.mean() < PLAIN_SHARE or is_edge_plain.mean() < PLAIN_EDGE_SHARE:
        return True
    if min(grey.shape) < MIN_PHOTOGRAPH_PX:
        return False  # too small for lines that a digit could be told from
    return not is_plain.all() if ink is None else _crosses(ink >= ink.max() * BOX_LEVEL)


def enlarge(grey: Bytes) -> Bytes:
    """A picture of less than MIN_PHOTOGRAPH_PX, interpolated so that it is larger, unless it would be huge."""
    if min(grey.shape) >= MIN_PHOTOGRAPH_PX:
        return grey
    factor = min(-(-ENLARGED_PX // min(grey.shape)), max(1, MOST_ENLARGED_PX // max(grey.shape)))
    rows, columns = (resampling_matrix(size, size * factor) for size in grey.shape)
    enlarged: Bytes = np.rint(rows @ grey.astype(np.float32) @ columns.T).astype(np.uint8)
    return enlarged


def _crosses(mask: Mask) -> bool:
    """Whether ink goes from one edge to the opposite one at some place."""
    return bool((mask[:, 0].any() and mask[:, -1].any()) or (mask[0].any() and mask[-1].any()))


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


def border_of(grey: Bytes) -> Bytes:
    """The pixels at the edge of a picture, once each but for the corners of a single row or column."""
    return np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])


def find_ink(grey: Bytes) -> Bytes | None:
    """Distance from the background, in the direction of the ink.

    (H, W) uint8 -> the same, ink bright on 0; None where nothing stands out.
    The background is the median of the border.
    """
    background = int(np.median(border_of(grey)))
    lighter = np.maximum(grey, background) - np.uint8(background)
    darker = np.uint8(background) - np.minimum(grey, background)
    ink = lighter if int(lighter.sum(dtype=np.int64)) >= int(darker.sum(dtype=np.int64)) else darker
    return ink if ink.max() >= MIN_CONTRAST else None


def is_glyph(ink: Bytes) -> bool:
    """Whether an image is centred and scaled as MNIST's are already."""
    if ink.shape != (GLYPH_SIDE, GLYPH_SIDE):
        return False
    top, bottom, left, right = ink_box(ink > 0)
    if max(bottom - top, right - left) not in MNIST_LONGER_SIDES:
        return False
    return all(abs(centre - MNIST_CENTRE) <= MNIST_CENTRE_TOLERANCE for centre in centre_of_mass(ink))


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


def cut_out(ink: Floats, box: Box) -> Floats:
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
    top = min(max(round(MNIST_CENTRE - row), 0), GLYPH_SIDE - height)
    left = min(max(round(MNIST_CENTRE - column), 0), GLYPH_SIDE - width)
    glyph = np.zeros((GLYPH_SIDE, GLYPH_SIDE), np.uint8)
    glyph[top : top + height, left : left + width] = levels
    return glyph


def ink_box(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of the true pixels; bottom and right are exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def centre_of_mass(ink: Bytes) -> tuple[float, float]:
    """(row, column) of the mean ink, in pixel indices."""
    by_row, by_column = ink.sum(axis=1, dtype=np.float64), ink.sum(axis=0, dtype=np.float64)
    total = by_row.sum()
    return float(by_row @ np.arange(len(by_row)) / total), float(by_column @ np.arange(len(by_column)) / total)


@lru_cache(maxsize=4096)
def resampling_matrix(source: int, target: int) -> Floats:
    """(target, source) weights, each row summing to 1.

    Shrinking, a target pixel is the mean of the area that it covers, which is
    what anti-aliasing of ink is; enlarging, it is interpolated linearly.
    """
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


def stroke_width(glyph: Bytes | Floats) -> float:
    """Mean width of the strokes of a drawing, px.

    Twice the area over the outline; of a soft edge, the outline is the integral
    of the slope.
    """
    ink = np.pad(glyph.astype(np.float32), 1)
    down, right = ink[1:, :-1] - ink[:-1, :-1], ink[:-1, 1:] - ink[:-1, :-1]
    outline = float(np.hypot(down, right).sum())
    return 2 * float(ink.sum()) / outline if outline else 0.0


def stroke_warnings(glyph: Bytes) -> tuple[Caution, ...]:
    """What is to be said of a glyph's strokes."""
    width = stroke_width(glyph)
    if width < VERY_THIN_PX:
        return (Caution("very_thin", "the strokes are very thin for the size of the digit"),)
    if width > VERY_THICK_PX:
        return (Caution("very_thick", "the strokes are very thick for the size of the digit"),)
    return ()


def picture_warnings(drawn: Drawn) -> tuple[Caution, ...]:
    """What is to be said of how ink lies in its picture."""
    top, bottom, left, right = drawn.box
    height, width = drawn.ink.shape
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
