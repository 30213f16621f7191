"""Pixels -> glyph: the only home of what happens before the network.

Canvas, upload, API, files and the browser all follow these rules, which are
those MNIST was made by, so that the network sees what it was trained on.
Source: LeCun, the MNIST page (20x20 box, aspect kept, centre of mass).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mnist_classifier.config import GLYPH_SIDE

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

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


def make_glyph(pixels: Bytes) -> Bytes | None:
    """Centre a drawn digit as MNIST does.

    pixels: (H, W) luminance or (H, W, 2) luminance and alpha, uint8; dark ink
    on light or light ink on dark.  Returns (28, 28) uint8, ink = 255, or None
    where nothing is drawn.  An MNIST image comes out unchanged.
    """
    ink = find_ink(composite(pixels))
    if ink is None:
        return None
    if is_glyph(ink):
        return ink
    stretched = ink * np.float32(255 / ink.max())
    return place(fit(crop(stretched)))


def composite(pixels: Bytes) -> Bytes:
    """Lay transparent pixels on a plain background; (H, W, 2) -> (H, W).

    The background is white for dark ink and black for light ink.
    """
    if pixels.ndim == 2:
        return pixels
    luminance, alpha = pixels[..., 0].astype(np.float32), pixels[..., 1].astype(np.float32) / 255
    weight = float(alpha.sum())
    ink_is_dark = weight == 0 or float((luminance * alpha).sum()) / weight < 128
    background = 255.0 if ink_is_dark else 0.0
    return np.rint(background + (luminance - background) * alpha).astype(np.uint8)


def find_ink(grey: Bytes) -> Bytes | None:
    """Distance from the background, in the direction of the ink.

    (H, W) uint8 -> the same, ink bright on 0; None where nothing stands out.
    The background is the median of the border.
    """
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    background = int(np.median(border))
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


def crop(ink: Floats) -> Floats:
    """Cut out the ink box; `ink` is stretched to 255."""
    top, bottom, left, right = ink_box(ink >= BOX_LEVEL * 255)
    return ink[top:bottom, left:right]


def fit(ink: Floats) -> Floats:
    """Scale so that the longer side is 20 px, aspect kept, anti-aliased."""
    height, width = ink.shape
    scale = BOX_SIDE / max(height, width)
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
