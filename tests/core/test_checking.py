from __future__ import annotations

import enum
from typing import Annotated, Literal

import msgspec
import pytest

from mnist_classifier.core.checking import in_words


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct):
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=5)] = "x"
    count: int | None = None
    inner: Inner | None = None
    parts: dict[Annotated[str, msgspec.Meta(max_length=3)], Inner] = {}
    rows: list[int] = []
    label: Annotated[int, msgspec.Meta(ge=0, le=9)] | Literal["none"] = 0
    colours: list[Colour] = []
    store: Literal["all"] | list[int] = "all"

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("count must not be unlucky")


@pytest.mark.parametrize(
    ("sent", "place", "words"),
    [
        ("[]", "", "must be a JSON object, not a list"),
        ('{"other": 1}', "other", "is unknown"),
        ('{"inner": {}}', "inner.share", "is missing"),
        ('{"count": "two"}', "count", "must be a whole number or null, not text"),
        ('{"name": ""}', "name", "must be text of length at least 1"),
        ('{"name": "too long"}', "name", "must be text of length at most 5"),
        ('{"inner": {"share": 2}}', "inner.share", "must be a number of at most 1.0"),
        ('{"inner": {"share": 1e999}}', "inner.share", "is out of range"),
        ('{"parts": {"a": {"share": -1}}}', "parts.share", "must be a number of at least 0.0"),
        ('{"parts": {"long": {"share": 1}}}', "parts", "must be text of length at most 3"),
        ('{"rows": [1, null]}', "rows[1]", "must be a whole number, not null"),
        ('{"count": 13}', "", "count must not be unlucky"),
        (f'{{"{"x" * 100}": 1}}', "x" * 60 + "...", "is unknown"),
    ],
)
def test_a_message_names_the_place_and_the_fault(sent: str, place: str, words: str):
    with pytest.raises(msgspec.ValidationError) as failure:
        msgspec.json.decode(sent, type=Outer)
    assert in_words(failure.value) == (place, words)


@pytest.mark.parametrize(
    ("sent", "place", "words"),
    [
        ('{"label": "7"}', "label", "must be 0 to 9 or none, not '7'"),
        ('{"label": 10}', "label", "must be 0 to 9 or none"),
        ('{"label": 7.5}', "label", "must be 0 to 9 or none, not a number"),
        ('{"colours": ["red", "green"]}', "colours[1]", "must be red or blue, not 'green'"),
        ('{"store": "some"}', "store", "must be all or a list, not 'some'"),
        ('{"store": ["some"]}', "store[0]", "must be a whole number, not text"),
    ],
)
def test_a_wrong_choice_is_answered_with_the_right_ones(sent: str, place: str, words: str):
    with pytest.raises(msgspec.ValidationError) as failure:
        msgspec.json.decode(sent, type=Outer)
    assert in_words(failure.value, Outer) == (place, words)
