"""Photograph of writing on paper -> how dense the ink is at each pixel.

What a camera sees of a page is light times paper times print times ink.  In
logarithms these are sums: uneven light is taken away as the background, the
lines of the page as their profile (see ruled_lines.py), and what crosses them stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Floats, Mask
from mnist_classifier.recognition.imaging.components import boxes, label
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

# A digit that fills a third of this is still 170 px; the glyph has 20.
WORKING_SIDE_PX = 512
# Added to a level before its logarithm: what a camera's black and its stray
# light amount to; also keeps the noise of deep shadows small.
BLACK_LEVEL = 8.0
# Ink is denser than this part of the typical ink.
INK_LEVEL = 0.4
# Densities by which noise of the paper is exceeded, in its standard deviations.
NOISE_FACTOR = 4.0
# Fainter than this nothing is ink: 0.2 is a grey of 104 on paper of 129.
MIN_DENSITY = 0.2
# Of a tight crop more than this may be ink; the noise of blank paper is less dense than that.
MUCH_INK, MUCH_DENSITY = 0.3, 0.3
# A board is darker than its chalk; a light patch between shadows is no ink on brighter paper.
MAX_BOARD_LEVEL = 128
# So many levels brighter than the darkest of it, at the least.
FAINTEST_CHALK = 40
# In parts of a picture's range of levels: a border that is so much brighter than the rest is paper.
BRIGHTER_BORDER = 0.05
# The darker half of that range takes more than this of a board, and less of a page however much is written on it.
MOST_DARK = 0.7
# Sides of the squares by which thickness is measured; growing by about 1.3.
THICKNESSES_PX = (5, 7, 9, 13, 17, 23, 31, 41, 55, 73, 97, 129)

# The thickest strokes of MNIST are a third of their digit; what is thicker is
# a shadow.  So many of the heaviest parts of a picture are looked at.
BLOB_SHARE = 0.45
CANDIDATES = 4
# The first window: in parts of the longer side, where a digit may fill its picture, else of the shorter.
WIDEST_IN_CROP, WIDEST = 1 / 3, 1 / 4


@dataclass(frozen=True)
class Photograph:
    """A photographed page, taken apart.  All (H, W), at most 512 px on the longer side.

    density: logarithm of how much darker than its surroundings each pixel is,
    without the lines.  typical: that of the ink.  threshold: where ink begins.
    """

    grey: Floats
    background: Floats
    with_lines: Floats
    density: Floats
    typical: float
    threshold: float

    @property
    def mask(self) -> Mask:
        """Where there is ink."""
        return self.density > self.threshold


def read_photograph(grey: Bytes, *, may_be_cropped: bool) -> Photograph | None:
    """Find the ink in a photograph, whatever the light; None where there is none.

    grey: (H, W) uint8, dark ink on light paper or chalk on a board.
    may_be_cropped: strokes may meet the border, and be as wide as a third of
    the picture.  What else is dark at the border is then taken for ink more
    often, and has to be told from the digit by where it lies.
    """
    levels = smooth(shrink(grey, WORKING_SIDE_PX))
    if _ink_is_light(levels):
        if float(np.ptp(levels)) < FAINTEST_CHALK:
            return None
        # A dim board is made as bright as any: its chalk would be faint in logarithms.
        levels = 255 - levels * np.float32(255 / levels.max())
    logs = np.log(levels + np.float32(BLACK_LEVEL))
    # Wide enough for the thickest pen first, then as narrow as this pen
    # allows: a narrow window follows the edges of shadows more closely.
    widest = max(logs.shape) * WIDEST_IN_CROP if may_be_cropped else min(logs.shape) * WIDEST
    side = max(5, int(widest)) | 1
    photograph = _flatten(levels, logs, side, may_be_cropped)
    narrow = _window(photograph, side)
    if narrow < side:
        photograph = _flatten(levels, logs, narrow, may_be_cropped)
    mask = photograph.mask
    return photograph if mask.any() and float(np.median(photograph.density[mask])) >= MIN_DENSITY else None


def _ink_is_light(levels: Floats) -> bool:
    """Ink is the lesser part, and far from its surroundings: the third moment has its sign."""
    away = levels - running_mean(levels, max(3, min(levels.shape) // 4) | 1)
    if float(np.median(levels)) >= MAX_BOARD_LEVEL or float((away.astype(np.float64) ** 3).sum()) <= 0:
        return False
    # Of a tight crop the greater part may be ink; the paper is seen at its border.
    low, high = np.quantile(levels, (0.02, 0.98))
    if float((levels < (low + high) / 2).mean()) > MOST_DARK:
        return True
    return float(border_of(levels).mean() - levels.mean()) <= BRIGHTER_BORDER * float(high - low)


def _flatten(levels: Floats, logs: Floats, window: int, may_be_cropped: bool) -> Photograph:
    background = _background(logs, window) if may_be_cropped else close_gaps(logs, window)
    raw = background - logs
    # Paper lies below its own closing, by its noise.
    bare = raw[_is_bare(raw)]
    paper = float(np.median(bare))
    noise = 1.4826 * float(np.median(np.abs(bare - paper)))
    raw = np.maximum(raw - np.float32(paper), 0)
    density = remove_lines(raw, max(0.03, 3 * noise))
    typical = _typical(density)
    threshold = max(INK_LEVEL * typical, NOISE_FACTOR * noise)
    return Photograph(levels, np.exp(background) - np.float32(BLACK_LEVEL), raw, density, typical, threshold)


def _is_bare(raw: Floats) -> Mask:
    """Pixels whose median is that of paper: all, or where half of the picture may be ink those that are none."""
    typical = _typical(raw)
    inked = raw > INK_LEVEL * typical
    return ~inked if typical > MUCH_DENSITY and inked.mean() > MUCH_INK else np.ones_like(inked)


def _background(logs: Floats, window: int) -> Floats:
    """What a picture would be without strokes that are narrower than the window.

    A page goes on beyond its picture: continued by what its border is without
    the strokes that meet it or run along it.
    """
    paper = close_gaps(logs, window)
    places = border_of(np.arange(logs.size).reshape(logs.shape))
    reach = len(places) // 2
    around = np.pad(paper.ravel()[places], reach, mode="wrap")[:, None]
    paper.ravel()[places] = close_gaps(around, window)[reach : reach + len(places), 0]
    half = window // 2
    continued = np.pad(paper, half, mode="edge")
    continued[half:-half, half:-half] = logs
    return close_gaps(continued, window)[half:-half, half:-half]


def _typical(density: Floats) -> float:
    """Mean density, each pixel weighing by its density squared: that of the ink, of which there is little."""
    squares = density.astype(np.float64) ** 2
    total = float(squares.sum())
    return float((squares * density).sum()) / total if total > 0 else 0.0


def _window(photograph: Photograph, widest: int) -> int:
    """Side of a square that is wider than the pen's strokes and where they meet, px, odd."""
    labels, count = label(photograph.mask)
    masses = np.bincount(labels.ravel(), photograph.density.ravel(), count + 1)[1:]
    found = boxes(labels, count)
    for main in np.argsort(-masses)[:CANDIDATES].tolist():
        top, bottom, left, right = found[main]
        thickness = _thickness(np.pad(labels[top:bottom, left:right] == main + 1, 1))
        # The mask ends inside of the stroke's soft edges.
        window = max(9, round(1.5 * thickness) + 4) | 1
        if thickness <= BLOB_SHARE * max(bottom - top, right - left):
            return min(window, widest)
    return max(9, widest // 3) | 1


def _thickness(mask: Mask) -> int:
    """Side of a square that does not fit into a mask but for 1 % of its area, px."""
    area = int(mask.sum())
    return next(
        (side for side in THICKNESSES_PX if int(erode(mask, side).sum()) <= 0.01 * area), 2 * THICKNESSES_PX[-1]
    )


def to_ink(photograph: Photograph, kept: npt.NDArray[np.bool_]) -> Floats:
    """Ink of a page as a clean drawing has it: (H, W) float32, 0 to 255.

    kept: the ink that belongs to the digit.
    """
    level = float(np.quantile(photograph.density[kept], 0.3))
    faint = 0.15 * level
    scaled = np.clip((photograph.density - faint) / (level - faint), 0, 1) * np.float32(255)
    return np.where(dilate(kept, 5), scaled, np.float32(0)).astype(np.float32)
