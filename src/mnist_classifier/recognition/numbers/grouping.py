"""Which pieces of a line form digits: the best path through the segmentation graph.

An edge of the graph groups neighbouring pieces into one digit.  Edges have
features, and the score of a path is their weighted sum.  The weights make it
the logarithm of a probability (a semi-Markov conditional random field);
bench/fitting/grouping.py fits them.  Sources: Sarawagi & Cohen 2004;
over-segmentation with a recogniser: Fujisawa, Nakano & Kurino 1992.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Doubles
from mnist_classifier.recognition.numbers.segmentation import Candidate, Line, Piece

# log(width / height) of each digit's ink: mean and standard deviation over MNIST's 60,000 training images.
LOG_ASPECT = np.array([-0.10, -0.88, -0.06, -0.21, -0.22, -0.07, -0.30, -0.24, -0.26, -0.37])
LOG_ASPECT_SD = np.array([0.18, 0.44, 0.20, 0.20, 0.20, 0.24, 0.21, 0.20, 0.21, 0.20])
# Upper bounds of features, so that one extreme value does not outweigh all others.
MOST_SURPRISE = 8.0
MOST_WIDE = 16.0
CERTAIN = 20.0
# A cut through touching soft edges crosses less ink than this, in stroke widths.
SOFT_EDGE = 0.4
# Heights vary within a handwriting: this share of the line's height is still usual.
USUAL_HEIGHT = 0.7
TALL_PART = 0.55
MOST_SHARED = 2.0
# A piece smaller than this, in line heights, may be a mark and no part of a digit: a speck, a point, a dash.
MARK_HEIGHT, MARK_WIDTH = 0.35, 0.6
KEPT_READINGS = 8

FEATURES = (
    "unread",  # -log of the recogniser's probability
    "doubt",  # CERTAIN minus the recogniser's log odds
    "wide",  # excess width for that digit, as a squared deviation / 2
    "thin",  # log of how much thinner than a stroke the ink is
    "short",  # log of how much shorter than USUAL_HEIGHT it is
    "parts",  # additional connected components of the digit
    "tall_parts",  # ... those tall enough to be digits
    "gap",  # blank columns between the components of a digit, in line heights
    "joins",  # ... the number of such gaps
    "digits",  # 1 for each digit
    "cuts",  # borders within one connected component
    "soft_ink",  # ... ink that they cross, in stroke widths, up to SOFT_EDGE
    "crossing",  # ... ink beyond SOFT_EDGE
    "runs",  # ... places beyond the first where they cross ink
    "overlap",  # columns shared by components of different digits, as a squared share of the narrower one
    "shared",  # ink shared by pen strokes of different digits, in squares of the stroke width
    "slivers",  # cuts beside a 1: a piece of any upright stroke looks like a 1
    "marks",  # pieces left out
    "marked",  # ... their size, in line heights
)
CUTS, SLIVERS = FEATURES.index("cuts"), FEATURES.index("slivers")
Weights = Mapping[str, float]
PIXEL_WEIGHTS: Weights = dict(
    unread=-2.70, doubt=-0.28, wide=-1.53, thin=0.00, short=-1.79, parts=-0.06, tall_parts=-1.09, gap=-0.48,
    joins=-1.36, digits=2.18, cuts=-0.94, soft_ink=-1.92, crossing=-2.40, runs=-0.08, overlap=-1.54, shared=0.00,
    slivers=0.00, marks=-4.89, marked=-0.98,
)  # fmt: skip
STROKE_WEIGHTS: Weights = dict(
    unread=-2.28, doubt=-0.36, wide=-1.01, thin=0.00, short=-0.11, parts=0.00, tall_parts=-0.93, gap=-0.08,
    joins=-0.74, digits=0.72, cuts=-1.41, soft_ink=-0.58, crossing=-1.00, runs=-0.01, overlap=-1.93, shared=-1.91,
    slivers=-0.01, marks=-2.61, marked=-1.09,
)  # fmt: skip


@dataclass(frozen=True)
class Edge:
    """An edge of the segmentation graph: pieces `start` to `end` (exclusive) are a digit, or a mark to leave out.

    candidate, digit: the index of the candidate and its likeliest digit; None for a mark.
    """

    start: int
    end: int
    candidate: int | None
    digit: int | None
    features: Doubles  # (len(FEATURES),)


# The paths that spell one text: log of their summed probability, log of the best one's, the best one.
Paths: TypeAlias = tuple[float, float, tuple[Edge, ...]]


@dataclass(frozen=True)
class Grouping:
    """The most likely reading of a line.

    candidates: indices of the digits, from left to right.  marks: indices of
    the pieces left out.  probability: that of this string of digits.
    """

    candidates: tuple[int, ...]
    marks: tuple[int, ...]
    probability: float


def digit_log_odds(opinions: npt.NDArray[np.float32]) -> Doubles:
    """Log odds of each candidate's likeliest digit against everything else.

    (N, 11) opinions of the recogniser -> (N,), from -CERTAIN to CERTAIN.
    Log odds tell 99 % (two digits together) from 99.9999 % (one digit); log
    probabilities hardly do.
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
    """Find the most likely reading of a line."""
    return best_path(find_edges(line, candidates, opinions), len(line.pieces), as_vector(weights))


