"""Make the reading of a number from the groupings of its lines."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Doubles, Integers
from mnist_classifier.core.records import (
    Box,
    Caution,
    Cell,
    DigitInNumber,
    Mark,
    MarkKind,
    NumberCandidate,
    NumberReading,
    NumberVerdict,
    Reading,
    TextLine,
    Verdict,
)
from mnist_classifier.recognition.numbers import features, grouping, segmentation
from mnist_classifier.recognition.numbers.doubts import UNEXPLAINED
from mnist_classifier.recognition.numbers.expected import ANYTHING, Expected
from mnist_classifier.recognition.numbers.line_image import draw_line
from mnist_classifier.recognition.numbers.line_reader import LineReader, edge_scores
from mnist_classifier.recognition.numbers.segmentation import Candidate, Line
from mnist_classifier.recognition.page.cells import CellPlace, is_inside

# A number is ambiguous if the probability of its digits is lower.
AMBIGUOUS_BELOW = 0.95
# Numbers less likely than this are not listed.
LEAST_LIKELY = 1e-4
# The line reader has seen no letters, so its opinion that something is a digit counts at most this much.
MOST_TRUSTED = 0.98
# What is expected but less likely than this is not what is written.
LEAST_EXPECTED = 1e-4
KINDS = tuple(MarkKind)
LINE_UNREAD = features.INDEX["line_unread"]
# How far a border moves in the line reader's output, in frames, and what each frame costs in nats.
MOST_SHIFT, SHIFT_COST, MOST_SPIKE = 2, 0.2, 4.0

Opinions: TypeAlias = npt.NDArray[np.float32]
UNEXPECTED = Caution("unexpected", "No reading fits the length, the pattern or the digits that you expect.")


@dataclass(frozen=True)
class Reader:
    """Reads the glyphs of digits, and whole lines.

    opinions: (N, 28, 28) uint8 -> (N, 11), as `Recogniser.opinions`.
    judge: a row of it -> the reading of a digit.
    evidence: glyphs -> (N, 10) nats that a personal model adds to each digit, because the line reader has none.
    """

    opinions: Callable[[Bytes], Opinions]
    judge: Callable[[Opinions], Reading]
    lines: LineReader
    evidence: Callable[[Bytes], Doubles] | None = None


def read_pages(
    pages: Sequence[Sequence[Line]], weights: grouping.Weights, reader: Reader, expected: Expected = ANYTHING
) -> list[NumberReading]:
    """Read the lines of several interpretations of one page; lines that these share are read once."""
    lines = {line.key: line for page in pages for line in page}
    candidates = [segmentation.find_candidates(line) for line in lines.values()]
    glyphs = [segmentation.make_glyphs(line, boxes) for line, boxes in zip(lines.values(), candidates, strict=True)]
    # One call for the candidates of all lines, because each call takes as long as several glyphs.
    opinions = allowing(reader.opinions(np.concatenate(glyphs)), expected.allowed)
    ends = np.cumsum([len(part) for part in glyphs])[:-1]
    rows = np.split(opinions, ends)
    evidence = np.zeros((len(opinions), 10)) if reader.evidence is None else reader.evidence(np.concatenate(glyphs))
    vector = grouping.as_vector(weights)
    found = {
        key: _read_line(line, boxes, part, added, vector, reader, expected)
        for (key, line), boxes, part, added in zip(
            lines.items(), candidates, rows, np.split(evidence, ends), strict=True
        )
    }
    return [_combined([found[line.key] for line in page]) for page in pages]


def allowing(opinions: Opinions, allowed: str) -> Opinions:
    """Opinions given that only some digits may occur: (N, 11) -> (N, 11)."""
    if len(set(allowed)) == 10:
        return opinions
    possible = np.array([str(digit) in allowed for digit in range(10)])
    kept = np.where(possible, opinions[:, :10], 0)
    share = kept.sum(axis=1, keepdims=True)
    none = opinions[:, 10:]
    still_digit = (1 - none) * share
    # By Bayes' rule: what looks like another digit is more likely no digit at all.
    none = np.where(share > 0, none / np.maximum(none + still_digit, 1e-30), 1)
    digits = np.where(share > 0, kept / np.maximum(share, 1e-30), possible / possible.sum())
    return np.concatenate([digits, none], axis=1).astype(np.float32)


def score_line(
    line: Line, candidates: Sequence[Candidate], opinions: Opinions, reader: LineReader
) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Features of every label of every candidate of a line, as `features.make_features` returns them."""
    image = draw_line(line)
    if image is None:
        scores = np.zeros((len(candidates), len(features.LABELS)))
    else:
        log_probabilities = reader.read([image.pixels])[0]
        borders = between_spikes(image.borders, log_probabilities)
        starts = borders[[candidate.start for candidate in candidates]]
        ends = borders[[candidate.end for candidate in candidates]]
        scores = edge_scores(log_probabilities, starts, ends)
    return features.make_features(line, candidates, opinions, scores)


def between_spikes(borders: Integers, log_probabilities: Opinions) -> Integers:
    """Move each border to the frame nearby where the line reader most surely sees nothing.

    The reader names a character in one or two frames, not always those in its middle.
    """
    blank = log_probabilities[:, 0].astype(np.float64)
    # (frames + 1,): the score of a border before each frame.
    around = np.concatenate([blank[:1], blank[:-1] + blank[1:], blank[-1:]]).clip(-MOST_SPIKE)
    shifts = np.arange(-MOST_SHIFT, MOST_SHIFT + 1)
    near = np.clip(borders[1:-1, None] + shifts, 0, len(blank))
    chosen = shifts[(around[near] - SHIFT_COST * np.abs(shifts)).argmax(axis=1)]
    return np.maximum.accumulate(
        np.concatenate([borders[:1], np.clip(borders[1:-1] + chosen, 0, len(blank)), borders[-1:]])
    )


