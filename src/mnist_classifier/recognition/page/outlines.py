"""Frames, tables and circles around digits: found by what they enclose, and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Floats, Integers, Mask
from mnist_classifier.recognition.imaging.background import Extent
from mnist_classifier.recognition.imaging.components import boxes_of, label
from mnist_classifier.recognition.imaging.filters import dilate
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL
from mnist_classifier.recognition.page.circles import find_circle, find_touched_circle
from mnist_classifier.recognition.page.combs import BLUR_PX, find_comb
from mnist_classifier.recognition.page.frames import find_frame

# An outline is at least this large, px, and its strokes fill at most this share of its bounding box.
MIN_OUTLINE_PX = 24
MOST_FILLED = 0.5
# The largest dimension of a cell's content is at least this share of the cell's smaller side; less is a speck.
MIN_CONTENT = 0.25
# If all digits touch the frame, one is at least this share of a cell's height, and the cells fill at least this
# share of the frame, unlike those of a number sign.
MIN_TOUCHING, LEAST_ENCLOSED = 0.35, 0.4
# A limit on the time that a picture of noise takes.
MAX_OUTLINES = 64
# Empty boxes of a form are as large as the others, within this share, and little is left without their lines.
LIKE_ANOTHER, MOST_LEFT = 0.25, 0.15
# Crumbs are smaller than this share of the outline, and fainter than this.
CRUMB, FAINT = 0.2, 0.3

# So many rows and columns of a drawing are searched for ink, above this level, that is crossed three times.
SAMPLES, MIN_CROSSINGS = 4, 3
IS_INK = bytes(level >= 8 for level in range(256))
EDGE = b"\x00\x01"
# A component may be an outline that digits touch if this share of its rows and columns crosses three strokes.
MANY_CROSSINGS = 0.05
# It fills at least this share of its bounding box.
LEAST_FULL = 0.6

Labels: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Outline:
    """A frame, the lines of a table, or a circle.

    box: its bounding box (top, bottom, left, right) in px of the ink.  holes:
    those of what it encloses, empty or not.  is_straight: it consists of
    straight lines; those across it have this slope.
    """

    box: tuple[int, int, int, int]
    holes: tuple[tuple[int, ...], ...]
    is_straight: bool
    slope: float = 0.0


@dataclass(frozen=True, eq=False)
class _Parts:
    """The components of the ink: (H, W) labels, (N, 4) bounding boxes, (N, 2) sizes as rows and columns."""

    labels: Labels
    boxes: Integers
    sizes: Integers
    masses: Integers

    @classmethod
    def of(cls, mask: Mask) -> _Parts:
        labels, count = label(mask)
        boxes = boxes_of(labels, count)
        masses = np.bincount(labels[mask], minlength=count + 1)[1:].astype(np.int64)
        return cls(labels, boxes, boxes[:, [1, 3]] - boxes[:, [0, 2]], masses)

    def between(self, index: int) -> Integers:
        """Indices of the components between the left and right end of another that reach down to about its height."""
        top, bottom, left, right = self.boxes[index].tolist()
        tops, bottoms, lefts, rights = self.boxes.T
        reaches = (bottoms > top - (bottom - top)) & (tops < bottom)
        found = np.flatnonzero((lefts > left) & (rights < right) & reaches)
        others: Integers = found[found != index]
        return others

    def inside(self, index: int) -> Integers:
        """Indices of the components inside the bounding box of another."""
        top, bottom, left, right = self.boxes[index].tolist()
        tops, bottoms, lefts, rights = self.boxes.T
        return np.flatnonzero((tops > top) & (bottoms < bottom) & (lefts > left) & (rights < right))


def may_enclose(levels: Bytes, extent: Extent) -> bool:
    """Whether a drawing may have an outline around a digit.  Takes microseconds, and says no to nearly all digits.

    levels: (H, W) uint8 ink.  A line through the digit crosses the outline
    twice and the digit once, both across and down.
    """
    return all(
        _crosses_thrice(ink, strongest) for ink, strongest in ((levels, extent.rows), (levels.T, extent.columns))
    )


def _crosses_thrice(levels: Bytes, strongest: Bytes) -> bool:
    """Whether one of a few rows crosses three strokes.  strongest: (H,) the strongest level of each row."""
    # Bytes, because NumPy takes as long to start as this takes.
    inked = strongest.tobytes().translate(IS_INK)
    top, bottom = inked.find(1), inked.rfind(1) + 1
    step = max(1, (bottom - top) // (SAMPLES + 1))
    rows = levels[top + step : top + SAMPLES * step + 1 : step].tobytes().translate(IS_INK)
    width = levels.shape[1]
    return any(rows.count(EDGE, at, at + width) >= MIN_CROSSINGS for at in range(0, len(rows), width))


def remove_outlines(ink: Floats, level: float = BOX_LEVEL) -> tuple[Floats, list[Outline]]:
    """Take away whatever encloses other ink.

    ink: (H, W) float32, 0 to 1; `level` and more is ink.  Returns the rest and
    the outlines, the largest first.
    """
    parts = _Parts.of(ink >= level)
    areas = parts.sizes.prod(axis=1)
    outlines, rest = [], ink
    for index in np.argsort(-areas, kind="stable")[:MAX_OUTLINES].tolist():
        if parts.sizes[index].min() < MIN_OUTLINE_PX or parts.masses[index] > MOST_FILLED * areas[index]:
            continue
        found = _outline(ink, parts, index)
        if found is not None:
            outline, left_over = found
            rest = ink.copy() if rest is ink else rest
            _replace(rest, parts, index, left_over)
            outlines.append(outline)
    straight = [outline for outline in outlines if outline.is_straight and outline.holes]
    if straight:
        outlines += _remove_empty(rest, level, straight)
    return rest, outlines


def _window(parts: _Parts, index: int) -> tuple[slice, slice]:
    top, bottom, left, right = parts.boxes[index].tolist()
    return slice(top, bottom), slice(left, right)


def _replace(rest: Floats, parts: _Parts, index: int, left_over: Floats) -> None:
    window = _window(parts, index)
    rest[window] = np.where(parts.labels[window] == index + 1, left_over, rest[window])


def _outline(ink: Floats, parts: _Parts, index: int) -> tuple[Outline, Floats] | None:
    """A component as an outline, and its ink without it; None if it encloses nothing."""
    window = _window(parts, index)
    own = parts.labels[window] == index + 1
    part = np.where(own, ink[window], np.float32(0))
    box = tuple(parts.boxes[index].tolist())
    corner = np.array([box[0], box[0], box[2], box[2]])
    inside, between = parts.inside(index), parts.between(index)
    is_crossed = _is_crossed(own) and _is_crossed(own.T) and _is_full(own)
    frame = find_frame(part, own) if len(inside) or is_crossed else None
    if frame is not None:
        left_over = _without_crumbs(frame.rest, CRUMB * float(np.min(frame.cells[:, 1::2] - frame.cells[:, ::2])))
        if _has_content(frame.cells + corner, parts, inside) or (frame.is_closed and _has_ink(left_over, frame.cells)):
            return Outline(box, tuple(map(tuple, (frame.cells + corner).tolist())), True, frame.slope), left_over
    comb = find_comb(part, own) if len(between) else None
    if comb is not None and _has_digits_between(comb.teeth + corner, parts, between):
        return Outline(box, (), True), _without_crumbs(comb.rest, float(np.median(comb.teeth[:, 1] - comb.teeth[:, 0])))
    circle = find_circle(part, own, parts.labels[window], inside + 1, parts.sizes[inside]) if len(inside) else None
    circle = circle or (find_touched_circle(part, own) if is_crossed else None)
    if circle is None:
        return None
    return Outline(box, tuple(map(tuple, (circle.holes + corner).tolist())), False), circle.rest


def _has_content(cells: Integers, parts: _Parts, inside: Integers) -> bool:
    """Whether a component of a digit's size lies in a cell."""
    if len(inside) == 0:
        return False
    usual = float(np.median((cells[:, [1, 3]] - cells[:, [0, 2]]).min(axis=1)))
    tall = inside[parts.sizes[inside].max(axis=1) >= MIN_CONTENT * usual]
    middles = (parts.boxes[tall][:, [0, 2]] + parts.boxes[tall][:, [1, 3]]) / 2
    tops, bottoms, lefts, rights = cells.T[:, :, None]
    rows, columns = middles.T
    return bool(((rows > tops) & (rows < bottoms) & (columns > lefts) & (columns < rights)).any())


