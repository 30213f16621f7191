"""Divide a number into pieces of ink in reading order, and list the digits that they may form.

The method is over-segmentation: connected components are cut wherever digits
might touch.  Then the recogniser reads every group of neighbouring pieces, and
grouping.py decides which groups are digits.  So broken digits and digits of
two strokes stay whole, and touching digits are separated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats, Integers, Mask
from mnist_classifier.recognition.imaging import components
from mnist_classifier.recognition.imaging.ink import separate_ink
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, centre, cut_out, ink_box
from mnist_classifier.recognition.numbers.cuts import Cut, find_cuts, split

# Limits on the time that a picture of noise takes.
MAX_PARTS = 96
MAX_PIECES = 200
MAX_PIECES_IN_DIGIT = 6
# All lengths below are shares of the line's height.
MAX_DIGIT_WIDTH = 1.8
MAX_GAP_IN_DIGIT = 0.2
SPECK = 0.07  # smaller components are left out
# A narrower component is one digit: two touching ones are wider.
MIN_CUT_WIDTH = 0.35
# Lines are separated by a gap of this height, and are at least this tall relative to the tallest.
MIN_LINE_GAP = 0.1
MIN_LINE_HEIGHT = 0.5


@dataclass(frozen=True)
class Inked:
    """The ink of a picture: (H, W) float32, 0 to 1.  scale: px of the picture for each px of the ink."""

    ink: Floats
    scale: float


@dataclass(frozen=True)
class Piece:
    """Ink that is not divided further.

    ink: (h, w) float32, 0 to 1, without other pieces.  part: number of the
    connected component (or pen stroke) that it was cut from.  stroke_px:
    stroke width of that part.  cut: the cut on its right within that part.
    """

    ink: Floats
    top: int
    left: int
    part: int
    stroke_px: float
    cut: Cut | None = None

    @property
    def bottom(self) -> int:
        """The row below the piece."""
        return self.top + len(self.ink)

    @property
    def right(self) -> int:
        """The column to the right of the piece."""
        return int(self.left + self.ink.shape[1])

    @property
    def centre(self) -> float:
        """The column of its middle."""
        return float(self.left + self.ink.shape[1] / 2)


@dataclass(frozen=True)
class Line:
    """Pieces from left to right; `height` is the typical height of its digits, in px."""

    pieces: tuple[Piece, ...]
    height: float


@dataclass(frozen=True)
class Candidate:
    """Pieces `start` to `end` (exclusive) of a line, read as one digit; the box is x, y, width, height."""

    start: int
    end: int
    box: tuple[int, int, int, int]


def read_ink(pixels: Bytes) -> Inked | None:
    """Find the ink of a number; None if nothing is drawn.  pixels: as `decode_image` returns them."""
    found = separate_ink(pixels, is_number=True)
    if found.levels is None:
        return None
    scale = min(full / reduced for full, reduced in zip(found.grey.shape, found.levels.shape, strict=True))
    return Inked(np.asarray(found.levels / np.float32(found.levels.max()), np.float32), scale)


def find_lines(ink: Floats) -> list[Line]:
    """Divide (H, W) ink, 0 to 1, into lines of pieces."""
    return arrange(connected_pieces(ink))


def connected_pieces(ink: Floats) -> list[Piece]:
    """One piece for each connected component of the ink, the largest MAX_PARTS of them."""
    found = components.find_components(ink >= BOX_LEVEL, ink)
    pieces = []
    # A picture of noise has a hundred thousand components, so the largest are selected first.
    for index in np.argsort(-found.masses, kind="stable")[:MAX_PARTS].tolist():
        top, bottom, left, right = found.boxes[index].tolist()
        window = slice(top, bottom), slice(left, right)
        part_ink = np.where(found.labels[window] == index + 1, ink[window], np.float32(0))
        pieces.append(Piece(part_ink, top, left, index + 1, stroke_width(part_ink >= BOX_LEVEL)))
    return pieces


def arrange(parts: Sequence[Piece], *, cut_wider_than: float = MIN_CUT_WIDTH) -> list[Line]:
    """Sort parts into lines, top to bottom, and cut them into pieces, left to right."""
    lines = []
    for members in _rows_of(parts):
        height = typical_height(members)
        kept = [piece for piece in members if max(piece.ink.shape) >= SPECK * height]
        pieces = [cut for piece in kept for cut in _cut(piece, height, cut_wider_than)]
        if len(pieces) > MAX_PIECES:
            pieces = kept
        pieces.sort(key=lambda piece: piece.centre)
        lines.append(Line(tuple(pieces), height))
    return lines


def typical_height(parts: Sequence[Piece]) -> float:
    """The median height of the parts, weighted by ink: specks and bars weigh little."""
    by_height = sorted(parts, key=lambda piece: piece.ink.shape[0])
    weights = np.cumsum([float(piece.ink.sum()) for piece in by_height])
    return float(by_height[int(np.searchsorted(weights, weights[-1] / 2))].ink.shape[0])


def stroke_width(mask: Mask) -> float:
    """Stroke width in px.

    Each ink pixel lies in a run of ink in its row and in one in its column.  The
    shorter of both is about the stroke's width there; the result is their median.
    """
    across, down = _run_lengths(mask), _run_lengths(mask.T).T
    return max(1.0, float(np.median(np.minimum(across, down)[mask])))


def _run_lengths(mask: Mask) -> Integers:
    """(H, W) lengths: for each true pixel, how many true pixels its row has there without a gap."""
    starts, ends = components.runs(mask)
    lengths = np.zeros(mask.shape, np.int64)
    lengths[mask] = np.repeat(ends - starts, ends - starts)
    return lengths


def _rows_of(parts: Sequence[Piece]) -> list[list[Piece]]:
    """Group parts by line, from the top: bands of rows with ink, separated by blank rows."""
    bands: list[list[Piece]] = []
    reach = -1
    for piece in sorted(parts, key=lambda piece: piece.top):
        if bands and piece.top < reach:
            bands[-1].append(piece)
        else:
            bands.append([piece])
        reach = max(reach, piece.bottom)
    return _merge_fragments(bands)


def _merge_fragments(bands: list[list[Piece]]) -> list[list[Piece]]:
    """Merge bands that are too flat or too close for a line of their own (the bar of a 5, a dot) into a neighbour."""
    extents = [(min(p.top for p in band), max(p.bottom for p in band)) for band in bands]
    tallest = max(bottom - top for top, bottom in extents)
    lines: list[list[Piece]] = []
    waiting: list[Piece] = []
    reach = -np.inf
    for band, (top, bottom) in zip(bands, extents, strict=True):
        is_line = bottom - top >= MIN_LINE_HEIGHT * tallest
        if not is_line:
            (lines[-1] if lines else waiting).extend(band)
        elif lines and top - reach < MIN_LINE_GAP * tallest:
            lines[-1].extend(band)
        else:
            lines.append([*waiting, *band])
            waiting = []
        reach = max(reach, bottom)
    return lines


def _cut(piece: Piece, height: float, wider_than: float) -> list[Piece]:
    """Cut a part into pieces wherever two digits might touch."""
    if piece.ink.shape[1] < wider_than * height or piece.ink.shape[0] < MIN_LINE_HEIGHT * height:
        return [piece]
    found = find_cuts(piece.ink, piece.stroke_px)
    if not found:
        return [piece]
    parts = split(piece.ink, found)
    pieces = [_trimmed(part, piece, cut) for part, cut in zip(parts, [*found, None], strict=True)]
    return [part for part in pieces if part is not None]


def _trimmed(ink: Floats, whole: Piece, cut: Cut | None) -> Piece | None:
    """Crop `ink`, a picture of the size of `whole`, to its bounding box; None without ink."""
    if not ink.any():
        return None
    box = ink_box(ink != 0)
    return Piece(cut_out(ink, box), whole.top + box[0], whole.left + box[2], whole.part, whole.stroke_px, cut)


def find_candidates(line: Line) -> list[Candidate]:
    """List every group of neighbouring pieces that may be one digit."""
    found = []
    for start, first in enumerate(line.pieces):
        left, top, right, bottom = first.left, first.top, first.right, first.bottom
        for end in range(start + 1, min(len(line.pieces), start + MAX_PIECES_IN_DIGIT) + 1):
            piece = line.pieces[end - 1]
            if piece.left - right > MAX_GAP_IN_DIGIT * line.height:
                break
            left, top = min(left, piece.left), min(top, piece.top)
            right, bottom = max(right, piece.right), max(bottom, piece.bottom)
            if end > start + 1 and right - left > MAX_DIGIT_WIDTH * line.height:
                break
            found.append(Candidate(start, end, (left, top, right - left, bottom - top)))
    return found


def make_glyphs(line: Line, candidates: Sequence[Candidate]) -> Bytes:
    """Make the (28, 28) uint8 glyph of each candidate from its own ink, as for a single digit."""
    glyphs = np.empty((len(candidates), SIDE_PX, SIDE_PX), np.uint8)
    for number, candidate in enumerate(candidates):
        left, top, width, height = candidate.box
        ink = np.zeros((height, width), np.float32)
        for piece in line.pieces[candidate.start : candidate.end]:
            window = ink[piece.top - top : piece.bottom - top, piece.left - left : piece.right - left]
            np.maximum(window, piece.ink, out=window)
        stretched = ink * np.float32(255 / ink.max())
        glyphs[number], _ = centre(cut_out(stretched, ink_box(stretched >= BOX_LEVEL * 255)))
    return glyphs
