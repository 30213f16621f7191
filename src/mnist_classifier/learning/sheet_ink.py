"""The ink of a straightened sheet: the boxes, the writing in each of them, and its glyph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mnist_classifier.core.arrays import Bytes, Doubles, Floats, Indices, Mask
from mnist_classifier.learning.sheet_layout import (
    BOX_HEIGHT,
    BOX_WIDTH,
    CELLS,
    COLUMNS,
    LINE,
    PITCH_X,
    PITCH_Y,
    ROWS,
    places,
)
from mnist_classifier.learning.sheet_marks import MARGIN, PX
from mnist_classifier.recognition.imaging.components import find_components
from mnist_classifier.recognition.imaging.filters import close_gaps, dilate, smooth
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, centre, cut_out, ink_box
from mnist_classifier.recognition.imaging.photograph import BLACK_LEVEL, soft_ink

# Boxes are searched so far from their place, mm.  Lines count up to so many times their usual density: ink is darker.
REACH_MM, MOST_DENSITY = 2.0, 1.5
# Lines that are fainter than this cannot be told from paper.  This share of the boxes has lines, of at least this share
# of the usual density.
FAINTEST_LINE, LEAST_BOXES, LEAST_OF_LINE = 0.02, 0.8, 0.3
# Ink is so many times as dark as the lines of the boxes, so far above the noise, has at least this density, and this
# share of the usual ink's.
OVER_LINES, OVER_NOISE, LEAST_INK, INK_SHARE = 1.6, 5.0, 0.2, 0.35
# Wider than any stroke of a pen, mm.
WIDEST_STROKE_MM = 4.0
# A digit is at least so tall or wide, as a share of the box's width.  Smaller parts are specks.
LEAST_DIGIT, SPECK = 0.25, 0.08
# More of the box under ink is a scribble.
MOST_COVERED = 0.45
# Shares of the ink that may lie in another cell, and outside of the box.
MOST_ELSEWHERE, MOST_OUTSIDE = 0.04, 0.35
# Soft edges of strokes, px on each side.
SOFT_PX = 2


class Writing(NamedTuple):
    """What is written in a cell: the numbers of its components, and why they are no good example."""

    parts: Indices
    fault: str = ""


class SheetInk:
    """The ink of a straightened grid.

    boxes: (100, 2) left and top of each box, px.  has_boxes: whether their lines are really there.
    line, noise: density of those lines, and noise of paper.
    """

    def __init__(self, grid: Bytes) -> None:
        density, self.noise = _density(grid)
        self.boxes, self.line = _find_boxes(density)
        self.has_boxes = _have_lines(density, self.boxes)
        mask = self._mask(density)
        self._levels = soft_ink(density, mask) if mask.any() else density
        self._found = find_components(mask, mask.astype(np.float32))

    def window(self, cell: int, more_mm: float = 0.0) -> tuple[slice, slice]:
        """The rows and columns of a box, with a margin."""
        left, top = self.boxes[cell].tolist()
        return (
            slice(max(0, round(top - more_mm * PX)), round(top + (BOX_HEIGHT + more_mm) * PX)),
            slice(max(0, round(left - more_mm * PX)), round(left + (BOX_WIDTH + more_mm) * PX)),
        )

    def writing(self) -> Iterator[Writing | None]:
        """What is written in each cell; None for an empty one."""
        labels, areas = self._found.labels, self._found.masses
        sizes = (self._found.boxes[:, [1, 3]] - self._found.boxes[:, [0, 2]]).max(axis=1) / (BOX_WIDTH * PX)
        shares = self._shares()
        owners = shares.argmax(axis=1)
        for cell in range(CELLS):
            inside = np.bincount(labels[self.window(cell, -LINE)].ravel(), minlength=len(areas) + 1)[1:]
            present = np.flatnonzero((inside > MOST_ELSEWHERE * areas) & (sizes >= SPECK))
            if not len(present) or sizes[present].max() < LEAST_DIGIT:
                yield None
                continue
            away = 1 - shares[present, cell] / areas[present]
            if (owners[present] != cell).any() or (away > MOST_ELSEWHERE).any():
                yield Writing(present, "the writing runs into another box")
            elif 1 - inside[present].sum() / areas[present].sum() > MOST_OUTSIDE:
                yield Writing(present, "much of the writing is outside the box")
            elif areas[present].sum() > MOST_COVERED * BOX_WIDTH * BOX_HEIGHT * PX**2:
                yield Writing(present, "it is crossed out")
            else:
                yield Writing(present)

    def glyph(self, writing: Writing) -> Bytes:
        """The (28, 28) glyph of what is written, scaled and centred like every glyph."""
        boxes = self._found.boxes[writing.parts]
        top, left = np.maximum(boxes[:, [0, 2]].min(axis=0) - SOFT_PX, 0).tolist()
        bottom, right = (boxes[:, [1, 3]].max(axis=0) + SOFT_PX).tolist()
        window = slice(top, bottom), slice(left, right)
        own = np.isin(self._found.labels[window], writing.parts + 1)
        ink = np.where(dilate(own, 2 * SOFT_PX + 1), self._levels[window], np.float32(0))
        return centre(cut_out(ink, ink_box(ink >= BOX_LEVEL * 255)))[0]

    def _mask(self, density: Floats) -> Mask:
        """Which pixels are darker than the lines of the boxes."""
        least = max(OVER_LINES * self.line, OVER_NOISE * self.noise, LEAST_INK)
        inside = [density[self.window(cell, -LINE)] for cell in range(CELLS)]
        dark = np.concatenate([part[part > least] for part in inside])
        return np.asarray(density > max(least, INK_SHARE * float(np.median(dark)) if dark.size else least))

    def _shares(self) -> Doubles:
        """(N, 100) the area of each component in each cell, which is the box with half of the gaps around it."""
        cells = np.full(self._found.labels.shape, CELLS, np.int64)
        more = np.array([PITCH_X - BOX_WIDTH, PITCH_Y - BOX_HEIGHT]) / 2 * PX
        for cell, (left, top) in enumerate(self.boxes.tolist()):
            first = max(0, round(top - more[1])), max(0, round(left - more[0]))
            last = round(top + BOX_HEIGHT * PX + more[1]), round(left + BOX_WIDTH * PX + more[0])
            cells[first[0] : last[0], first[1] : last[1]] = cell
        count = len(self._found.masses)
        pairs = self._found.labels.ravel().astype(np.int64) * (CELLS + 1) + cells.ravel()
        counted = np.bincount(pairs, minlength=(count + 1) * (CELLS + 1)).reshape(count + 1, CELLS + 1)
        return np.asarray(counted[1:, :CELLS], np.float64)


def _density(grid: Bytes) -> tuple[Floats, float]:
    """Optical density of a straightened grid, (H, W), above that of paper, and the noise of blank paper."""
    logs = np.log(smooth(grid.astype(np.float32)) + np.float32(BLACK_LEVEL))
    density = close_gaps(logs, round(WIDEST_STROKE_MM * PX) | 1) - logs
    blank = density[::3, ::3]
    offset = float(np.median(blank))
    noise = 1.4826 * float(np.median(np.abs(blank - offset)))
    return np.asarray(np.maximum(density - np.float32(offset), 0)), noise


def _find_boxes(density: Floats) -> tuple[Doubles, float]:
    """Left and top (100, 2) of each box in px, and the usual density of their lines."""
    expected = (np.array([[place.left, place.top] for place in places()]) + MARGIN) * PX
    line = max(_along_lines(density, expected), FAINTEST_LINE)
    clipped = np.minimum(density, np.float32(MOST_DENSITY * line))
    shifts = np.array([_shift(clipped, corner, round(REACH_MM * PX)) for corner in expected])
    # Neighbours move alike, so the median of them is right where a stroke runs along a line.
    table = np.pad(shifts.reshape(ROWS, COLUMNS, 2), ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = [table[row : row + ROWS, column : column + COLUMNS] for row in range(3) for column in range(3)]
    boxes = expected + np.median(np.stack(around), axis=0).reshape(CELLS, 2)
    return boxes, _along_lines(clipped, boxes)


def _shift(density: Floats, corner: Doubles, reach: int) -> tuple[int, int]:
    """How far right and down a box is from its expected place, px."""
    left, top = np.rint(corner).astype(int).tolist()
    width, height = round(BOX_WIDTH * PX), round(BOX_HEIGHT * PX)
    # Lines down are measured where no line across can be, and the other way round.
    columns = density[top + reach : top + height - reach, left - reach : left + width + reach + 1].mean(axis=0)
    rows = density[top - reach : top + height + reach + 1, left + reach : left + width - reach].mean(axis=1)
    right, down = (
        int((profile[: 2 * reach + 1] + profile[side : side + 2 * reach + 1]).argmax()) - reach
        for profile, side in ((columns, width), (rows, height))
    )
    return right, down


def _along_lines(density: Floats, corners: Doubles) -> float:
    """The usual density of the left lines of boxes, searched within a mm."""
    near, height = round(PX), round(BOX_HEIGHT * PX)
    strips = [
        density[top + near : top + height - near, left - near : left + near + 1].max(axis=1)
        for left, top in np.rint(corners).astype(int).tolist()
    ]
    return float(np.median(np.stack(strips)))


def _have_lines(density: Floats, boxes: Doubles) -> bool:
    """Whether the left and right lines of most boxes are darker than the gaps beside them, where nobody writes."""
    width, height, gap = round(BOX_WIDTH * PX), round(BOX_HEIGHT * PX), round(PX * (PITCH_X - BOX_WIDTH) / 2)
    contrasts = []
    for left, top in np.rint(boxes).astype(int).tolist():
        columns = density[top : top + height, left - gap : left + width + gap + 1].mean(axis=0)
        lines = columns[gap - 1 : gap + 2].max() + columns[-gap - 2 : 1 - gap].max()
        contrasts.append(float(lines - columns[:2].mean() - columns[-2:].mean()) / 2)
    usual = float(np.median(contrasts))
    share = float((np.array(contrasts) > LEAST_OF_LINE * usual).mean())
    return usual >= FAINTEST_LINE and share >= LEAST_BOXES
