"""Find the glyph of one digit in a picture of a number, by its bounding box."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.records import Box
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL
from mnist_classifier.recognition.imaging.preprocess import make_glyph
from mnist_classifier.recognition.numbers import pen_strokes as pen
from mnist_classifier.recognition.numbers import segmentation
from mnist_classifier.recognition.numbers.looks import Look, look
from mnist_classifier.recognition.page.underlines import interpretations

# A box that overlaps every possible digit less than this (intersection over union) was not made by reading.
LEAST_OVERLAP = 0.5


def glyph_in_box(pixels: Bytes, box: Box, strokes: Sequence[pen.Points] = ()) -> Bytes | None:
    """Make the glyph that a reading of the number gave to the network for this digit.

    pixels: as `decode_image` returns them.  box, strokes: in px of the picture.
    Any other box is cut out and prepared like a picture of one digit.
    Returns (28, 28) uint8, or None if nothing is drawn there.
    """
    seen = look(pixels)
    if seen is not None:
        best, overlap = max(
            ((found, _overlap(found[2], box)) for found in _candidates(seen, strokes)),
            key=lambda pair: pair[1],
            default=(None, 0.0),
        )
        if best is not None and overlap >= LEAST_OVERLAP:
            line, candidate, _ = best
            glyph: Bytes = segmentation.make_glyphs(line, [candidate])[0]
            return glyph
    return make_glyph(cut(pixels, box))


def cut(pixels: Bytes, box: Box, margin: float = 0.0) -> Bytes:
    """Cut a box out of a picture, with a margin around it as a share of its longer side."""
    x, y, width, height = box
    more = round(margin * max(width, height))
    return pixels[max(0, y - more) : y + height + more, max(0, x - more) : x + width + more]


def _candidates(
    seen: Look, strokes: Sequence[pen.Points]
) -> Iterator[tuple[segmentation.Line, segmentation.Candidate, Box]]:
    """Every group of ink that may be a digit, as `Recogniser.read_number` finds them, with its box in the picture."""
    inked, scale = seen.inked, seen.scale * seen.inked.scale
    pages = [
        segmentation.find_lines(ink, inked.cells)
        for ink in interpretations(inked.ink, inked.height).inks
        if (ink >= BOX_LEVEL).any()
    ]
    drawn = pen.find_lines(inked.ink, [stroke / scale for stroke in strokes]) if strokes else None
    for line in (line for page in [*([drawn] if drawn else []), *pages] for line in page):
        for candidate in segmentation.find_candidates(line):
            yield line, candidate, _in_picture(seen, candidate.box)


def _in_picture(seen: Look, box: Box) -> Box:
    x, y, width, height = box
    corners = [seen.inked.to_picture(column, row) for column in (x, x + width) for row in (y, y + height)]
    columns, rows = ([math.floor(value * seen.scale) for value in side] for side in zip(*corners, strict=True))
    return min(columns), min(rows), max(1, max(columns) - min(columns)), max(1, max(rows) - min(rows))


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    sides = [
        max(0, min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis]))
        for axis in (0, 1)
    ]
    common = sides[0] * sides[1]
    return common / (one[2] * one[3] + other[2] * other[3] - common)
