"""Pen strokes sent with a picture: which ink belongs to each stroke.

A stroke belongs to one digit, unless it is very wide.  So strokes are the
pieces that form the digits of a number (segmentation.py, grouping.py).
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

# Pen widths to try, as shares of the picture's longer side.
PENS = (0.004, 0.006, 0.009, 0.013, 0.019, 0.027, 0.038, 0.054, 0.075)
# With a smaller intersection over union of ink and strokes, the strokes belong to another picture.
MIN_AGREEMENT = 0.6
# Pages smooth strokes, so ink may be a little beside the straight lines between points.
SLACK_PX = 1.5
# A stroke that is wider than this, in line heights, may be two digits.
CUT_WIDER_THAN = 1.1
# Limits of a request: far more than anybody writes, and still quick to draw.
MAX_STROKES, MAX_POINTS, MAX_COORDINATE = 500, 20_000, 100_000
# The pen width is fitted to at most this many points, spread over all strokes.
FITTED_POINTS = 5000
# Strokes may overlap, and the time for each grows with its bounding box: 16 million pixels take half a second.
# Three lines of digits that fill a picture of 1024x1024 px have candidates of 14 million pixels.
MOST_PIXELS = 16_000_000
MASK_SIDE_PX = 256  # strokes and ink are compared at this size


Coordinate = Annotated[float, Meta(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]
Stroke = Annotated[list[tuple[Coordinate, Coordinate]], Meta(min_length=1)]
Strokes = Annotated[list[Stroke], Meta(max_length=MAX_STROKES)]
_reader = msgspec.json.Decoder(Strokes)
# Counting brackets limits the number of lists before they are created.
MOST_BRACKETS = 1 + MAX_STROKES + MAX_POINTS


def parse_strokes(data: bytes) -> list[Points]:
    """Parse JSON strokes `[[[x, y], ...], ...]`, in px of the picture; `null` means none.

    Raises InvalidInput with the field `strokes`.
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
    """Explain an error of msgspec, which gives the position as `$[stroke][point][coordinate]`."""
    place = re.findall(r"\[(\d+)\]", failure)
    if len(place) > 1:
        return f"stroke {place[0]} holds a point that is not [x, y] in pixels of the picture"
    if place:
        return f"stroke {place[0]} must be a list of at least one [x, y]"
    return f"they must be a list of at most {MAX_STROKES} strokes, each a list of [x, y]"


def _bad_strokes(why: str) -> InvalidInput:
    return InvalidInput(f"the strokes cannot be used: {why}", field="strokes")


def find_lines(ink: Floats, strokes: Sequence[Points]) -> list[Line] | None:
    """Divide ink into lines of pieces, one piece for each stroke.

    ink: (H, W) float32, 0 to 1.  Returns None if the strokes do not fit the ink.
    """
    side = max(ink.shape)
    # Points far outside the picture leave no ink, but long lines take long to draw.
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
    """Find the width in px of the round pen that draws this ink along the strokes; None if no pen does."""
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
    """Draw strokes with a round pen; `size` is (W, H).  Returns a (H, W) mask."""
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
    """Left, top, right and bottom of the pixels that the pen covers in a picture; all 0 if there are none."""
    reach = pen_px / 2 + SLACK_PX
    height, width = shape
    left, top = np.maximum(np.floor(stroke.min(axis=0) - reach), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(stroke.max(axis=0) + reach) + 1, (width, height)).astype(int).tolist()
    return (left, top, right, bottom) if left < right and top < bottom else (0, 0, 0, 0)


def _inked(ink: Floats, stroke: Points, box: tuple[int, int, int, int], pen_px: float, number: int) -> Piece | None:
    """Crop the ink under one stroke; where strokes cross, the ink belongs to both."""
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
