from __future__ import annotations

import pytest

from mnist_classifier.recognition.numbers.forms import is_common, is_date, log_odds

COMMON = [
    "7",
    "2024",
    "12/07/24",
    "1/2/1999",
    "2024-01-31",
    "3.14",
    "-7",
    "1.234,50",
    "12,-",
    "12:30",
    "(12)",
    "12)",
    "#12",
    "#12#",
    "50%",
    "1+2=3",
    "555-123",
]
ODD = ["85//25", "12-1/99", ".5", "6818/5355", "1(", "/12", "1.2.3.4.5", "5%%"]


@pytest.mark.parametrize("text", COMMON)
def test_common_ways_to_write_numbers(text: str):
    assert is_common(text)


@pytest.mark.parametrize("text", ODD)
def test_odd_ways_to_write_numbers(text: str):
    assert not is_common(text)


@pytest.mark.parametrize("text", ["12/07/24", "7/12/24", "1.2.1999", "31-12-99", "2024-01-31", "12/31/99"])
def test_dates_are_likelier_than_numbers_with_ones_for_slashes(text: str):
    assert is_date(text)
    assert log_odds(text) > log_odds(text.translate({ord(mark): "1" for mark in "/.-"}))


@pytest.mark.parametrize("text", ["85/40/77", "0/1/24", "12/7-24", "32/13/24", "12/07", "120724"])
def test_what_is_no_date(text: str):
    assert not is_date(text)