@dataclass(frozen=True)
class _ReadLine:
    digits: list[DigitInNumber]
    marks: list[Mark]
    grouped: grouping.Grouping
    box: Box
    is_expected: bool


def _read_line(
    line: Line,
    candidates: Sequence[Candidate],
    opinions: Opinions,
    evidence: Doubles,
    weights: Doubles,
    reader: Reader,
    expected: Expected,
) -> _ReadLine:
    values, possible = score_line(line, candidates, opinions, reader.lines)
    scores = np.where(possible, values @ weights, -np.inf)
    scores[:, :10] += evidence
    for digit in range(10):
        if str(digit) not in expected.allowed:
            scores[:, digit] = -np.inf
    grouped = grouping.best_path(candidates, scores, len(line.pieces))
    assert grouped is not None
    is_expected = True
    if expected.is_bounded:
        fitting = grouping.best_path(candidates, scores, len(line.pieces), expected)
        is_expected = fitting is not None and fitting.score > grouped.score + math.log(LEAST_EXPECTED)
        if fitting is not None and is_expected:
            grouped = fitting
    digits, marks = [], []
    for edge in grouped.edges:
        box, shares = candidates[edge.candidate].box, _softmax(scores[edge.candidate])
        if edge.label < 10:
            in_line = math.exp(-values[edge.candidate, edge.label, LINE_UNREAD])
            none = _still_none(float(opinions[edge.candidate, 10]), in_line)
            opinion = np.append(_softmax(scores[edge.candidate, :10]), none).astype(np.float32)
            digits.append(DigitInNumber(box, reader.judge(opinion)))
        else:
            marks.append(Mark(KINDS[edge.label - 10], box, float(shares[edge.label])))
    return _ReadLine(digits, marks, grouped, _box_of(line), is_expected)


def _still_none(none: float, in_line: float) -> float:
    """Probability that a glyph shows no digit, after the line reader saw the digit with the probability `in_line`."""
    seen = min(max(in_line, 0.5), MOST_TRUSTED)
    return none * (1 - seen) / (none * (1 - seen) + (1 - none) * seen)


def _combined(lines: Sequence[_ReadLine]) -> NumberReading:
    """One reading of all lines."""
    digits = [digit for line in lines for digit in line.digits]
    marks = tuple(mark for line in lines for mark in line.marks)
    written = [
        TextLine(line.grouped.numbers[0][0], line.grouped.text, line.grouped.probability, line.box)
        for line in lines
        if line.grouped.text
    ]
    warnings = [UNEXPECTED] if not all(line.is_expected for line in lines) else []
    if any(mark.kind is MarkKind.OTHER for mark in marks):
        warnings.append(UNEXPLAINED)
    verdicts = [digit.reading.verdict for digit in digits]
    # Some refused digits make a number ambiguous; if half are refused, it is no number.
    if 2 * verdicts.count(Verdict.NOT_A_DIGIT) >= len(verdicts):
        return NumberReading(None, 0.0, NumberVerdict.NOT_A_NUMBER, tuple(digits), marks=marks)
    confidence = math.prod(line.grouped.probability for line in lines)
    doubtful = bool(warnings) or set(verdicts) != {Verdict.DIGIT} or confidence < AMBIGUOUS_BELOW
    return NumberReading(
        number="\n".join(line.number for line in written if line.number),
        confidence=confidence,
        verdict=NumberVerdict.AMBIGUOUS if doubtful else NumberVerdict.NUMBER,
        digits=tuple(digits),
        text="\n".join(line.text for line in written),
        lines=tuple(written),
        marks=marks,
        candidates=_numbers([line.grouped.numbers for line in lines]),
        warnings=tuple(warnings),
    )


def with_cells(reading: NumberReading, places: Sequence[CellPlace]) -> NumberReading:
    """Sort the digits of a reading into cells."""
    return dataclasses.replace(reading, cells=tuple(_cell(reading.digits, place) for place in places))


def _cell(digits: Sequence[DigitInNumber], place: CellPlace) -> Cell:
    inside = [digit for digit in digits if is_inside(digit.box, place.box)]
    if not inside:
        return Cell(*place, number=None, confidence=0.0, verdict=NumberVerdict.BLANK)
    number = "".join(str(np.argmax(digit.reading.probabilities)) for digit in inside)
    confidence = math.prod(digit.reading.confidence for digit in inside)
    is_sure = confidence >= AMBIGUOUS_BELOW and all(digit.reading.verdict is Verdict.DIGIT for digit in inside)
    return Cell(*place, number, confidence, NumberVerdict.NUMBER if is_sure else NumberVerdict.AMBIGUOUS)


def _numbers(lines: Sequence[Sequence[tuple[str, float]]]) -> tuple[NumberCandidate, ...]:
    """The likeliest numbers of all lines together."""
    best: list[tuple[tuple[str, ...], float]] = [((), 1.0)]
    for line in lines:
        every = [((*before, number), one * other) for (before, one), (number, other) in itertools.product(best, line)]
        best = sorted(every, key=lambda item: -item[1])[: grouping.MOST_NUMBERS]
    return tuple(
        NumberCandidate("\n".join(filter(None, texts)), probability)
        for texts, probability in best
        if probability >= LEAST_LIKELY
    )


def _box_of(line: Line) -> Box:
    left, top = min(piece.left for piece in line.pieces), min(piece.top for piece in line.pieces)
    right, bottom = max(piece.right for piece in line.pieces), max(piece.bottom for piece in line.pieces)
    return left, top, right - left, bottom - top


def _softmax(scores: Doubles) -> Doubles:
    odds = np.exp(scores - scores.max())
    shares: Doubles = odds / odds.sum()
    return shares