def as_vector(weights: Weights) -> Doubles:
    """Put weights into the order of FEATURES."""
    return np.array([weights[name] for name in FEATURES])


def find_edges(line: Line, candidates: Sequence[Candidate], opinions: npt.NDArray[np.float32]) -> list[Edge]:
    """List all edges of the segmentation graph with their features, sorted by their ends."""
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


def best_path(edges: Sequence[Edge], length: int, weights: Doubles) -> Grouping:
    """Find the most likely string of digits, summed over the paths that spell it, and its best path."""
    # For each node of the graph: text -> its paths.
    kept: list[dict[str, Paths]] = [{} for _ in range(length + 1)]
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


def _likeliest(paths: dict[str, Paths]) -> list[tuple[str, Paths]]:
    return sorted(paths.items(), key=lambda item: -item[1][0])[:KEPT_READINGS]


def _vector(**values: float) -> Doubles:
    return np.array([values.get(name, 0.0) for name in FEATURES])


def _digit(line: Line, candidate: Candidate, digit: int, log_odds: float) -> Doubles:
    """Features of reading a candidate as a digit."""
    _, _, width, height = candidate.box
    deviation = float((np.log(width / height) - LOG_ASPECT[digit]) / LOG_ASPECT_SD[digit])
    # The longer side, because a flat zero may be as wide as its neighbours are tall.
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
    """Features of a border between two digits before piece `index`."""
    crossings, runs, overlap, shared = [], 0, 0.0, 0.0
    near = range(max(0, index - 3), index), range(index, min(len(line.pieces), index + 3))
    for before in near[0]:
        for after in near[1]:
            left, right = line.pieces[before], line.pieces[after]
            if left.part != right.part:
                overlap = max(overlap, _overlap(left, right) ** 2)
                shared = max(shared, _shared_ink(left, right))
            elif left.cut is not None and all(line.pieces[i].part != left.part for i in range(before + 1, after)):
                crossings.append(left.cut.crossing)
                runs += max(0, left.cut.runs - 1)
    return _vector(
        cuts=len(crossings),
        soft_ink=sum(min(crossing, SOFT_EDGE) for crossing in crossings),
        crossing=sum(max(0.0, crossing - SOFT_EDGE) for crossing in crossings),
        runs=runs,
        overlap=overlap,
        shared=shared,
    )


def _overlap(one: Piece, other: Piece) -> float:
    """Columns that two pieces share, as a share of the narrower one."""
    across = min(one.right, other.right) - max(one.left, other.left)
    return float(max(0.0, across / min(one.ink.shape[1], other.ink.shape[1])))


def _shared_ink(one: Piece, other: Piece) -> float:
    """Ink that two pen strokes share where they cross, in squares of the stroke width, at most MOST_SHARED."""
    top, left = max(one.top, other.top), max(one.left, other.left)
    bottom, right = min(one.bottom, other.bottom), min(one.right, other.right)
    if bottom <= top or right <= left:
        return 0.0
    first, second = (
        piece.ink[top - piece.top : bottom - piece.top, left - piece.left : right - piece.left]
        for piece in (one, other)
    )
    return min(MOST_SHARED, float(np.minimum(first, second).sum()) / one.stroke_px**2)


def _thickness(pieces: Sequence[Piece]) -> float:
    """Height in px of an upright stroke with the same amount of ink."""
    return sum(float(piece.ink.sum()) / piece.stroke_px for piece in pieces)
