"""Divide a number into pieces of ink in reading order, and list the digits that they may form.

The method is over-segmentation: connected components are cut wherever digits
might touch.  Then the recogniser reads every group of neighbouring pieces, and
grouping.py decides which groups are digits.  So broken digits and digits of
two strokes stay whole, and touching digits are separated.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats, Integers
from mnist_classifier.recognition.imaging import components
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, centre, cut_out, ink_box
from mnist_classifier.recognition.numbers.cuts import Cut, find_cuts, split
from mnist_classifier.recognition.page.cells import CellPlace
from mnist_classifier.recognition.page.text_lines import group_lines, lines_of_cells, middles_within

# Limits on the time that a picture of noise takes.
MAX_PARTS = 240
MAX_PIECES = 200
MAX_PIECES_IN_DIGIT = 6
# All lengths below are shares of the line's height.
MAX_DIGIT_WIDTH = 1.8
MAX_GAP_IN_DIGIT = 0.2
SPECK = 0.07  # smaller components are left out
# A narrower component is one digit: two touching ones are wider.
MIN_CUT_WIDTH = 0.35
# A lower one is a mark or a part of a digit.
MIN_CUT_HEIGHT = 0.5
# How far from halfway between two lines the border between touching digits may be, in line heights.
BORDER_REACH = 0.35


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
    def key(self) -> tuple[Hashable, ...]:
        """All that the piece is but its part."""
        cut = (self.cut.crossing, self.cut.runs) if self.cut else None
        return self.top, self.left, self.ink.shape, self.ink.tobytes(), self.stroke_px, cut

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

    @cached_property
    def key(self) -> Hashable:
        """Equal for equal lines of different interpretations of a picture, which number their parts differently."""
        parts = {part: index for index, part in enumerate(dict.fromkeys(piece.part for piece in self.pieces))}
        return self.height, tuple((*piece.key, parts[piece.part]) for piece in self.pieces)


@dataclass(frozen=True)
class Candidate:
    """Pieces `start` to `end` (exclusive) of a line, read as one digit; the box is x, y, width, height."""

    start: int
    end: int
    box: tuple[int, int, int, int]


def find_lines(ink: Floats, cells: Sequence[CellPlace] = ()) -> list[Line]:
    """Divide (H, W) ink, 0 to 1, into lines of pieces; a row of cells is a line."""
    return arrange(connected_pieces(ink), cells)


def connected_pieces(ink: Floats) -> list[Piece]:
    """One piece for each connected component of the ink, the largest MAX_PARTS of them."""
    found = components.find_components(ink >= BOX_LEVEL, ink)
    pieces = []
    # A picture of noise has a hundred thousand components, so the largest are selected first.
    for index in np.argsort(-found.masses, kind="stable")[:MAX_PARTS].tolist():
        top, bottom, left, right = found.boxes[index].tolist()
        window = slice(top, bottom), slice(left, right)
        part_ink = np.where(found.labels[window] == index + 1, ink[window], np.float32(0))
        pieces.append(Piece(part_ink, top, left, index + 1, components.stroke_width(part_ink >= BOX_LEVEL)))
    return pieces


def arrange(
    parts: Sequence[Piece], cells: Sequence[CellPlace] = (), *, cut_wider_than: float = MIN_CUT_WIDTH
) -> list[Line]:
    """Sort parts into lines, top to bottom, and cut them into pieces, left to right."""
    lines = []
    for members in _rows_of(parts, cells):
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
    return median_height(
        np.array([piece.ink.shape[0] for piece in parts]), np.array([float(piece.ink.sum()) for piece in parts])
    )


def median_height(heights: Integers, masses: npt.NDArray[Any]) -> float:
    """The median of (N,) heights, weighted by (N,) masses."""
    order = np.argsort(heights, kind="stable")
    weights = np.cumsum(masses[order], dtype=np.float64)
    return float(heights[order[int(np.searchsorted(weights, weights[-1] / 2))]])


def _rows_of(parts: Sequence[Piece], cells: Sequence[CellPlace]) -> list[list[Piece]]:
    """Parts of each line, from the top; what belongs to two lines is cut between them."""
    height = typical_height(parts)
    in_cells = lines_of_cells(parts, cells, height) if cells else None
    if in_cells is not None:
        return in_cells
    lines = group_lines(parts, height)
    if len(lines) == 1:
        return lines
    whole: list[Piece] = []
    for part in parts:
        whole += _cut_between(part, middles_within(part, lines, height), height)
    return lines if len(whole) == len(parts) else group_lines(whole, height)


def _cut_between(piece: Piece, middles: Sequence[float], height: float) -> list[Piece]:
    """Cut a part that reaches from line to line where the least ink is between them."""
    if len(middles) < 2 or len(piece.ink) < 1.5 * height:
        return [piece]
    pieces: list[Piece] = []
    rest = piece
    for upper, lower in zip(middles, middles[1:], strict=False):
        turned = np.ascontiguousarray(rest.ink.T)
        cut = _border_between_lines(turned, rest.stroke_px, (upper + lower) / 2 - rest.top, height)
        above, below = (_trimmed(part.T, rest, None) for part in split(turned, [cut]))
        if above is not None and below is not None:
            pieces.append(above)
            rest = below
    return [*pieces, rest]


def _border_between_lines(turned: Floats, stroke_px: float, row: float, height: float) -> Cut:
    """The best cut near a row; digits that overlap too much for a cut are cut straight.  turned: (W, H) ink."""
    reach = BORDER_REACH * height
    cuts = [cut for cut in find_cuts(turned, stroke_px) if abs(float(cut.columns.mean()) - row) < reach]
    if cuts:
        return min(cuts, key=lambda cut: cut.crossing + 2 * abs(float(cut.columns.mean()) - row) / height)
    first, last = max(0, int(row - reach)), min(turned.shape[1], int(row + reach) + 1)
    ink = turned[:, first:last].sum(axis=0)
    return Cut(np.full(len(turned), first + int(ink.argmin())), float(ink.min()) / stroke_px, runs=1)


def _cut(piece: Piece, height: float, wider_than: float) -> list[Piece]:
    """Cut a part into pieces wherever two digits might touch."""
    if piece.ink.shape[1] < wider_than * height or piece.ink.shape[0] < MIN_CUT_HEIGHT * height:
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
