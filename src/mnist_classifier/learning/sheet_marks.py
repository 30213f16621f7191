"""Find the sheet for handwriting in a picture by its corner marks, and straighten its grid."""

from __future__ import annotations

import itertools

import numpy as np
from PIL import Image

from mnist_classifier.core.arrays import Bytes, Doubles, Mask
from mnist_classifier.core.errors import InvalidImage
from mnist_classifier.learning.sheet_layout import CORNERS, HEIGHT, MARK, UP_MARK, WIDTH
from mnist_classifier.recognition.imaging.components import label
from mnist_classifier.recognition.imaging.filters import close_gaps, shrink, smooth
from mnist_classifier.recognition.page.polygons import area, is_convex, perspective

# Marks are searched in a picture of this size, where they are at least and at most so large, px.
SEARCH_PX, SMALLEST_PX, LARGEST_PX = 1024, 4, 60
# A mark is darker than this share of the paper around it.
DARK = 0.55
# A filled square has 0.95 of the area of an ellipse with the same moments; strokes have far less.  One axis is at most
# so many times the other, seen at an angle.
SOLID, MOST_OBLONG = 0.85, 2.2
# How many of the largest candidates are combined, and how many combinations are examined.
CANDIDATES, EXAMINED = 20, 60
# The areas of the five marks differ by at most this factor.
ALIKE = 4.0
# The fifth mark is this near to its place, as a share of its side.
NEAR = 0.6
# Straightened grids have this many px a mm, and this margin in mm around the centres of the marks.
PX, MARGIN = 6.0, 4.0


def straighten_grid(grey: Bytes) -> Bytes:
    """The grid of the sheet as if seen from above and the right way up, PX px a mm, with a margin of MARGIN mm.

    grey: (H, W) uint8.  Raises InvalidImage with what a person can do about it.
    """
    marks = find_marks(grey)
    size = round((WIDTH + 2 * MARGIN) * PX), round((HEIGHT + 2 * MARGIN) * PX)
    target = (np.array(CORNERS) + MARGIN) * PX
    straight = Image.fromarray(grey).transform(
        size,
        Image.Transform.PERSPECTIVE,
        perspective(target, marks),
        Image.Resampling.BICUBIC,
        fillcolor=255,
    )
    return np.asarray(straight)


def find_marks(grey: Bytes) -> Doubles:
    """The centres (4, 2) of the corner marks in px of the picture: top left of the sheet first, then clockwise."""
    levels = smooth(shrink(grey, SEARCH_PX))
    scale = max(grey.shape) / max(levels.shape)
    # Paper around dark spots, as far as a spot may be large.
    paper = close_gaps(levels, 2 * LARGEST_PX + 1)
    centres, areas = _solid_parts(levels < DARK * paper)
    found = _five(centres, areas) if len(areas) >= 5 else None
    if found is None:
        raise InvalidImage(
            "the sheet was not found: all four corners with their black squares must be in the picture, "
            "in focus and without a finger on them",
            field="image",
        )
    return np.asarray(found * scale, np.float64)


def _solid_parts(mask: Mask) -> tuple[Doubles, Doubles]:
    """Centres (N, 2), x and y in px, and areas (N,) of the largest solid parts that may be marks."""
    labels, count = label(mask)
    owners = labels.ravel()
    rows, columns = np.indices(labels.shape).reshape(2, -1)
    sums = [
        np.bincount(owners, weights, count + 1)[1:]
        for weights in (None, columns, rows, columns * columns, rows * rows, columns * rows)
    ]
    areas, x, y, xx, yy, xy = [np.asarray(each, np.float64) for each in sums]
    x, y = x / np.maximum(areas, 1), y / np.maximum(areas, 1)
    # A pixel has a variance of its own.
    xx, yy, xy = xx / areas - x * x + 1 / 12, yy / areas - y * y + 1 / 12, xy / areas - x * y
    determinants, traces = np.maximum(xx * yy - xy * xy, 1e-9), xx + yy
    spread = np.sqrt(np.maximum(traces**2 / 4 - determinants, 0))
    oblong = np.sqrt((traces / 2 + spread) / np.maximum(traces / 2 - spread, 1e-9))
    solid = areas / (4 * np.pi * np.sqrt(determinants))
    fits = (areas >= SMALLEST_PX**2) & (areas <= LARGEST_PX**2) & (solid >= SOLID) & (oblong <= MOST_OBLONG)
    chosen = np.flatnonzero(fits)
    chosen = chosen[np.argsort(-areas[chosen], kind="stable")][:CANDIDATES]
    return np.stack([x, y], axis=1)[chosen] + 0.5, areas[chosen]


def _five(centres: Doubles, areas: Doubles) -> Doubles | None:
    """The four corner marks among candidates, confirmed by the fifth; None if there is no such set."""
    sets = np.array(list(itertools.combinations(range(len(areas)), 4)))
    sizes = areas[sets]
    sets = sets[sizes.max(axis=1) <= ALIKE * sizes.min(axis=1)]
    quadrilaterals = [_clockwise(centres[each]) for each in sets]
    sizes = np.array([area(each) for each in quadrilaterals])
    for index in np.argsort(-sizes, kind="stable")[:EXAMINED].tolist():
        corners = quadrilaterals[index]
        if not is_convex(corners):
            continue
        turned = _upright(corners, np.delete(centres, sets[index], axis=0))
        if turned is not None:
            return turned
    return None


def _clockwise(points: Doubles) -> Doubles:
    """Four points (4, 2) in their order around their middle, clockwise as seen on a screen."""
    around = points - points.mean(axis=0)
    return np.asarray(points[np.argsort(np.arctan2(around[:, 1], around[:, 0]))], np.float64)


def _upright(corners: Doubles, others: Doubles) -> Doubles | None:
    """The corners beginning with the top left of the sheet, where the fifth mark is near; None without one."""
    for turns in range(4):
        turned = np.roll(corners, -turns, axis=0)
        a, b, c, d, e, f, g, h = perspective(np.array(CORNERS), turned)
        x, y = UP_MARK
        depth = g * x + h * y + 1
        place = np.array([(a * x + b * y + c) / depth, (d * x + e * y + f) / depth])
        side_px = float(np.hypot(*(turned[1] - turned[0]))) * MARK / WIDTH
        if len(others) and float(np.hypot(*(others - place).T).min()) <= NEAR * side_px:
            return turned
    return None
