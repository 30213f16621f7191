"""Circles, and other curves, around digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Floats, Integers, Mask
from mnist_classifier.recognition.imaging.components import boxes_of, label
from mnist_classifier.recognition.imaging.filters import dilate
from mnist_classifier.recognition.page.polygons import hull

# The largest dimension of what a circle encloses is at least this share of its smaller side; less is a speck.
MIN_CONTENT = 0.25
# Gaps in a circle: of its rasterised line, px; of the pen, as shares of its smaller side.
SMALL_GAP_PX, GAPS = 3, (0.1, 0.25)
# What a circle encloses is this share of its width and height; where it is less, digits fill the rest.
LEAST_OPEN = 0.6
# A circle that digits touch is as wide as high within this factor, and differs from an ellipse by at most this share
# of its area; a 0 is narrower.  The digits are at least this share of the ink, and this share of its height.
NARROWEST, NOT_ROUND, LEAST_TOUCHING, LEAST_TALL = 0.75, 0.08, 0.15, 0.4
# The stroke in a slashed 0 is at most so many stroke widths wide, and at least this share of the 0 long.
SLASH_WIDTH, SLASH_LENGTH = 2.0, 0.75
# A digit that touches a circle reaches so many stroke widths farther inside.
REACH = 1.5


@dataclass(frozen=True, eq=False)
class Circle:
    """A closed curve.  rest: (H, W) ink without it; holes: (N, 4) bounding boxes of what it encloses."""

    rest: Floats
    holes: Integers


def find_circle(
    part: Floats, own: Mask, labels: npt.NDArray[np.int32], inside: Integers, sizes: Integers
) -> Circle | None:
    """The circle that a component is; None if it encloses nothing of a digit's size.

    part: (H, W) ink of the component, whose mask is `own`.  inside: labels of
    the components in its bounding box; sizes: (N, 2) theirs.
    """
    for gap in (SMALL_GAP_PX, *(int(gap * min(own.shape)) | 1 for gap in GAPS)):
        holes, count = _holes(own, gap)
        filled = _filled(holes, count, labels, inside, sizes)
        opened = dilate(holes > 0, gap)
        if filled and min(opened.any(axis=0).mean(), opened.any(axis=1).mean()) >= LEAST_OPEN:
            boxes = boxes_of(holes, count)[[hole - 1 for hole in sorted(filled)]]
            return Circle(_inside_hull(part, own, opened), boxes)
    return None


def find_touched_circle(part: Floats, own: Mask) -> Circle | None:
    """The circle that a component is if digits touch it, so that it encloses no other component; else None.

    part: (H, W) ink of the component, whose mask is `own`; both fit it tightly.
    """
    height, width = own.shape
    if not NARROWEST <= width / height <= 1 / NARROWEST:
        return None
    regions, _ = label(~dilate(np.pad(own, SMALL_GAP_PX), SMALL_GAP_PX))
    outside = dilate(regions == regions[0, 0], SMALL_GAP_PX)[SMALL_GAP_PX:-SMALL_GAP_PX, SMALL_GAP_PX:-SMALL_GAP_PX]
    filled: Mask = ~outside
    if int((filled ^ _ellipse(height, width)).sum()) > NOT_ROUND * int(filled.sum()):
        return None
    holes = filled & ~own
    rest = _inside_hull(part, own, holes) if holes.any() else part
    content = rest > 0
    if not content.any() or int(content.sum()) < LEAST_TOUCHING * int(own.sum()):
        return None
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    if rows[-1] - rows[0] < LEAST_TALL * height or _is_slash(content, own):
        return None
    return Circle(rest, np.array([[rows[0], rows[-1] + 1, columns[0], columns[-1] + 1]], np.int64))


def _is_slash(content: Mask, own: Mask) -> bool:
    """Whether what is in a circle is one straight stroke from side to side, as in a slashed 0."""
    points = np.stack(np.nonzero(content)).astype(np.float64)
    # The standard deviation of points on a line of length 1 is the root of 1/12.
    across, along = np.sqrt(12 * np.linalg.eigvalsh(np.cov(points)).clip(0))
    return bool(across <= SLASH_WIDTH * _thickness(own) and along >= SLASH_LENGTH * min(own.shape))


def _thickness(own: Mask) -> float:
    """Mean stroke width, px."""
    return 2.0 * float(own.sum()) / max(1, _perimeter(own))


def _ellipse(height: int, width: int) -> Mask:
    """The ellipse that fits a (height, width) mask tightly, filled."""
    rows, columns = (np.arange(side) * 2 + 1 for side in (height, width))
    ellipse: Mask = (rows[:, None] / height - 1) ** 2 + (columns / width - 1) ** 2 <= 1
    return ellipse


def _holes(own: Mask, gap: int) -> tuple[npt.NDArray[np.int32], int]:
    """Numbered regions that a component surrounds; gaps of so many px are closed."""
    regions, _ = label(~dilate(np.pad(own, gap), gap))
    regions = np.where(regions == regions[0, 0], 0, regions)[gap:-gap, gap:-gap]
    _, numbers = np.unique(regions, return_inverse=True)
    numbered = numbers.reshape(regions.shape).astype(np.int32)
    return numbered, int(numbered.max())


def _filled(
    holes: npt.NDArray[np.int32], count: int, labels: npt.NDArray[np.int32], inside: Integers, sizes: Integers
) -> set[int]:
    """The holes that hold something of a digit's size."""
    if count == 0:
        return set()
    # Closing a gap shrinks the holes, so only a part of a digit may be in one.
    rows, columns = np.nonzero((labels > 0) & (holes > 0))
    pairs = {*zip(labels[rows, columns].tolist(), holes[rows, columns].tolist(), strict=True)}
    large = set(inside[sizes.max(axis=1) >= MIN_CONTENT * min(labels.shape)].tolist())
    return {hole for part, hole in pairs if part in large}


def _inside_hull(part: Floats, own: Mask, holes: Mask) -> Floats:
    """The ink that reaches well inside the convex hull of the holes: digits that touch the circle."""
    hull = _convex_hull(holes)
    core = _shrunk(hull, max(1, round(REACH * _thickness(own))))
    labels, _ = label(own & hull)
    reaching = np.unique(labels[core & (labels > 0)])
    kept = np.isin(labels, reaching[reaching > 0])
    return np.where(kept, part, np.float32(0)).astype(np.float32)


def _perimeter(own: Mask) -> int:
    padded = np.pad(own, 1)
    return int((padded[1:] ^ padded[:-1]).sum() + (padded[:, 1:] ^ padded[:, :-1]).sum())


def _shrunk(mask: Mask, px: int) -> Mask:
    shrunk: Mask = ~dilate(np.pad(~mask, px, constant_values=True), 2 * px + 1)[px:-px, px:-px]
    return shrunk


def _convex_hull(mask: Mask) -> Mask:
    """The convex hull of true pixels, filled."""
    image = Image.new("1", mask.shape[::-1])
    ImageDraw.Draw(image).polygon(hull(mask).ravel().tolist(), fill=1, outline=1)
    return np.asarray(image)
