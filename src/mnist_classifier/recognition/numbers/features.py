"""Features of the edges of the segmentation graph: how likely a group of pieces is each digit or mark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Doubles
from mnist_classifier.core.records import MARK_CHARACTERS
from mnist_classifier.recognition.numbers.segmentation import Candidate, Line, Piece

# What a candidate may be: a digit, a mark, or nothing (a speck).
LABELS = (*"0123456789", *MARK_CHARACTERS.values(), "")
DIGITS, MARKS, NOTHING = slice(0, 10), slice(10, len(LABELS) - 1), len(LABELS) - 1
SLASH, BRACKETS = LABELS.index("/"), slice(LABELS.index("("), LABELS.index(")") + 1)

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
# A larger piece, in line heights, is no speck that may be left out.
SPECK_HEIGHT, SPECK_WIDTH = 0.35, 0.6

FEATURES = (
    "unread",  # -log of the recogniser's probability
    "doubt",  # CERTAIN minus the recogniser's log odds
    "line_unread",  # -log of the line reader's probability
    "cut_unread",  # "unread", "doubt" and "line_unread" again if the digit is cut from a connected component
    "cut_doubt",
    "cut_line_unread",
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
    "marks",  # 1 for each mark
    "other_marks",  # ... of an unknown kind
    "mark_as_digit",  # ... -log of the recogniser's probability that it is no digit
    "mark_parts",  # ... additional connected components
    "mark_cuts",  # ... cuts beside it
    "slash_lean",  # how far a slash leans to the right: columns for each row
    "slash_line_lean",  # ... how far the line's tall pieces do
    "slash_height",  # log of its height, in line heights
    "one_lean",  # the same for a 1
    "one_line_lean",
    "one_height",
    "bracket_height",  # the same for a bracket
    "left_out",  # specks left out
    "left_out_size",  # ... their size, in line heights
)
INDEX = {name: number for number, name in enumerate(FEATURES)}
OPINIONS, CUT_OPINIONS = slice(0, 3), slice(3, 6)


def make_features(
    line: Line, candidates: Sequence[Candidate], opinions: npt.NDArray[np.float32], line_scores: Doubles
) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Features of every label of every candidate, and which labels it may have.

    opinions: (N, 11) of the recogniser.  line_scores: (N, 23) log probabilities of the line reader.
    Returns (N, 23, F) and (N, 23).
    """
    features = np.zeros((len(candidates), len(LABELS), len(FEATURES)))
    possible = np.ones(features.shape[:2], bool)
    odds = digit_log_odds(opinions)
    features[:, DIGITS, INDEX["unread"]] = np.minimum(np.logaddexp(0, -odds), MOST_SURPRISE)
    features[:, DIGITS, INDEX["doubt"]] = CERTAIN - odds
    features[:, :, INDEX["line_unread"]] = np.minimum(-line_scores, MOST_SURPRISE)
    boxes = np.array([candidate.box for candidate in candidates], float)
    deviations = (np.log(boxes[:, 2] / boxes[:, 3])[:, None] - LOG_ASPECT) / LOG_ASPECT_SD
    features[:, DIGITS, INDEX["wide"]] = np.minimum(np.maximum(0, deviations) ** 2 / 2, MOST_WIDE)
    features[:, DIGITS, INDEX["digits"]] = 1
    features[:, MARKS, INDEX["marks"]] = 1
    features[:, NOTHING - 1, INDEX["other_marks"]] = 1
    features[:, MARKS, INDEX["mark_as_digit"]] = np.minimum(-np.log(np.maximum(opinions[:, 10:], 1e-9)), MOST_SURPRISE)
    leans, heights = _leans(line, candidates), np.log(boxes[:, 3] / line.height)
    for label, name in ((SLASH, "slash"), (1, "one")):
        features[:, label, INDEX[f"{name}_lean"]] = leans
        features[:, label, INDEX[f"{name}_line_lean"]] = _line_lean(line)
        features[:, label, INDEX[f"{name}_height"]] = heights
    features[:, BRACKETS, INDEX["bracket_height"]] = heights[:, None]
    borders = [np.zeros(len(FEATURES)), *(_border(line, index) for index in range(1, len(line.pieces)))]
    borders.append(borders[0])
    cuts = INDEX["cuts"]
    for row, candidate in enumerate(candidates):
        shape = _shape(line, candidate)
        for name in ("thin", "short", "parts", "tall_parts", "gap", "joins"):
            features[row, DIGITS, INDEX[name]] = shape[name]
        features[row, MARKS, INDEX["mark_parts"]] = shape["parts"]
        cut_off = borders[candidate.start][cuts] + borders[candidate.end][cuts]
        if cut_off:
            features[row, DIGITS, CUT_OPINIONS] = features[row, DIGITS, OPINIONS]
        features[row, 1, INDEX["slivers"]] = cut_off
        features[row, MARKS, INDEX["mark_cuts"]] = cut_off
        features[row] += borders[candidate.end]
        height, width = candidate.box[3] / line.height, candidate.box[2] / line.height
        is_speck = height < SPECK_HEIGHT and width < SPECK_WIDTH and candidate.end == candidate.start + 1
        possible[row, NOTHING] = is_speck and len(line.pieces) > 1
        features[row, NOTHING, INDEX["left_out"]] = 1
        features[row, NOTHING, INDEX["left_out_size"]] = max(height, width)
    return features, possible


