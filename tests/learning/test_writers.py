from __future__ import annotations

import unicodedata

import pytest

from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.learning.writers import checked_writer


@pytest.mark.parametrize(
    "invisible",
    ["\u200b", "\u2060", "\u200e\u200f", "\u202b\u202c", "\u2066\u2069", "\u00ad", "\ufeff", "\u200d", "\u200b \u200b",
     "\ufe0f", "\u034f", "\u3164", "\u2800", "\u0301"],
)  # fmt: skip
def test_a_name_that_nobody_can_see_is_refused(invisible: str):
    with pytest.raises(InvalidInput, match="no visible character") as refusal:
        checked_writer(invisible)
    assert refusal.value.field == "writer"


@pytest.mark.parametrize(
    "same",
    ["Zoé", " Zoé\u3000", unicodedata.normalize("NFD", "Zoé"), "\ufeffZoé", "Zo\u00adé", "Zo\u200bé", "\u202aZoé\u202c",
     "Z\u200doé\u200c", "Zoe\u2060\u0301", "\u200dZoé"],
)  # fmt: skip
def test_names_that_look_the_same_are_the_same(same: str):
    assert checked_writer(same) == "Zoé"


@pytest.mark.parametrize(
    "name",
    ["علی‌رضا", "ক্‍ষ", "क्‍ष", "👩‍🏫", "👩🏽‍🏫 Anna", "❤️‍🔥", "Anna-Lena O’Neil 3b", "李 小龍", "דוד", "a/b\"c'", ""],
)
def test_names_that_people_have_stay_as_they_are(name: str):
    assert checked_writer(name) == name


@pytest.mark.parametrize("wrong", ["x" * 101, "a\0b", "a\nb", "a\u2028b", "a\ud800"])
def test_long_names_and_control_characters_are_refused(wrong: str):
    with pytest.raises(InvalidInput, match="at most 100 characters"):
        checked_writer(wrong)
