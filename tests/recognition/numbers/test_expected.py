from __future__ import annotations

import pytest

from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.recognition.numbers.expected import Expected


@pytest.mark.parametrize(
    ("expected", "text", "may_begin", "fits"),
    [
        (Expected(), "12/7", True, True),
        (Expected(length=2), "1", True, False),
        (Expected(length=2), "1-2", True, True),
        (Expected(length=2), "123", False, False),
        (Expected(pattern="dd/dd"), "12/", True, False),
        (Expected(pattern="dd/dd"), "12/34", True, True),
        (Expected(pattern="dd/dd"), "1234", False, False),
        (Expected(pattern="20dd"), "2024", True, True),
        (Expected(pattern="20dd"), "19", False, False),
    ],
)
def test_what_is_expected(expected: Expected, text: str, may_begin: bool, fits: bool):
    assert (expected.may_begin(text), expected.fits(text)) == (may_begin, fits)


def test_marks_are_those_of_the_pattern():
    assert Expected(pattern="dd.dd,00").marks == ".,"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"length": 0}, "length"),
        ({"length": 65}, "length"),
        ({"pattern": ""}, "pattern"),
        ({"pattern": "ab"}, "pattern"),
        ({"pattern": "d" * 65}, "pattern"),
        ({"allowed": ""}, "allowed"),
        ({"allowed": "12a"}, "allowed"),
        ({"length": 2, "pattern": "dd"}, "length"),
    ],
)
def test_impossible_expectations_are_refused(given: dict, field: str):
    with pytest.raises(InvalidInput) as refused:
        Expected(**given)
    assert refused.value.field == field
