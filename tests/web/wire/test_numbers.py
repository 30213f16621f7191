from __future__ import annotations

import dataclasses
from datetime import datetime, timezone

import msgspec

from mnist_classifier.client import replies
from mnist_classifier.core.records import (
    Caution,
    Cell,
    DigitInNumber,
    Mark,
    MarkKind,
    ModelVersion,
    NumberCandidate,
    NumberReading,
    NumberVerdict,
    Reading,
    TextLine,
    Verdict,
)
from mnist_classifier.web.wire import numbers

VERSION = ModelVersion(0, "pretrained", datetime(2026, 11, 28, tzinfo=timezone.utc), {})
SURE = Reading(3, 0.91, (0.01,) * 3 + (0.91,) + (0.01,) * 6, Verdict.DIGIT)
WHOLE = NumberReading(
    number="3",
    confidence=0.91,
    verdict=NumberVerdict.AMBIGUOUS,
    digits=(DigitInNumber((5, 6, 20, 30), SURE),),
    text="-3",
    lines=(TextLine("3", "-3", 0.91, (1, 6, 24, 30)),),
    cells=(
        Cell(0, 0, (0, 0, 40, 40), "3", 0.91, NumberVerdict.NUMBER),
        Cell(0, 1, (40, 0, 40, 40), None, 0.0, NumberVerdict.BLANK),
    ),
    marks=(Mark(MarkKind.HYPHEN, (1, 20, 4, 2), 0.8),),
    candidates=(NumberCandidate("3", 0.91), NumberCandidate("8", 0.05)),
    warnings=(Caution("struck_through", "a line crosses the number"),),
)


def over_the_wire(reading: NumberReading) -> NumberReading:
    return replies.number(msgspec.json.decode(msgspec.json.encode(numbers.named(reading, VERSION))))


def test_every_part_of_a_number_reaches_the_client():
    assert all(getattr(WHOLE, field.name) for field in dataclasses.fields(NumberReading))
    assert over_the_wire(WHOLE) == WHOLE


def test_no_probability_of_a_number_is_one():
    certain = dataclasses.replace(
        WHOLE,
        confidence=1.0,
        lines=(TextLine("3", "-3", 1.0, (1, 6, 24, 30)),),
        cells=(Cell(0, 0, (0, 0, 40, 40), "3", 1.0, NumberVerdict.NUMBER),),
        marks=(Mark(MarkKind.HYPHEN, (1, 20, 4, 2), 1.0),),
        candidates=(NumberCandidate("3", 1.0),),
    )
    told = over_the_wire(certain)
    parts = (told, *told.lines, *told.cells, *told.marks)
    assert {part.confidence for part in parts} == {told.candidates[0].probability} == {0.999999}