def digit_log_odds(opinions: npt.NDArray[np.float32]) -> Doubles:
    """Log odds of each digit against everything else, from -CERTAIN to CERTAIN.

    (N, 11) opinions of the recogniser -> (N, 10).
    Log odds tell 99 % (two digits together) from 99.9999 % (one digit); log
    probabilities hardly do.
    """
    exact = opinions.astype(np.float64)
    exact[:, :10] *= 1 - exact[:, 10:]
    tiny = float(np.finfo(np.float32).tiny)
    # Sums of the others, not one minus the digit: that would lose what is smaller than a millionth.
    others = np.stack([np.delete(exact, digit, axis=1).sum(axis=1) for digit in range(10)], axis=1)
    odds: Doubles = np.log(np.maximum(exact[:, :10], tiny)) - np.log(np.maximum(others, tiny))
    return np.clip(odds, -CERTAIN, CERTAIN)


def _leans(line: Line, candidates: Sequence[Candidate]) -> Doubles:
    """How far the ink of each candidate leans to the right, in columns for each row upwards, from -1 to 1."""
    moments = np.cumsum([np.zeros(5), *(_moments(piece) for piece in line.pieces)], axis=0)
    sums = moments[[each.end for each in candidates]] - moments[[each.start for each in candidates]]
    return _lean(sums)


def _line_lean(line: Line) -> float:
    """The same for the tall pieces of a line, on average."""
    tall = [piece for piece in line.pieces if len(piece.ink) >= TALL_PART * line.height] or line.pieces
    return float(
        np.average([_lean(_moments(each)[None])[0] for each in tall], weights=[each.ink.sum() for each in tall])
    )


def _moments(piece: Piece) -> Doubles:
    """Sums of the ink, and of it times x, y, x*y and y*y."""
    rows, columns = np.arange(piece.top, piece.bottom), np.arange(piece.left, piece.right)
    by_row, by_column = piece.ink.sum(axis=1, dtype=np.float64), piece.ink.sum(axis=0, dtype=np.float64)
    crossed = float(rows @ piece.ink @ columns)
    return np.array([by_row.sum(), by_column @ columns, by_row @ rows, crossed, by_row @ rows**2])


def _lean(sums: Doubles) -> Doubles:
    mass, x, y, xy, yy = sums.T
    covariance, variance = xy - x * y / mass, yy - y * y / mass
    lean: Doubles = np.clip(-covariance / np.maximum(variance, 0.1 * mass), -1, 1)
    return lean


def _shape(line: Line, candidate: Candidate) -> dict[str, float]:
    """Features of a candidate's shape, whatever digit it is."""
    _, _, width, height = candidate.box
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
    return {
        "thin": max(0.0, -float(np.log(_thickness(pieces) / height))),
        "short": max(0.0, float(np.log(USUAL_HEIGHT / ratio))),
        "parts": len(heights) - 1,
        "tall_parts": max(0, sum(part >= TALL_PART * line.height for part in heights.values()) - 1),
        "gap": gap,
        "joins": joins,
    }


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
    values = np.zeros(len(FEATURES))
    for name, value in {
        "cuts": len(crossings),
        "soft_ink": sum(min(crossing, SOFT_EDGE) for crossing in crossings),
        "crossing": sum(max(0.0, crossing - SOFT_EDGE) for crossing in crossings),
        "runs": runs,
        "overlap": overlap,
        "shared": shared,
    }.items():
        values[INDEX[name]] = value
    return values


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
