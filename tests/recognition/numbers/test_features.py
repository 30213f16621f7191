from __future__ import annotations

import numpy as np

from mnist_classifier.recognition.numbers import features
from mnist_classifier.recognition.numbers.features import INDEX, LABELS, NOTHING
from mnist_classifier.recognition.numbers.segmentation import Candidate, Line, Piece

SURE = 1 - 1e-6


def piece(ink: np.ndarray, left: int, top: int = 0, part: int = 0) -> Piece:
    return Piece(ink.astype(np.float32), top, left, part, stroke_px=6)


def upright(lean: float, height: int = 100) -> np.ndarray:
    """A stroke that leans to the right by so many columns a row."""
    rows = np.arange(height)
    lefts = np.rint((height - 1 - rows) * lean).astype(int)
    ink = np.zeros((height, int(lefts.max()) + 6), np.float32)
    for row, left in zip(rows, lefts, strict=True):
        ink[row, left : left + 6] = 1
    return ink


def features_of(*pieces: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Of each piece alone, in a line of 100 px height."""
    line = Line(pieces, height=100)
    candidates = [
        Candidate(index, index + 1, (each.left, each.top, each.ink.shape[1], each.ink.shape[0]))
        for index, each in enumerate(pieces)
    ]
    opinions = np.full((len(pieces), 11), 0.09, np.float32)
    return features.make_features(line, candidates, opinions, np.zeros((len(pieces), len(LABELS))))


def test_being_no_digit_counts_against_every_digit():
    opinions = np.full((3, 11), (1 - 0.99) / 9, np.float32)
    opinions[:, 3], opinions[:, 10] = 0.99, (0.0, 0.5, 1.0)
    odds = features.digit_log_odds(opinions)
    assert odds[0, 3] > odds[1, 3] > odds[2, 3] == -features.CERTAIN
    assert odds[0].argmax() == 3


def test_a_slash_is_told_from_a_one_by_its_lean():
    values, _ = features_of(piece(upright(0.0), 0), piece(upright(0.5), 60))
    slash = LABELS.index("/")
    assert abs(values[0, slash, INDEX["slash_lean"]]) < 0.02
    assert abs(values[1, slash, INDEX["slash_lean"]] - 0.5) < 0.02
    assert abs(values[1, 1, INDEX["one_lean"]] - 0.5) < 0.02


def test_only_small_pieces_may_be_left_out():
    _, possible = features_of(piece(np.ones((100, 20)), 0), piece(np.ones((8, 8)), 60, 92))
    assert possible[:, NOTHING].tolist() == [False, True]


def test_the_only_piece_of_a_line_is_never_left_out():
    _, possible = features_of(piece(np.ones((8, 8)), 0))
    assert not possible[0, NOTHING]
