"""A picture of several digits -> pieces of ink in reading order, and the digits that they may form.

Over-segmentation: connected parts, cut wherever digits might touch.  Which
neighbouring pieces belong together is decided in grouping.py, with the
recogniser's opinion of every candidate; so two-stroke digits and broken ones
stay whole, and touching ones part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import SIDE_PX, Bytes, Floats
from mnist_classifier.recognition.imaging import components
from mnist_classifier.recognition.imaging.background import has_plain_background
from mnist_classifier.recognition.imaging.ink import Found, look, written_ink
from mnist_classifier.recognition.imaging.normalise import BOX_LEVEL, centre, cut_out, ink_box
from mnist_classifier.recognition.imaging.parts import number_parts
from mnist_classifier.recognition.numbers import cuts

# Whoever sends a picture of noise waits no longer than who sends a number.
MAX_PARTS = 96
MAX_PIECES = 200
MAX_PIECES_IN_DIGIT = 6
# In parts of the line's height, as everything below.
MAX_DIGIT_WIDTH = 1.8
MAX_GAP_IN_DIGIT = 0.2
SPECK = 0.07
# Narrower than this, a part is one digit: two ones that touch measure more.
MIN_CUT_WIDTH = 0.35
# Rows without ink part two lines when what they part is as tall as lines are.
MIN_LINE_GAP = 0.1
MIN_LINE_HEIGHT = 0.5


@dataclass(frozen=True)
class Inked:
    """What is drawn in a picture: (H, W) float32 ink, 0 to 1, and how many of the picture's pixels one of it is."""

    ink: Floats
    scale: float


@dataclass(frozen=True)
class Piece:
    """Ink that is never divided further.

    ink: (h, w) float32, 0 to 1, nothing else's pixels; `part` numbers the
    connected part (or pen stroke) that it was cut from, `stroke_px` is how
    broad the strokes of that part are, `seam` the cut on its right within it.
    """

    ink: Floats
    top: int
    left: int
    part: int
    stroke_px: float
    seam: cuts.Seam | None = None

    @property
    def bottom(self) -> int:
        """Row below it."""
        return self.top + len(self.ink)

    @property
    def right(self) -> int:
        """Column right of it."""
        return int(self.left + self.ink.shape[1])

    @property
    def centre(self) -> float:
        """Column of its middle."""
        return float(self.left + self.ink.shape[1] / 2)


@dataclass(frozen=True)
class Line:
    """Pieces from left to right; `height` is how tall its digits are, in px."""

    pieces: tuple[Piece, ...]
    height: float


@dataclass(frozen=True)
class Candidate:
    """Pieces `start` to `end` (exclusive) of a line, taken as one digit; the box is x, y, width, height."""

    start: int
    end: int
    box: tuple[int, int, int, int]


def read_ink(pixels: Bytes) -> Inked | None:
    """A picture as decode gives it -> its ink; None where nothing is drawn."""
    found = look(pixels)
    if found.is_photograph and not _is_cut_off(found.grey, found.ink):
        return _photographed(found)
    ink = found.ink
    return None if ink is None else Inked(np.asarray(ink / np.float32(ink.max()), np.float32), 1.0)


def _is_cut_off(grey: Bytes, ink: Bytes | None) -> bool:
    """Whether opposite edges are met by different digits of a drawing, not by a line from one to the other."""
    if ink is None or not has_plain_background(grey):
        return False
    strongest = int(ink.max())
    labels, _ = components.label(ink >= strongest * BOX_LEVEL)
    sides = ((np.s_[0], np.s_[-1]), (np.s_[:, 0], np.s_[:, -1]))
    for one, other in sides:
        levels = min(int(ink[one].max()), int(ink[other].max()))
        # A faint line may be in pieces; digits are as dark as the rest.
        if levels >= strongest * BOX_LEVEL and levels < strongest / 2:
            return False
        if set(labels[one].tolist()) & set(labels[other].tolist()) - {0}:
            return False
    return True


