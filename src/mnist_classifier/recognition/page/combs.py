"""The combs of forms: a line with a tick between digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Floats, Integers, Mask
from mnist_classifier.recognition.imaging.components import boxes_of, label
from mnist_classifier.recognition.page.straight_lines import StraightLine, find_straight_lines, without_line

# The line of a comb reaches over this share of it; it is the lowest of the longest few.
LEAST_LENGTH, MOST_LINES = 0.85, 4
# Ticks are at least so many thicknesses of the line tall, and at most so many wide (and so many px).
LEAST_HEIGHT, MOST_WIDTH, BLUR_PX = 2.0, 2.0, 3
# A comb of two ticks is at least so many times as wide as these are tall.
LEAST_WIDTH = 2.0
# Ticks are alike: within this share of their usual height.
ALIKE = 0.3
# The distances between ticks are multiples of one, within this share.
OUT_OF_PLACE = 0.12
MAX_TICKS = 64


@dataclass(frozen=True, eq=False)
class Comb:
    """A line with ticks.

    rest: (H, W) the component's ink without them.  teeth: (N, 4) bounding
    boxes of the ticks: top, bottom, left, right.
    """

    rest: Floats
    teeth: Integers


def find_comb(part: Floats, own: Mask) -> Comb | None:
    """The comb that a component is, or that digits touch; None if it is none.

    part: (H, W) ink of the component, whose mask is `own`; both fit it tightly.
    """
    lines = find_straight_lines(own, LEAST_LENGTH * own.shape[1], MOST_LINES)
    if not lines:
        return None
    base = max(lines, key=lambda line: float(line.centres.mean()))
    teeth = _teeth(own, base)
    # A 4 is a line with two ticks too.
    is_wide = len(teeth) > 2 or base.right - base.left >= LEAST_WIDTH * float(
        (teeth[:, 1] - teeth[:, 0]).max(initial=1)
    )
    if len(teeth) < 2 or not is_wide or not _has_ends(base, teeth):
        return None
    return Comb(_erased(part, own, base, teeth), teeth)


def _has_ends(base: StraightLine, teeth: Integers) -> bool:
    """Whether a comb begins and ends with a tick, or with a place for one that a digit hides."""
    near = 1.5 * base.thickness + BLUR_PX
    places = np.sort(teeth[:, 2:].mean(axis=1))
    pitch = float(np.diff(places).min())
    for end, tick in ((base.left, places[0]), (base.right, places[-1])):
        steps = (end - tick) / pitch
        is_place = len(teeth) > 2 and abs(steps - round(steps)) <= OUT_OF_PLACE
        if abs(end - tick) > near and not is_place:
            return False
    return True


def _teeth(own: Mask, base: StraightLine) -> Integers:
    """(N, 4) bounding boxes of the ticks on a line that touch nothing else."""
    above = without_line(own.astype(np.float32), base) > 0
    labels, count = label(above)
    boxes = boxes_of(labels, count)
    standing = np.unique(labels[base.rows_beside(-0.5 * base.thickness - BLUR_PX, len(own)), base.columns])
    boxes = boxes[standing[standing > 0] - 1]
    heights, widths = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    boxes = boxes[(widths <= MOST_WIDTH * base.thickness + BLUR_PX) & (heights >= LEAST_HEIGHT * base.thickness)]
    if len(boxes) == 0:
        return boxes
    heights = boxes[:, 1] - boxes[:, 0]
    usual = np.median(heights)
    alike: Integers = boxes[np.abs(heights - usual) <= ALIKE * usual]
    return alike


def _erased(part: Floats, own: Mask, base: StraightLine, teeth: Integers) -> Floats:
    """The ink without the line, its ticks, and ticks that digits touch."""
    rest = without_line(part, base)
    for top, bottom, left, right in teeth.tolist():
        rest[top : bottom + 2, max(0, left - 2) : right + 2] = 0
    thickest = MOST_WIDTH * base.thickness + BLUR_PX
    turned, turned_rest = np.ascontiguousarray(own.T), np.ascontiguousarray(rest.T)
    height = float(np.median(teeth[:, 1] - teeth[:, 0]))
    places = np.sort(teeth[:, 2:].mean(axis=1))
    pitch = float(np.diff(places).min())
    for tick in find_straight_lines(turned, (1 - ALIKE) * height, MAX_TICKS):
        foot = base.offset + base.slope * float(tick.centres[-1])
        steps = (float(tick.centres[-1]) - places[0]) / pitch
        is_in_place = abs(steps - round(steps)) <= OUT_OF_PLACE
        if is_in_place and tick.thickness <= thickest and abs(tick.right - foot) <= base.thickness + BLUR_PX:
            # A digit on a tick may go on in its direction.
            turned_rest = without_line(turned_rest, tick.from_column(round(foot - height)))
    return np.ascontiguousarray(turned_rest.T)
