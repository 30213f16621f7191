"""Find a sheet of paper on a desk, or a page with a dark edge, and straighten it.

Each of several thresholds separates bright from dark.  The largest bright part
with four straight sides is a sheet if each side is an edge, lighter inside, all
along it.  A shadow has edges too, so fewer sides in the picture need more contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from mnist_classifier.core.arrays import Bytes, Doubles, Floats, Mask
from mnist_classifier.recognition.imaging.components import label
from mnist_classifier.recognition.imaging.filters import erode, shrink, smooth
from mnist_classifier.recognition.page.polygons import area, filled, four_sides, from_top_left, hull, perspective
from mnist_classifier.recognition.page.sheet_edges import measure_edges

# Smaller pictures are digits that somebody has cut out.
LEAST_SIDE_PX = 128
# Sheets are searched at the first size and measured at the second.
COARSE_PX, FINE_PX = 160, 640
# Candidates whose corners are nearer, px of the first size, are the same sheet.
SAME_PX = 1.5
# Desk and paper differ by this much, of 255.
LEAST_STEP = 30
THRESHOLDS = 7
# Shares of the picture: the least area of a sheet; the brightest and darkest part that may be a reflection or ink.
LEAST_AREA, EXTREME = 0.08, 0.02
# A sheet fills this share of its hull (a hand may cover the rest), and its hull this share of four straight sides.
SOLID, QUADRILATERAL = 0.65, 0.85
# Another bright part of this share of the sheet's area is a second sheet, or both are boxes of a form.
LEAST_RIVAL = 0.3
# At most this share of the outside is as bright as the sheet.
MOST_BRIGHT_OUTSIDE = 0.3
# A sheet that is darker than the desk is at least this bright; a board or a black box is darker.
LEAST_DARK_SHEET = 70

# Ink differs from the sheet by this share of its level, and covers such a share of it.  A smaller part of the picture
# without ink is a thick stroke; with more ink and of one level it is a digit with holes.
INK_SHARE, LEAST_WRITTEN, MOST_WRITTEN, LEAST_BLANK_SHEET = 0.3, 0.001, 0.25, 0.5
FLAT_LEVELS, FLAT_SHARE = 3, 0.4
# The least share of a drawing that has one of its two levels; the rest are soft edges.  Every fourth pixel counts.
TWO_LEVELS, SAMPLED = 0.9, 4
# The outermost part of a sheet that does not count.
RIM = 0.1


@dataclass(frozen=True)
class Sheet:
    """Corners (4, 2) of the part to read: x and y in px of the picture, clockwise from the top left.

    A corner may lie outside of the picture.
    """

    corners: Doubles

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the straightened sheet, px."""
        lengths = np.hypot(*(np.roll(self.corners, -1, axis=0) - self.corners).T)
        return max(1, round(float(max(lengths[0], lengths[2])))), max(1, round(float(max(lengths[1], lengths[3]))))

    @property
    def coefficients(self) -> list[float]:
        """The perspective from px of the straightened sheet to px of the picture, as Pillow takes it."""
        width, height = self.size
        return perspective(np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64), self.corners)

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Find the place in the picture of a place on the straightened sheet; all in px."""
        a, b, c, d, e, f, g, h = self.coefficients
        depth = g * x + h * y + 1
        return (a * x + b * y + c) / depth, (d * x + e * y + f) / depth


def find_sheet(grey: Bytes) -> Sheet | None:
    """Find the sheet in a (H, W) picture; None if the whole picture is the page."""
    if min(grey.shape) < LEAST_SIDE_PX:
        return None
    coarse = smooth(shrink(grey, COARSE_PX))
    low, high = np.quantile(coarse, (EXTREME, 1 - EXTREME))
    if high - low < LEAST_STEP:
        return None
    thresholds = np.linspace(low, high, (1 if _has_two_levels(grey) else THRESHOLDS) + 2)[1:-1]
    fine = None
    for is_lighter in (True, False):
        candidates = _candidates(coarse, thresholds, is_lighter=is_lighter)
        if not candidates:
            continue
        fine = smooth(shrink(grey, FINE_PX)) if fine is None else fine
        to_fine = len(fine) / len(coarse)
        measured = (measure_edges(fine, corners * to_fine, is_lighter=is_lighter) for corners in candidates)
        found = [each for each in measured if each is not None and not _is_bar(fine, each[1])]
        if found:
            _, corners = max(found, key=lambda each: each[0])
            return Sheet(from_top_left(corners * (len(grey) / len(fine))))
    return None


def _has_two_levels(grey: Bytes) -> bool:
    """Whether most pixels of a picture have one of two levels, as in a drawing; photographs have noise.

    In a drawing, every threshold finds the same parts.
    """
    some = grey[::SAMPLED, ::SAMPLED]
    counts = np.sort(np.bincount(some.ravel(), minlength=256))
    return bool(counts[-2:].sum() >= TWO_LEVELS * some.size)


def _candidates(levels: Floats, thresholds: Doubles, *, is_lighter: bool) -> list[Doubles]:
    """The corners (4, 2) of parts that may be sheets, lighter or darker than the desk."""
    found: list[Doubles] = []
    for threshold in thresholds:
        part = levels > threshold if is_lighter else (levels < threshold) & (levels > LEAST_DARK_SHEET)
        corners = _largest(part)
        if corners is None or any(np.abs(corners - known).max() < SAME_PX for known in found):
            continue
        if _stands_out(levels, corners, is_lighter=is_lighter):
            found.append(corners)
    return found


def _largest(mask: Mask) -> Doubles | None:
    """The corners (4, 2) of four sides around the largest part of a mask; None if it does not look like a sheet."""
    if np.count_nonzero(mask) < LEAST_AREA * mask.size:
        return None
    labels, count = label(erode(mask, 3))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    if count == 0 or areas.max() < LEAST_AREA * mask.size:
        return None
    first, *others = np.sort(areas)[::-1].tolist()
    if others and others[0] > LEAST_RIVAL * first:
        return None
    points = hull(labels == int(areas.argmax()) + 1)
    if len(points) < 4 or first < SOLID * area(points):
        return None
    corners = four_sides(points)
    if corners is None or area(points) < QUADRILATERAL * area(corners):
        return None
    # Centres of pixels become px from the top left; the erosion took one px away.
    return _grown(corners + 0.5)


def _grown(corners: Doubles) -> Doubles:
    """The same corners, 1.5 px farther out both ways."""
    middle = corners.mean(axis=0)
    return np.asarray(corners + 1.5 * np.sign(corners - middle), np.float64)


def _stands_out(levels: Floats, corners: Doubles, *, is_lighter: bool) -> bool:
    """Whether the levels inside of four corners differ from those outside."""
    inside = filled(corners, levels.shape)
    outside = ~inside
    if outside.sum() < EXTREME * levels.size or not inside.any():
        return False
    sign = 1 if is_lighter else -1
    within, around = sign * float(np.median(levels[inside])), sign * float(np.median(levels[outside]))
    alike = sign * levels[outside] > (within + around) / 2
    return within - around >= LEAST_STEP and float(alike.mean()) <= MOST_BRIGHT_OUTSIDE


def _is_bar(levels: Floats, corners: Doubles) -> bool:
    """Whether a part is a thick stroke, a digit or a patch rather than a sheet with writing on it."""
    middle = corners.mean(axis=0)
    # The rounded ends of a stroke are no writing.
    inside = levels[filled(middle + (corners - middle) * (1 - RIM), levels.shape)]
    if inside.size == 0:
        return True
    typical = float(np.median(inside))
    written = float((np.abs(inside - typical) > INK_SHARE * typical).mean())
    is_blank = written < LEAST_WRITTEN and inside.size < LEAST_BLANK_SHEET * levels.size
    # Paper in a photograph is never of one level.
    is_drawn = float((np.abs(inside - typical) <= FLAT_LEVELS).mean()) >= FLAT_SHARE
    return is_blank or (is_drawn and written > MOST_WRITTEN)


def straighten(pixels: Bytes, sheet: Sheet) -> Bytes:
    """The sheet alone, as if seen from above.  pixels: (H, W) or (H, W, 3) uint8."""
    image = Image.fromarray(pixels)
    # What lies outside of the picture becomes as bright as the paper.
    paper = np.median(pixels[filled(sheet.corners, pixels.shape)], axis=0)
    fill = tuple(np.atleast_1d(paper).astype(int).tolist())
    straight = image.transform(
        sheet.size,
        Image.Transform.PERSPECTIVE,
        sheet.coefficients,
        Image.Resampling.BILINEAR,
        fillcolor=fill if pixels.ndim == 3 else fill[0],
    )
    return np.asarray(straight)
