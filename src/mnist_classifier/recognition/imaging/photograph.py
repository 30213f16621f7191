"""Find the ink in a photograph of writing, as optical density at each pixel.

The level of a pixel is the product of light, paper, print and ink.  Logarithms
turn this product into a sum.  So uneven light can be subtracted as the
background, and printed lines as their profile (see ruled_lines.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Bytes, Floats, Mask
from mnist_classifier.recognition.imaging.components import find_components
from mnist_classifier.recognition.imaging.filters import (
    border_of,
    close_gaps,
    dilate,
    erode,
    running_mean,
    shrink,
    smooth,
)
from mnist_classifier.recognition.imaging.ruled_lines import remove_lines

# Photographs are reduced to this.  A digit that fills a third of it still has 170 px, and the glyph only needs 20.
WORKING_SIDE_PX = 512
# Added to a level before its logarithm: the black level and stray light of a camera.  It also dampens the noise of
# deep shadows.
BLACK_LEVEL = 8.0
# Ink has at least this share of the typical ink's density.
INK_LEVEL = 0.4
# Ink is this many standard deviations above the noise of the background.
NOISE_FACTOR = 4.0
# Ink has at least this density: 0.2 is a level of 104 on a background of 129.
MIN_DENSITY = 0.2
# If more than the first share is ink with a density over the second, the picture is a tight crop, not noise.
MUCH_INK, MUCH_DENSITY = 0.3, 0.3
# Chalk needs a background below this level: a light patch between shadows is no chalk.
MAX_BOARD_LEVEL = 128
# The smallest range of levels of a board with chalk.
FAINTEST_CHALK = 40
# A border that is brighter than the rest by this share of the range of levels is paper.
BRIGHTER_BORDER = 0.05
# More than this share of a board is in the darker half of that range; a full page has less.
MOST_DARK = 0.7
# Sides of the squares that measure thickness, growing by about 1.3.
THICKNESSES_PX = (5, 7, 9, 13, 17, 23, 31, 41, 55, 73, 97, 129)

# The thickest strokes of MNIST are a third of their digit; a component thicker than this share of its size is a shadow.
BLOB_SHARE = 0.45
# How many of the heaviest components are examined.
CANDIDATES = 4
# The first window: a share of the longer side if the digit may fill the picture, else of the shorter side.
WIDEST_IN_CROP, WIDEST = 1 / 3, 1 / 4


@dataclass(frozen=True)
class Photograph:
    """A photographed page, separated into background, lines and ink.

    Arrays are (H, W) float32, reduced to the working size.  background:
    levels.  with_lines, density: log(background / level), with and without
    printed lines.  typical: density of the ink.  threshold: lowest density of ink.
    noise: standard deviation of the density of blank paper.
    """

    grey: Floats
    background: Floats
    with_lines: Floats
    density: Floats
    typical: float
    threshold: float
    noise: float

    @property
    def noise_floor(self) -> float:
        """The lowest density that is not noise."""
        return NOISE_FACTOR * self.noise

    @property
    def mask(self) -> Mask:
        """(H, W) whether each pixel is ink."""
        return self.density > self.threshold


def read_photograph(grey: Bytes, *, may_be_cropped: bool, side_px: int = WORKING_SIDE_PX) -> Photograph | None:
    """Find the ink in a photograph with uneven light; None if there is none.

    grey: (H, W) uint8, dark ink on light paper or chalk on a board.
    may_be_cropped: strokes may touch the border, and be as wide as a third of
    the picture.  Other dark areas at the border are then mistaken for ink more often.
    side_px: larger photographs are reduced to this.
    """
    levels = smooth(shrink(grey, side_px))
    if _ink_is_light(levels):
        if float(np.ptp(levels)) < FAINTEST_CHALK:
            return None
        # Stretch a dim board: the logarithm would make its chalk faint.
        levels = 255 - levels * np.float32(255 / levels.max())
    logs = np.log(levels + np.float32(BLACK_LEVEL))
    # The first window is wide enough for any pen, the second as narrow as this pen allows: a narrow window follows the
    # edges of shadows more closely.
    widest = max(logs.shape) * WIDEST_IN_CROP if may_be_cropped else min(logs.shape) * WIDEST
    side = max(5, int(widest)) | 1
    photograph = _flatten(levels, logs, side, may_be_cropped)
    narrow = _window(photograph, side)
    if narrow < side:
        photograph = _flatten(levels, logs, narrow, may_be_cropped)
    mask = photograph.mask
    return photograph if mask.any() and float(np.median(photograph.density[mask])) >= MIN_DENSITY else None


def _ink_is_light(levels: Floats) -> bool:
    """Whether the ink is lighter than the background.

    Ink covers less area and differs strongly from its surroundings, so it determines the sign of the third moment.
    """
    away = levels - running_mean(levels, max(3, min(levels.shape) // 4) | 1)
    if float(np.median(levels)) >= MAX_BOARD_LEVEL or float((away.astype(np.float64) ** 3).sum()) <= 0:
        return False
    # Most of a tight crop may be ink, but its border is paper.
    low, high = np.quantile(levels, (0.02, 0.98))
    if float((levels < (low + high) / 2).mean()) > MOST_DARK:
        return True
    return float(border_of(levels).mean() - levels.mean()) <= BRIGHTER_BORDER * float(high - low)


def _flatten(levels: Floats, logs: Floats, window: int, may_be_cropped: bool) -> Photograph:
    """Subtract the background and the printed lines.  window: wider than any stroke, px."""
    background = _background(logs, window) if may_be_cropped else close_gaps(logs, window)
    raw = background - logs
    # Closing raises a noisy background above its median; subtract that offset.
    blank = raw[_is_blank(raw)]
    offset = float(np.median(blank))
    # The standard deviation of normal noise is 1.4826 times its median absolute deviation.
    noise = 1.4826 * float(np.median(np.abs(blank - offset)))
    raw = np.maximum(raw - np.float32(offset), 0)
    density = remove_lines(raw, max(0.03, 3 * noise))
    typical = _typical(density)
    threshold = max(INK_LEVEL * typical, NOISE_FACTOR * noise)
    return Photograph(levels, np.exp(background) - np.float32(BLACK_LEVEL), raw, density, typical, threshold, noise)


def _is_blank(raw: Floats) -> Mask:
    """Which pixels to measure the background with: all, or those without ink if there is much ink."""
    typical = _typical(raw)
    inked = raw > INK_LEVEL * typical
    return ~inked if typical > MUCH_DENSITY and inked.mean() > MUCH_INK else np.ones_like(inked)


def _background(logs: Floats, window: int) -> Floats:
    """Close strokes that are narrower than the window; strokes may touch the border.

    The picture is continued beyond its border, with border pixels from which
    strokes were removed.
    """
    closed = close_gaps(logs, window)
    places = border_of(np.arange(logs.size).reshape(logs.shape))
    reach = len(places) // 2
    around = np.pad(closed.ravel()[places], reach, mode="wrap")[:, None]
    closed.ravel()[places] = close_gaps(around, window)[reach : reach + len(places), 0]
    half = window // 2
    continued = np.pad(closed, half, mode="edge")
    continued[half:-half, half:-half] = logs
    return close_gaps(continued, window)[half:-half, half:-half]


def _typical(density: Floats) -> float:
    """Typical density of the ink: the mean of all densities, weighted by their squares."""
    squares = density.astype(np.float64) ** 2
    total = float(squares.sum())
    return float((squares * density).sum()) / total if total > 0 else 0.0


def _window(photograph: Photograph, widest: int) -> int:
    """Side in px (odd) of a square that is wider than the strokes and their junctions.

    A third of `widest` if none of the heaviest components consists of strokes.
    """
    found = find_components(photograph.mask, photograph.density)
    for main in np.argsort(-found.masses)[:CANDIDATES].tolist():
        top, bottom, left, right = found.boxes[main].tolist()
        thickness = _thickness(np.pad(found.labels[top:bottom, left:right] == main + 1, 1))
        # The mask does not include the soft edges of strokes.
        window = max(9, round(1.5 * thickness) + 4) | 1
        if thickness <= BLOB_SHARE * max(bottom - top, right - left):
            return min(window, widest)
    return max(9, widest // 3) | 1


def _thickness(mask: Mask) -> int:
    """Side in px of the smallest square that fits into at most 1 % of a mask's area."""
    area = int(mask.sum())
    return next(
        (side for side in THICKNESSES_PX if int(erode(mask, side).sum()) <= 0.01 * area), 2 * THICKNESSES_PX[-1]
    )


def to_ink(photograph: Photograph, kept: Mask) -> Floats:
    """Convert density to the ink of a clean drawing: (H, W) float32, 0 to 255.

    kept: (H, W), the ink that belongs to the writing.
    """
    return soft_ink(photograph.density, kept)


def soft_ink(density: Floats, kept: Mask) -> Floats:
    """`to_ink` for (H, W) densities."""
    # The faintest 30 % of the writing are edges of strokes.  They become grey, and everything denser is full ink.
    # Soft edges outside `kept`, up to 2 px wide, are drawn too.
    level = float(np.quantile(density[kept], 0.3))
    faint = 0.15 * level
    scaled = np.clip((density - faint) / (level - faint), 0, 1) * np.float32(255)
    return np.where(dilate(kept, 5), scaled, np.float32(0)).astype(np.float32)
