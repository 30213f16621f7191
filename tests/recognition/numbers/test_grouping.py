from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.recognition.numbers import grouping
from mnist_classifier.recognition.numbers.segmentation import Candidate, Line, Piece

SURE = 1 - 1e-9


def piece(left: int, width: int = 20, height: int = 100, part: int = 0) -> Piece:
    return Piece(np.ones((height, width), np.float32), 0, left, part, stroke_px=width)


def opinions(*readings: tuple[int, float]) -> np.ndarray:
    rows = np.empty((len(readings), 10))
    for row, (digit, sure) in zip(rows, readings, strict=True):
        row[:] = (1 - sure) / 9
        row[digit] = sure
    # The probability of no digit is 0.
    return np.pad(rows, ((0, 0), (0, 1))).astype(np.float32)


def boxed(line: Line, *spans: tuple[int, int]) -> list[Candidate]:
    found = []
    for start, end in spans:
        pieces = line.pieces[start:end]
        left, right = min(p.left for p in pieces), max(p.right for p in pieces)
        found.append(Candidate(start, end, (left, 0, right - left, max(p.bottom for p in pieces))))
    return found


TWO_PIECES = Line((piece(0, part=1), piece(30, part=2)), height=100)
SPANS = ((0, 1), (0, 2), (1, 2))


def test_pieces_that_read_well_separately_are_separated():
    candidates = boxed(TWO_PIECES, *SPANS)
    found = grouping.group(TWO_PIECES, candidates, opinions((1, SURE), (4, 0.6), (1, SURE)), grouping.PIXEL_WEIGHTS)
    assert found.candidates == (0, 2)
    assert found.probability > 0.99


def test_strokes_that_read_well_only_together_are_joined():
    line = Line((piece(0, 60, 60, part=1), piece(40, 15, 100, part=2)), height=100)
    reads = opinions((6, 0.5), (4, SURE), (1, 0.9))
    found = grouping.group(line, boxed(line, *SPANS), reads, grouping.STROKE_WEIGHTS)
    assert found.candidates == (1,)


def test_two_equally_good_readings_halve_the_probability():
    weights = dict.fromkeys(grouping.FEATURES, 0.0)
    found = grouping.group(TWO_PIECES, boxed(TWO_PIECES, *SPANS), opinions((1, 0.9), (4, 0.9), (1, 0.9)), weights)
    assert found.probability == pytest.approx(0.5)


def test_paths_with_the_same_digits_add_up():
    line = Line((piece(0, part=1), piece(25, 8, 8, part=2)), height=100)
    # A one, with the dot as part of it or left out.
    weights = dict.fromkeys(grouping.FEATURES, 0.0)
    reads = opinions((1, SURE), (1, SURE))
    found = grouping.group(line, boxed(line, (0, 1), (0, 2)), reads, weights)
    assert found.probability == pytest.approx(1)


def test_a_dot_is_left_out_rather_than_read():
    line = Line((piece(0, part=1), piece(60, 8, 8, part=2), piece(90, part=3)), height=100)
    reads = opinions((1, SURE), (0, 0.7), (1, SURE))
    found = grouping.group(line, boxed(line, (0, 1), (1, 2), (2, 3)), reads, grouping.PIXEL_WEIGHTS)
    assert (found.candidates, found.marks) == ((0, 2), (1,))


def test_being_no_digit_counts_against_every_digit():
    plain = opinions((3, 0.99), (3, 0.99), (3, 0.99))
    plain[1, 10], plain[2, 10] = 0.5, 1.0
    odds = grouping.digit_log_odds(plain)
    assert odds[0] > odds[1] > odds[2] == -grouping.CERTAIN


def test_both_tables_weigh_every_feature():
    for weights in (grouping.PIXEL_WEIGHTS, grouping.STROKE_WEIGHTS):
        assert set(weights) == set(grouping.FEATURES)
        assert all(np.isfinite(weight) for weight in weights.values())
