"""Pen strokes that come with a picture: which ink each of them left.

A stroke belongs to one digit unless it is too wide to, so the strokes are
the pieces that numbers are put together from (segmentation.py, grouping.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Floats
from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, cut_out, ink_box
from mnist_classifier.recognition.numbers.segmentation import Line, Piece, arrange, find_candidates

Points = npt.NDArray[np.float64]  # (N, 2): x, y in px of the picture

# Pens that are tried, in parts of the picture's longer side; the best covers the ink and nothing else.
PENS = (0.004, 0.006, 0.009, 0.013, 0.019, 0.027, 0.038, 0.054, 0.075)
# Less of ink and strokes in common than this (intersection over union), and the strokes are of another picture.
MIN_AGREEMENT = 0.6
# Pages smooth what they draw, so ink may lie a little beside the straight lines between points.
SLACK_PX = 1.5
# A single stroke that is wider than this, in heights, may have written two digits.
CUT_WIDER_THAN = 1.1
# What a page may send: far more than anybody writes, little enough to be drawn at once.
MAX_STROKES, MAX_POINTS, MAX_COORDINATE = 500, 20_000, 100_000
# The pen is fitted to so many points at most, spread over all strokes.
FITTED_POINTS = 5000
# Strokes may lie over each other without end, and each costs as much as the rectangle around it.  Three lines of
# digits that fill a picture of 1024x1024 px take 14 million in groups.  16 million are half a second.
MOST_PIXELS = 16_000_000
MASK_SIDE_PX = 256  # strokes are compared with the ink in a picture of this size


Coordinate = Annotated[float, Meta(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]
Stroke = Annotated[list[tuple[Coordinate, Coordinate]], Meta(min_length=1)]
Strokes = Annotated[list[Stroke], Meta(max_length=MAX_STROKES)]
_reader = msgspec.json.Decoder(Strokes)
# Every list has a bracket, so they can be counted before any list is made.
MOST_BRACKETS = 1 + MAX_STROKES + MAX_POINTS


def parse_strokes(data: bytes) -> list[Points]:
    """JSON `[[[x, y], ...], ...]`, in px of the picture, as arrays; `null` is no strokes.

    Raises InvalidInput, naming the field `strokes`.
    """
    if data == b"null":
        return []
    if data.count(b"[") > MOST_BRACKETS:
        raise _bad_strokes(f"at most {MAX_STROKES} strokes and {MAX_POINTS} points are read")
    try:
        strokes = [np.array(stroke, np.float64) for stroke in _reader.decode(data)]
    except msgspec.ValidationError as error:
        raise _bad_strokes(_what_is_wrong(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _bad_strokes("they are not valid JSON") from None
    points = sum(len(stroke) for stroke in strokes)
    if points > MAX_POINTS:
        raise _bad_strokes(f"they have {points} points, at most {MAX_POINTS} are read")
    return strokes


def _what_is_wrong(failure: str) -> str:
    """Msgspec names the place as `$[stroke][point][coordinate]`."""
    place = re.findall(r"\[(\d+)\]", failure)
    if len(place) > 1:
        return f"stroke {place[0]} holds a point that is not [x, y] in pixels of the picture"
    if place:
        return f"stroke {place[0]} must be a list of at least one [x, y]"
    return f"they must be a list of at most {MAX_STROKES} strokes, each a list of [x, y]"


def _bad_strokes(why: str) -> InvalidInput:
    return InvalidInput(f"the strokes cannot be used: {why}", field="strokes")


def find_lines(ink: Floats, strokes: Sequence[Points]) -> list[Line] | None:
    """Pieces of a picture by the strokes that drew it, line by line.

    ink: (H, W) float32, 0 to 1.  None where the strokes do not fit the ink.
    """
    side = max(ink.shape)
    # A pen that left the picture far behind left no ink there, but long lines take long to draw.
    strokes = [stroke.clip(-side, 2 * side) for stroke in strokes]
    pen_px = fit_pen(ink, strokes)
    if pen_px is None:
        return None
    boxes = [_box(stroke, pen_px, ink.shape) for stroke in strokes]
    if sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) > MOST_PIXELS:
        return None
    pieces = [
        piece
        for number, (stroke, box) in enumerate(zip(strokes, boxes, strict=True))
        if (piece := _inked(ink, stroke, box, pen_px, number))
    ]
    lines = arrange(pieces, cut_wider_than=CUT_WIDER_THAN) if pieces else []
    grouped = sum(each.box[2] * each.box[3] for line in lines for each in find_candidates(line))
    return lines if 0 < grouped <= MOST_PIXELS else None


def fit_pen(ink: Floats, strokes: Sequence[Points]) -> float | None:
    """The width in px of the round pen that, led along the strokes, leaves this ink; None where none does."""
    factor = MASK_SIDE_PX / max(ink.shape)
    size = max(1, round(ink.shape[1] * factor)), max(1, round(ink.shape[0] * factor))
    wanted = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BOX)) >= 0.5
    step = -(-sum(map(len, strokes)) // FITTED_POINTS)
    scaled = [stroke[::step] * factor for stroke in strokes]

    def agreement(part: float) -> float:
        drawn = mark(scaled, part * MASK_SIDE_PX, size)
        return float((drawn & wanted).sum() / max(1, (drawn | wanted).sum()))

    found = max(PENS, key=agreement)
    found = max((found * (1 + change) for change in (-0.15, -0.08, 0, 0.08, 0.15)), key=agreement)
    return found * max(ink.shape) if agreement(found) >= MIN_AGREEMENT else None


def mark(strokes: Sequence[Points], pen_px: float, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels that a round pen covers; `size` is width and height.  Returns (H, W)."""
    image = Image.new("1", size)
    canvas = ImageDraw.Draw(image)
    radius = pen_px / 2
    for stroke in strokes:
        points = [(x, y) for x, y in stroke.tolist()]
        canvas.line(points, fill=1, width=max(1, round(pen_px)))
        for x, y in points:
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return np.asarray(image)


def _box(stroke: Points, pen_px: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what the pen covers of a picture; all 0 where it covers nothing."""
    reach = pen_px / 2 + SLACK_PX
    height, width = shape
    left, top = np.maximum(np.floor(stroke.min(axis=0) - reach), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(stroke.max(axis=0) + reach) + 1, (width, height)).astype(int).tolist()
    return (left, top, right, bottom) if left < right and top < bottom else (0, 0, 0, 0)


def _inked(ink: Floats, stroke: Points, box: tuple[int, int, int, int], pen_px: float, number: int) -> Piece | None:
    """The ink under one stroke, without blank borders; where strokes cross, each has the ink of the crossing."""
    left, top, right, bottom = box
    if right == 0:
        return None
    covered = mark([stroke - (left, top)], pen_px + 2 * SLACK_PX, (right - left, bottom - top))
    own = np.where(covered, ink[top:bottom, left:right], np.float32(0))
    solid = own >= BOX_LEVEL
    if not solid.any():
        return None
    own_box = ink_box(solid)
    return Piece(cut_out(own, own_box), top + own_box[0], left + own_box[2], number, pen_px)