def _photographed(found: Found) -> Inked | None:
    """Ink on paper, in uneven light."""
    photograph = found.flatten(may_be_cropped=False)
    if photograph is None:
        return None
    ink = written_ink(photograph, number_parts(photograph.mask, photograph.density))
    if ink is None:
        return None
    scale = min(side / own for side, own in zip(found.grey.shape, ink.shape, strict=True))
    return Inked(ink / np.float32(255), scale)


def find_lines(ink: Floats) -> list[Line]:
    """Pieces of a picture, line by line."""
    return arrange(connected_pieces(ink))


def connected_pieces(ink: Floats) -> list[Piece]:
    """One piece for each connected part of the ink, the largest MAX_PARTS of them."""
    labels, count = components.label(ink >= BOX_LEVEL)
    masses = np.bincount(labels.ravel(), ink.ravel(), count + 1)[1:]
    boxes = components.boxes(labels, count)
    pieces = []
    # A picture of noise has a hundred thousand parts: the largest are picked before anything is made of them.
    for index in np.argsort(-masses, kind="stable")[:MAX_PARTS].tolist():
        top, bottom, left, right = boxes[index].tolist()
        window = slice(top, bottom), slice(left, right)
        own = np.where(labels[window] == index + 1, ink[window], np.float32(0))
        pieces.append(Piece(own, top, left, index + 1, stroke_width(own >= BOX_LEVEL)))
    return pieces


def arrange(parts: Sequence[Piece], *, cut_wider_than: float = MIN_CUT_WIDTH) -> list[Line]:
    """Put whole parts into lines, top to bottom, and cut them there, left to right."""
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
    """The height that half of the ink's parts, by weight, do not exceed: specks and bars weigh little."""
    by_height = sorted(parts, key=lambda piece: piece.ink.shape[0])
    weights = np.cumsum([float(piece.ink.sum()) for piece in by_height])
    return float(by_height[int(np.searchsorted(weights, weights[-1] / 2))].ink.shape[0])


def stroke_width(mask: npt.NDArray[np.bool_]) -> float:
    """How broad strokes are: the median over the ink of the shorter of a pixel's row and column run, in px."""
    across, down = _run_lengths(mask), _run_lengths(mask.T).T
    return max(1.0, float(np.median(np.minimum(across, down)[mask])))


def _run_lengths(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each true pixel the length of its run in its row."""
    _, starts, ends = components.runs(mask)
    lengths = np.zeros(mask.shape, np.int64)
    lengths[mask] = np.repeat(ends - starts, ends - starts)
    return lengths


def _rows_of(parts: Sequence[Piece]) -> list[list[Piece]]:
    """Parts of each line, from the top: bands of rows with ink, and blank rows between them."""
    bands: list[list[Piece]] = []
    reach = -1
    for piece in sorted(parts, key=lambda piece: piece.top):
        if bands and piece.top < reach:
            bands[-1].append(piece)
        else:
            bands.append([piece])
        reach = max(reach, piece.bottom)
    return _without_fragments(bands)


def _without_fragments(bands: list[list[Piece]]) -> list[list[Piece]]:
    """Give bands that are no line of their own (a five's flag, a dot) to the nearest that is."""
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
    """A part as pieces, wherever two digits might touch."""
    if piece.ink.shape[1] < wider_than * height or piece.ink.shape[0] < MIN_LINE_HEIGHT * height:
        return [piece]
    found = cuts.find(piece.ink, piece.stroke_px)
    if not found:
        return [piece]
    parts = cuts.split(piece.ink, found)
    pieces = [_trimmed(part, piece, seam) for part, seam in zip(parts, [*found, None], strict=True)]
    return [part for part in pieces if part is not None]


def _trimmed(ink: Floats, whole: Piece, seam: cuts.Seam | None) -> Piece | None:
    """What `ink`, a picture of the size of `whole`, holds, without blank borders."""
    if not ink.any():
        return None
    box = ink_box(ink != 0)
    return Piece(cut_out(ink, box), whole.top + box[0], whole.left + box[2], whole.part, whole.stroke_px, seam)


def find_candidates(line: Line) -> list[Candidate]:
    """Every group of neighbouring pieces that may be one digit."""
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
    """(N, 28, 28) uint8: each candidate's own ink, as preprocess centres a digit."""
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
