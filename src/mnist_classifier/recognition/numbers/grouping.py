"""Which pieces of a line form digits and marks: the best path through the segmentation graph.

An edge of the graph groups neighbouring pieces into one digit or mark.  Edges
have features (features.py), and the score of a path is their weighted sum.  The
weights make it the logarithm of a probability (a semi-Markov conditional random
field); bench/fitting/grouping.py fits them.  Sources: Sarawagi & Cohen 2004;
over-segmentation with a recogniser: Fujisawa, Nakano & Kurino 1992.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mnist_classifier.core.arrays import Doubles
from mnist_classifier.recognition.numbers.expected import ANYTHING, DIGITS, Expected
from mnist_classifier.recognition.numbers.features import FEATURES, LABELS
from mnist_classifier.recognition.numbers.forms import log_odds
from mnist_classifier.recognition.numbers.segmentation import Candidate

# Texts that are kept at each node of the graph, and labels of each candidate.
KEPT_TEXTS, KEPT_LABELS = 8, 4
# A label this much less likely than the candidate's likeliest, in nats, is not tried.
UNLIKELY = 12.0
# Numbers that a reading lists.
MOST_NUMBERS = 5

Weights = Mapping[str, float]
PIXEL_WEIGHTS: Weights = dict(
    unread=-0.72, doubt=0.00, line_unread=-1.09, cut_unread=0.66, cut_doubt=-0.04, cut_line_unread=0.01, wide=-0.15,
    thin=0.00, short=-0.71, parts=-1.05, tall_parts=0.00, gap=-0.19, joins=-1.54, digits=0.56, cuts=0.67,
    soft_ink=-0.01, crossing=-0.04, runs=0.00, overlap=-0.36, shared=0.00, slivers=0.25, marks=0.21,
    other_marks=-2.21, mark_as_digit=0.00, mark_parts=0.00, mark_cuts=-2.74, slash_lean=0.55, slash_line_lean=0.21,
    slash_height=1.43, one_lean=-1.01, one_line_lean=-0.59, one_height=-0.94, bracket_height=0.48, left_out=-2.33,
    left_out_size=-0.12,
)  # fmt: skip
STROKE_WEIGHTS: Weights = dict(
    unread=-0.98, doubt=0.00, line_unread=-1.69, cut_unread=0.00, cut_doubt=0.00, cut_line_unread=0.00, wide=-0.92,
    thin=0.00, short=-0.11, parts=0.00, tall_parts=-0.93, gap=-0.08, joins=-0.74, digits=0.76, cuts=-1.41,
    soft_ink=-0.58, crossing=-1.00, runs=-0.01, overlap=-1.93, shared=-1.91, slivers=-0.01, marks=-2.65,
    other_marks=-3.00, mark_as_digit=-0.26, mark_parts=-2.00, mark_cuts=-0.80, slash_lean=-0.02,
    slash_line_lean=-0.01, slash_height=0.01, one_lean=0.09, one_line_lean=0.08, one_height=0.00,
    bracket_height=0.00, left_out=-4.00, left_out_size=-1.30,
)  # fmt: skip


@dataclass(frozen=True)
class Edge:
    """A candidate read as a label; LABELS[label] is its character."""

    candidate: int
    label: int


# The paths that spell one text: log of their summed probability, log of the best one's, the best one.
Paths: TypeAlias = tuple[float, float, tuple[Edge, ...]]


@dataclass(frozen=True)
class Grouping:
    """The most likely reading of a line.

    text: digits and marks.  edges: those of the best path, from left to right,
    without what is left out.  numbers: the likeliest strings of digits with their
    probabilities, best first; the first one is that of `text`.  score: log of the
    sum over all paths.
    """

    text: str
    edges: tuple[Edge, ...]
    numbers: tuple[tuple[str, float], ...]
    score: float

    @property
    def probability(self) -> float:
        """Probability of the string of digits."""
        return self.numbers[0][1]


def as_vector(weights: Weights) -> Doubles:
    """Put weights into the order of FEATURES."""
    return np.array([weights[name] for name in FEATURES])


def best_path(
    candidates: Sequence[Candidate], scores: Doubles, length: int, expected: Expected = ANYTHING
) -> Grouping | None:
    """Find the most likely string of digits of a line with `length` pieces; None if nothing is as expected.

    scores: (N, 23), the score of each label of each candidate; -inf where it is impossible.
    """
    # For each node of the graph: text -> its paths.
    kept: list[dict[str, Paths]] = [{} for _ in range(length + 1)]
    kept[0][""] = (0.0, 0.0, ())
    likeliest: dict[int, list[tuple[str, Paths]]] = {}
    for number in sorted(range(len(candidates)), key=lambda index: candidates[index].end):
        candidate = candidates[number]
        if candidate.start not in likeliest:
            likeliest[candidate.start] = _likeliest(kept[candidate.start], expected)
        ends = kept[candidate.end]
        for label in _labels(scores[number], expected):
            score, edge = float(scores[number, label]), (Edge(number, label),) if LABELS[label] else ()
            for before, (total, most, path) in likeliest[candidate.start]:
                text = before + LABELS[label]
                if not expected.may_begin(text):
                    continue
                old_total, old_most, old_path = ends.get(text, (-np.inf, -np.inf, ()))
                new_most, new_path = (most + score, path + edge) if most + score > old_most else (old_most, old_path)
                ends[text] = (float(np.logaddexp(old_total, total + score)), new_most, new_path)
    return _best(kept[-1], expected)


def _labels(scores: Doubles, expected: Expected) -> list[int]:
    """The likely labels of one candidate, and those marks that the pattern has."""
    order = np.argsort(-scores)[:KEPT_LABELS].tolist()
    likely = [label for label in order if scores[label] > max(-np.inf, scores[order[0]] - UNLIKELY)]
    return likely + [
        LABELS.index(character)
        for character in sorted(set(expected.marks) - {LABELS[label] for label in likely})
        if np.isfinite(scores[LABELS.index(character)])
    ]


def _likeliest(paths: dict[str, Paths], expected: Expected) -> list[tuple[str, Paths]]:
    """The likeliest texts; of each length if the length matters."""
    found: dict[int, list[tuple[str, Paths]]] = {}
    for text, entry in sorted(paths.items(), key=lambda item: -item[1][0]):
        same = found.setdefault(len(text) if expected.is_bounded else 0, [])
        if len(same) < KEPT_TEXTS:
            same.append((text, entry))
    return [item for group in found.values() for item in group]


def _best(paths: Mapping[str, Paths], expected: Expected) -> Grouping | None:
    """Add up the texts with the same digits and choose the likeliest."""
    fitting = {text: entry for text, entry in paths.items() if expected.fits(text)}
    if not fitting:
        return None
    totals = {text: total + log_odds(text) for text, (total, _, _) in fitting.items()}
    everything = float(np.logaddexp.reduce(list(totals.values())))
    numbers: dict[str, float] = {}
    for text, total in totals.items():
        number = digits_of(text)
        numbers[number] = numbers.get(number, 0.0) + float(np.exp(total - everything))
    ranked = sorted(numbers.items(), key=lambda item: -item[1])[:MOST_NUMBERS]
    best = max((text for text in totals if digits_of(text) == ranked[0][0]), key=totals.__getitem__)
    return Grouping(best, fitting[best][2], tuple(ranked), everything)


def digits_of(text: str) -> str:
    """The digits of a text, without its marks."""
    return "".join(character for character in text if character in DIGITS)