def _has_digits_between(teeth: Integers, parts: _Parts, between: Integers) -> bool:
    """Whether a component of a digit's size stands between the ticks of a comb, beside them or above."""
    first, last, bottom = int(teeth[:, 2].min()), int(teeth[:, 3].max()), int(teeth[:, 1].max())
    height = bottom - int(teeth[:, 0].min())
    _, bottoms, lefts, rights = parts.boxes[between].T
    is_inside = (lefts > first) & (rights < last) & (bottoms <= bottom + BLUR_PX)
    return bool((is_inside & (parts.sizes[between, 0] >= MIN_TOUCHING * height)).any())


def _is_crossed(own: Mask) -> bool:
    """Whether many rows cross three strokes."""
    crossings = (own[:, 1:] & ~own[:, :-1]).sum(axis=1) + own[:, 0]
    return bool((crossings >= MIN_CROSSINGS).mean() >= MANY_CROSSINGS)


def _is_full(own: Mask) -> bool:
    """Whether most pixels have ink on all four sides.  own: a component, with ink in each row and column."""
    height, width = own.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    across = (columns >= own.argmax(axis=1)[:, None]) & (columns < width - own[:, ::-1].argmax(axis=1)[:, None])
    down = (rows >= own.argmax(axis=0)) & (rows < height - own[::-1].argmax(axis=0))
    return bool((across & down).mean() >= LEAST_FULL)


