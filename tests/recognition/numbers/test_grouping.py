from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.recognition.numbers import grouping
from mnist_classifier.recognition.numbers.expected import Expected
from mnist_classifier.recognition.numbers.features import FEATURES, LABELS
from mnist_classifier.recognition.numbers.segmentation import Candidate


def candidates(*spans: tuple[int, int]) -> list[Candidate]:
    return [Candidate(start, end, (0, 0, 1, 1)) for start, end in spans]


def scores(*rows: dict[str, float]) -> np.ndarray:
    """Log scores of labels; all others are impossible."""
    table = np.full((len(rows), len(LABELS)), -np.inf)
    for row, labels in zip(table, rows, strict=True):
        for label, score in labels.items():
            row[LABELS.index(label)] = score
    return table


TWO_PIECES = candidates((0, 1), (0, 2), (1, 2))


def test_pieces_that_read_well_separately_are_separated():
    found = grouping.best_path(TWO_PIECES, scores({"1": 0}, {"4": -5}, {"1": 0}), 2)
    assert (found.text, [edge.candidate for edge in found.edges]) == ("11", [0, 2])
    assert found.probability > 0.99


def test_pieces_that_read_well_only_together_are_joined():
    found = grouping.best_path(TWO_PIECES, scores({"6": -4}, {"4": 0}, {"1": -2}), 2)
    assert (found.text, [edge.candidate for edge in found.edges]) == ("4", [1])


def test_two_equally_good_readings_halve_the_probability():
    found = grouping.best_path(TWO_PIECES, scores({"1": -1}, {"4": -2}, {"1": -1}), 2)
    assert found.probability == pytest.approx(0.5)
    assert {number for number, _ in found.numbers} == {"11", "4"}


def test_paths_with_the_same_digits_add_up():
    # A one, with the dot as part of it, left out, or as a mark.
    found = grouping.best_path(candidates((0, 1), (0, 2), (1, 2)), scores({"1": 0}, {"1": 0}, {"": -0.5, ".": -0.1}), 2)
    assert found.numbers == (("1", pytest.approx(1)),)


def test_a_mark_is_in_the_text_and_not_in_the_number():
    found = grouping.best_path(candidates((0, 1), (1, 2), (2, 3)), scores({"3": 0}, {",": 0, "1": -3}, {"5": 0}), 3)
    assert (found.text, found.numbers[0][0]) == ("3,5", "35")
    assert [LABELS[edge.label] for edge in found.edges] == ["3", ",", "5"]


def test_what_is_left_out_has_no_edge():
    found = grouping.best_path(candidates((0, 1), (1, 2)), scores({"3": 0}, {"": 0}), 2)
    assert (found.text, len(found.edges)) == ("3", 1)


def test_marks_in_common_places_are_likelier_than_in_odd_ones():
    spans = candidates(*((place, place + 1) for place in range(8)))
    doubtful = {"/": 0, "1": 0.5}
    table = scores({"1": 0}, {"2": 0}, doubtful, {"0": 0}, {"7": 0}, {"/": 0}, {"2": 0}, {"4": 0})
    assert grouping.best_path(spans, table, 8).text == "12/07/24"


def test_a_length_decides_between_readings():
    table = scores({"1": 0}, {"4": -3}, {"1": 0})
    assert grouping.best_path(TWO_PIECES, table, 2, Expected(length=1)).text == "4"
    assert grouping.best_path(TWO_PIECES, table, 2, Expected(length=2)).text == "11"
    assert grouping.best_path(TWO_PIECES, table, 2, Expected(length=3)) is None


def test_a_pattern_decides_between_a_slash_and_a_one():
    spans = candidates((0, 1), (1, 2), (2, 3))
    table = scores({"3": 0}, {"1": 0, "7": -1, "4": -2, "9": -2, "/": -9}, {"5": 0})
    assert grouping.best_path(spans, table, 3, Expected(pattern="d/d")).text == "3/5"
    assert grouping.best_path(spans, table, 3, Expected(pattern="ddd")).text == "315"
    assert grouping.best_path(spans, table, 3, Expected(pattern="d-d")) is None


def test_both_tables_weigh_every_feature():
    for weights in (grouping.PIXEL_WEIGHTS, grouping.STROKE_WEIGHTS):
        assert set(weights) == set(FEATURES)
        assert all(np.isfinite(weight) for weight in weights.values())
