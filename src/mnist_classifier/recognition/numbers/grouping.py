"""Which pieces of a line form digits: the best path through all ways to group them.

Each candidate and each border between two digits has a few features; a path's
score is their weighted sum, and the weights make it the logarithm of a
probability (a semi-Markov conditional random field); bench/fitting/grouping.py
fitted them.  Source of the method: Sarawagi & Cohen 2004; over-segmentation
with a recogniser: Fujisawa, Nakano & Kurino 1992.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Doubles
from mnist_classifier.recognition.numbers.segmentation import Candidate, Line, Piece

# log(width / height) of the ink of each digit: mean and deviation over MNIST's 60,000 training images.
LOG_ASPECT = np.array([-0.10, -0.88, -0.06, -0.21, -0.22, -0.07, -0.30, -0.24, -0.26, -0.37])
LOG_ASPECT_SD = np.array([0.18, 0.44, 0.20, 0.20, 0.20, 0.24, 0.21, 0.20, 0.21, 0.20])
# One odd figure must not outweigh all the others.
MOST_SURPRISE = 8.0
MOST_WIDE = 16.0
CERTAIN = 20.0
# Where soft edges meet, a cut goes through less ink than this, in stroke widths.
SOFT_EDGE = 0.4
# Digits of one hand: 0.7 of the usual height is nothing special.
USUAL_HEIGHT = 0.7
TALL_PART = 0.55
MOST_SHARED = 2.0
# A piece smaller than this, in heights, may be no part of a digit: a speck, a point, a dash.
MARK_HEIGHT, MARK_WIDTH = 0.35, 0.6
KEPT_READINGS = 8

FEATURES = (
    "unread",  # -log of the recogniser's probability
    "doubt",  # its log odds against everything else, counted down from CERTAIN
    "wide",  # how much wider than usual for that digit, in halved squared deviations
    "thin",  # how much thinner than a stroke: a sliver of one
    "short",
    "parts",  # connected parts, beyond the first, that are joined to one digit
    "tall_parts",  # ... of these the tall ones, which may be digits themselves
    "gap",  # blank columns between parts of one digit, in heights
    "joins",  # parts of one digit that do not lie above each other
    "digits",
    "cuts",  # borders within one connected part ...
    "skirt",  # ... the ink they go through, in stroke widths, as far as soft edges explain it
    "crossing",  # ... and what is more
    "runs",  # ... in how many places beyond the first
    "overlap",  # columns that parts of different digits share, of the narrower's, squared
    "shared",  # ink that pen strokes of different digits share, in squares of the pen's width
    "slivers",  # ones that were cut off something: a piece of any upright stroke looks like one
    "marks",  # pieces left out
    "marked",  # ... their size, in heights
)
CUTS, SLIVERS = FEATURES.index("cuts"), FEATURES.index("slivers")
Weights = Mapping[str, float]
PIXEL_WEIGHTS: Weights = dict(
    unread=-2.70, doubt=-0.28, wide=-1.53, thin=0.00, short=-1.79, parts=-0.06, tall_parts=-1.09, gap=-0.48,
    joins=-1.36, digits=2.18, cuts=-0.94, skirt=-1.92, crossing=-2.40, runs=-0.08, overlap=-1.54, shared=0.00,
    slivers=0.00, marks=-4.89, marked=-0.98,
)  # fmt: skip
STROKE_WEIGHTS: Weights = dict(
    unread=-2.28, doubt=-0.36, wide=-1.01, thin=0.00, short=-0.11, parts=0.00, tall_parts=-0.93, gap=-0.08,
    joins=-0.74, digits=0.72, cuts=-1.41, skirt=-0.58, crossing=-1.00, runs=-0.01, overlap=-1.93, shared=-1.91,
    slivers=-0.01, marks=-2.61, marked=-1.09,
)  # fmt: skip


@dataclass(frozen=True)
class Edge:
    """One step of a path over pieces `start` to `end`: a digit (its candidate's index), or a mark left out (None)."""

    start: int
    end: int
    candidate: int | None
    digit: int | None
    features: Doubles  # (len(FEATURES),)


@dataclass(frozen=True)
class Grouping:
    """The most likely way to read a line.

    `candidates` indexes those that are digits, from left to right, `marks` the
    pieces left out; `probability` is that of the digits among all ways.
    """

    candidates: tuple[int, ...]
    marks: tuple[int, ...]
    probability: float


def digit_log_odds(opinions: npt.NDArray[np.float32]) -> Doubles:
    """How digit-like each candidate looks: log odds of its likeliest digit against everything else.

    (N, 11) opinions of the recogniser -> (N,), at most CERTAIN either way.
    Log odds rather than log probabilities, since a network calls two digits
    together a digit with 99 %, one digit with 99.9999 %.
    """
    exact = opinions.astype(np.float64)
    exact[:, :10] *= 1 - exact[:, 10:]
    likeliest = exact[:, :10].argmax(axis=1)
    rows = np.arange(len(exact))
    best = exact[rows, likeliest]
    exact[rows, likeliest] = 0
    tiny = np.finfo(np.float32).tiny
    odds: Doubles = np.log(np.maximum(best, tiny)) - np.log(np.maximum(exact.sum(axis=1), tiny))
    return np.clip(odds, -CERTAIN, CERTAIN)


def group(line: Line, candidates: Sequence[Candidate], opinions: npt.NDArray[np.float32], weights: Weights) -> Grouping:
    """The best path through a line."""
    return best(edges_of(line, candidates, opinions), len(line.pieces), as_vector(weights))


def as_vector(weights: Weights) -> Doubles:
    """Weights in the order of FEATURES."""
    return np.array([weights[name] for name in FEATURES])


def edges_of(line: Line, candidates: Sequence[Candidate], opinions: npt.NDArray[np.float32]) -> list[Edge]:
    """All steps that a path may take, with their features."""
    digits = opinions[:, :10].argmax(axis=1).tolist()
    odds = digit_log_odds(opinions).tolist()
    borders = [_border(line, index) for index in range(1, len(line.pieces))]
    borders.append(np.zeros(len(FEATURES)))
    edges = []
    for number, (candidate, digit, log_odds) in enumerate(zip(candidates, digits, odds, strict=True)):
        features = _digit(line, candidate, digit, log_odds) + borders[candidate.end - 1]
        cut_off = borders[candidate.end - 1][CUTS] + (borders[candidate.start - 1][CUTS] if candidate.start else 0)
        features[SLIVERS] = cut_off if digit == 1 else 0
        edges.append(Edge(candidate.start, candidate.end, number, digit, features))
    for index, piece in enumerate(line.pieces):
        height, width = (side / line.height for side in piece.ink.shape)
        if height < MARK_HEIGHT and width < MARK_WIDTH and len(line.pieces) > 1:
            features = _vector(marks=1.0, marked=max(height, width)) + borders[index]
            edges.append(Edge(index, index + 1, None, None, features))
    return sorted(edges, key=lambda edge: edge.end)


def best(edges: Sequence[Edge], length: int, weights: Doubles) -> Grouping:
    """The most likely string of digits, summed over the paths that spell it, and its best path."""
    # For each place: text -> (log of the sum of its paths, log of its best path, that path).
    kept: list[dict[str, tuple[float, float, tuple[Edge, ...]]]] = [{} for _ in range(length + 1)]
    kept[0][""] = (0.0, 0.0, ())
    for edge in edges:
        score = float(edge.features @ weights)
        letter = "" if edge.digit is None else str(edge.digit)
        for text, (total, most, path) in _likeliest(kept[edge.start]):
            old_total, old_most, old_path = kept[edge.end].get(text + letter, (-np.inf, -np.inf, ()))
            new_most, new_path = (most + score, (*path, edge)) if most + score > old_most else (old_most, old_path)
            kept[edge.end][text + letter] = (float(np.logaddexp(old_total, total + score)), new_most, new_path)
    total, _, path = max(kept[-1].values(), key=lambda entry: entry[0])
    everything = float(np.logaddexp.reduce([entry[0] for entry in kept[-1].values()]))
    return Grouping(
        candidates=tuple(edge.candidate for edge in path if edge.candidate is not None),
        marks=tuple(edge.start for edge in path if edge.candidate is None),
        probability=float(np.exp(total - everything)),
    )


def _likeliest(
    entries: dict[str, tuple[float, float, tuple[Edge, ...]]],
) -> list[tuple[str, tuple[float, float, tuple[Edge, ...]]]]:
    # A list, since an edge may add to the entries that it starts from only through a later place.
    return sorted(entries.items(), key=lambda item: -item[1][0])[:KEPT_READINGS]


def _vector(**values: float) -> Doubles:
    return np.array([values.get(name, 0.0) for name in FEATURES])


def _digit(line: Line, candidate: Candidate, digit: int, log_odds: float) -> Doubles:
    """Features of taking a candidate as a digit."""
    _, _, width, height = candidate.box
    deviation = float((np.log(width / height) - LOG_ASPECT[digit]) / LOG_ASPECT_SD[digit])
    # The longer side: a flat zero is as large as the ones beside it are tall.
    ratio = max(height, width) / line.height
    pieces = line.pieces[candidate.start : candidate.end]
    heights: dict[int, int] = {}
    for piece in pieces:
        heights[piece.part] = max(heights.get(piece.part, 0), piece.ink.shape[0])
    gap, joins, right = 0.0, 0, pieces[0].right
    for before, piece in zip(pieces, pieces[1:], strict=False):
        if piece.part != before.part and piece.left >= right:
            gap += (piece.left - right) / line.height
            joins += 1
        right = max(right, piece.right)
    return _vector(
        unread=min(float(np.logaddexp(0, -log_odds)), MOST_SURPRISE),
        doubt=max(0.0, CERTAIN - log_odds),
        wide=min(max(0.0, deviation) ** 2 / 2, MOST_WIDE),
        thin=max(0.0, -float(np.log(_thickness(pieces) / height))),
        short=max(0.0, float(np.log(USUAL_HEIGHT / ratio))),
        parts=len(heights) - 1,
        tall_parts=max(0, sum(part >= TALL_PART * line.height for part in heights.values()) - 1),
        gap=gap,
        joins=joins,
        digits=1,
    )


def _border(line: Line, index: int) -> Doubles:
    """Features of a border between digits before piece `index`."""
    crossings, runs, overlap, shared = [], 0, 0.0, 0.0
    near = range(max(0, index - 3), index), range(index, min(len(line.pieces), index + 3))
    for before in near[0]:
        for after in near[1]:
            left, right = line.pieces[before], line.pieces[after]
            if left.part != right.part:
                overlap = max(overlap, _overlap(left, right) ** 2)
                shared = max(shared, _shared_ink(left, right))
            elif left.seam is not None and all(line.pieces[i].part != left.part for i in range(before + 1, after)):
                crossings.append(left.seam.crossing)
                runs += max(0, left.seam.runs - 1)
    return _vector(
        cuts=len(crossings),
        skirt=sum(min(crossing, SOFT_EDGE) for crossing in crossings),
        crossing=sum(max(0.0, crossing - SOFT_EDGE) for crossing in crossings),
        runs=runs,
        overlap=overlap,
        shared=shared,
    )


def _overlap(one: Piece, other: Piece) -> float:
    """Columns that two pieces share, in parts of the narrower."""
    across = min(one.right, other.right) - max(one.left, other.left)
    return float(max(0.0, across / min(one.ink.shape[1], other.ink.shape[1])))


def _shared_ink(one: Piece, other: Piece) -> float:
    """Ink that both have, in squares of the stroke width, at most MOST_SHARED; only pen strokes that cross have any."""
    top, left = max(one.top, other.top), max(one.left, other.left)
    bottom, right = min(one.bottom, other.bottom), min(one.right, other.right)
    if bottom <= top or right <= left:
        return 0.0
    first = one.ink[top - one.top : bottom - one.top, left - one.left : right - one.left]
    second = other.ink[top - other.top : bottom - other.top, left - other.left : right - other.left]
    return min(MOST_SHARED, float(np.minimum(first, second).sum()) / one.stroke_px**2)


def _thickness(pieces: Sequence[Piece]) -> float:
    """How tall an upright stroke all the ink would make, in px."""
    return sum(float(piece.ink.sum()) / piece.stroke_px for piece in pieces)