def _has_ink(left_over: Floats, cells: Integers) -> bool:
    """Whether digits that touch a frame are left without it."""
    _, boxes = _labelled(left_over >= BOX_LEVEL)
    height = float(np.median(cells[:, 1] - cells[:, 0]))
    if (cells[:, 1::2] - cells[:, ::2]).prod(axis=1).sum() < LEAST_ENCLOSED * left_over.size:
        return False
    return bool((boxes[:, 1] - boxes[:, 0] >= MIN_TOUCHING * height).any())


def _labelled(mask: Mask) -> tuple[Labels, Integers]:
    labels, count = label(mask)
    return labels, boxes_of(labels, count)


def _without_crumbs(part: Floats, least_px: float) -> Floats:
    """Without what is left of the lines: pieces whose sides are both smaller than this."""
    labels, boxes = _labelled(part >= FAINT)
    if len(boxes) == 0:
        return np.zeros_like(part)
    kept = np.append(False, (boxes[:, [1, 3]] - boxes[:, [0, 2]]).max(axis=1) >= least_px)
    return np.where(dilate(kept[labels], 3), part, np.float32(0)).astype(np.float32)


def _remove_empty(rest: Floats, level: float, filled: Sequence[Outline]) -> list[Outline]:
    """Take away, in place, the boxes without writing that look like those with writing."""
    parts = _Parts.of(rest >= level)
    like = np.array([outline.box for outline in filled])
    like_sizes = like[:, [1, 3]] - like[:, [0, 2]]
    empty = []
    for index in range(len(parts.masses)):
        size = parts.sizes[index]
        if not (np.abs(size - like_sizes) <= LIKE_ANOTHER * like_sizes).all(axis=1).any():
            continue
        window = _window(parts, index)
        own = parts.labels[window] == index + 1
        part = np.where(own, rest[window], np.float32(0))
        frame = find_frame(part, own)
        if frame is None or not frame.is_closed or float(frame.rest.sum()) > MOST_LEFT * float(part.sum()):
            continue
        top, _, left, _ = box = tuple(parts.boxes[index].tolist())
        _replace(rest, parts, index, np.zeros_like(part))
        cells = (frame.cells + np.array([top, top, left, left])).tolist()
        empty.append(Outline(box, tuple(map(tuple, cells)), True, frame.slope))
    return empty
