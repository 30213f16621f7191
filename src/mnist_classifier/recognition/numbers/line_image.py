"""The picture of a line that the line reader sees: its pieces, levelled, at one size and without wide gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnist_classifier.core.arrays import Bytes, Doubles, Integers
from mnist_classifier.recognition.imaging.normalise import resampling_matrix
from mnist_classifier.recognition.numbers.line_reader import DIGIT_PX, FRAME_PX, HEIGHT_PX
from mnist_classifier.recognition.numbers.segmentation import Line, Piece

# Blank columns at both ends, and between pieces at most, in px of the result.
MARGIN_PX, WIDEST_GAP_PX = 6, 20
# Only pieces this tall, in line heights, show how the line slopes.
TALL = 0.6
STEEPEST = 0.2
# A longer line is no line of digits: 100 digits, or a scribble.
LONGEST_PX = 2400


@dataclass(frozen=True)
class LineImage:
    """The picture of a line: (40, W) uint8, ink = 255.

    borders: (pieces + 1,) the first frame of each piece, and the end of the last.
    """

    pixels: Bytes
    borders: Integers


def draw_line(line: Line) -> LineImage | None:
    """Draw a line for the line reader; None if it is too long."""
    scale = DIGIT_PX / line.height
    shifts = _shifts(line.pieces, WIDEST_GAP_PX / scale)
    pieces = line.pieces
    left = min(piece.left - shift for piece, shift in zip(pieces, shifts.tolist(), strict=True))
    right = max(piece.right - shift for piece, shift in zip(pieces, shifts.tolist(), strict=True))
    width = max(1, round((right - left) * scale / FRAME_PX)) * FRAME_PX
    if width > LONGEST_PX:
        return None
    height = max(1, round(HEIGHT_PX / scale))
    middles = _middles(line)
    ink = np.zeros((height, right - left), np.float32)
    for piece, shift, middle in zip(pieces, shifts.tolist(), middles.tolist(), strict=True):
        _paint(ink, piece.ink, round(piece.top - middle + height / 2), piece.left - shift - left)
    rows, columns = resampling_matrix(height, HEIGHT_PX), resampling_matrix(right - left, width)
    levels = rows @ ink @ columns.T
    levels *= 255 / max(float(levels.max()), 1e-6)
    pixels = np.pad(np.rint(levels.clip(0, 255)).astype(np.uint8), ((0, 0), (MARGIN_PX, MARGIN_PX)))
    return LineImage(pixels, _borders(pieces, shifts, left, width / (right - left), pixels.shape[1] // FRAME_PX))


def _shifts(pieces: Sequence[Piece], widest_px: float) -> Integers:
    """How far each piece moves to the left, so that no gap is wider than `widest_px`."""
    shifts, total, right = [], 0, pieces[0].right
    for piece in pieces:
        total += max(0, round(piece.left - right - widest_px))
        right = max(right, piece.right)
        shifts.append(total)
    return np.array(shifts)


def _middles(line: Line) -> Doubles:
    """The row of the line's middle at each piece; a straight line through the middles of tall pieces."""
    tall = [piece for piece in line.pieces if len(piece.ink) >= TALL * line.height] or line.pieces
    columns, rows, weights = (
        np.array(values)
        for values in zip(
            *((piece.centre, (piece.top + piece.bottom) / 2, float(piece.ink.sum())) for piece in tall), strict=True
        )
    )
    column, row = np.average(columns, weights=weights), np.average(rows, weights=weights)
    slope, spread = 0.0, float((weights * (columns - column) ** 2).sum())
    if np.ptp(columns) > 2 * line.height and len(tall) > 2:
        slope = float((weights * (columns - column) * (rows - row)).sum()) / spread
    middles: Doubles = row + np.clip(slope, -STEEPEST, STEEPEST) * (
        np.array([piece.centre for piece in line.pieces]) - column
    )
    return middles


def _paint(ink: np.ndarray, part: np.ndarray, top: int, left: int) -> None:
    """Add ink at a place; what lies above or below the picture is cut off."""
    first, last = max(0, -top), min(len(part), len(ink) - top)
    if first < last:
        window = ink[top + first : top + last, left : left + part.shape[1]]
        np.maximum(window, part[first:last], out=window)


def _borders(pieces: Sequence[Piece], shifts: Integers, left: float, scale: float, frames: int) -> Integers:
    """Frames between the pieces: halfway between the end of one and the start of the next."""
    moved = list(zip(pieces, shifts.tolist(), strict=True))
    columns = [
        (before.right - one + after.left - other) / 2 - left
        for (before, one), (after, other) in zip(moved, moved[1:], strict=False)
    ]
    found = np.rint((np.array(columns) * scale + MARGIN_PX) / FRAME_PX).astype(np.int64)
    return np.maximum.accumulate(np.clip(np.concatenate([[0], found, [frames]]), 0, frames))
