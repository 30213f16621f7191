"""Readings of numbers as the API and the command line return them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypedDict

from msgspec import Meta

from mnist_classifier.core import records
from mnist_classifier.core.records import Caution, MarkKind, ModelVersion, NumberVerdict, rounded
from mnist_classifier.recognition.numbers.expected import Field
from mnist_classifier.web.wire import readings
from mnist_classifier.web.wire.fields import Box, ModelName, Probability
from mnist_classifier.web.wire.readings import DigitReading, Timed

Digits = Annotated[str, Meta(description="the digits as text")]
AllCorrect = Annotated[float, Meta(ge=0, le=1, description="probability that all digits are correct")]


class DigitInNumber(DigitReading):
    """One digit of a number."""

    box: Box


class TextLine(TypedDict):
    """One line of writing."""

    number: Digits
    text: Annotated[str, Meta(description="digits and marks as written, such as 3.14; ? for an unknown mark")]
    confidence: AllCorrect
    box: Box


class Cell(TypedDict):
    """A cell of a table or a box of a form."""

    row: Annotated[int, Meta(ge=0, description="counts from 0")]
    column: Annotated[int, Meta(ge=0, description="counts from 0")]
    box: Box
    number: Annotated[str | None, Meta(description="the digits as text; null for an empty cell")]
    confidence: Annotated[float, Meta(ge=0, le=1, description="as for the number; 0 for an empty cell")]
    verdict: NumberVerdict


class Mark(TypedDict):
    """A sign that is not a digit, such as a slash."""

    kind: MarkKind
    box: Box
    confidence: Annotated[float, Meta(ge=0, le=1, description="probability that it is of this kind")]


class NumberCandidate(TypedDict):
    """A possible number."""

    number: Annotated[str, Meta(description="the digits as text, one line per line of digits")]
    probability: Probability


class NumberReading(TypedDict):
    """The recogniser's answer for several digits."""

    number: Annotated[str | None, Meta(description="one line per line of digits; null for blank and not_a_number")]
    confidence: AllCorrect
    verdict: NumberVerdict
    digits: list[DigitInNumber]
    text: Annotated[str | None, Meta(description="the number with its marks, as written, such as 12/07/24")]
    lines: Annotated[list[TextLine], Meta(description="lines of writing, from top to bottom")]
    cells: Annotated[list[Cell], Meta(description="cells of a table or boxes of a form; empty if there are none")]
    marks: list[Mark]
    candidates: Annotated[list[NumberCandidate], Meta(description="the most likely numbers, best first")]
    warnings: tuple[Caution, ...]


class NamedNumber(NumberReading):
    """The reading of several digits and the model that made it."""

    model: ModelName


class Number(NamedNumber, Timed):
    """The reading of several digits (`mode` = number)."""


class Place(TypedDict):
    """A field of a form as it was sent."""

    name: str
    box: Box


class FieldReading(Place, NumberReading):
    """A field of a form and the number in it."""


class NamedForm(TypedDict):
    """The numbers in the fields of a form and the model that read them."""

    fields: Annotated[list[FieldReading], Meta(description="in the order of the request")]
    model: ModelName


class Form(NamedForm, Timed):
    """The numbers in the fields of a form."""


def form(fields: Iterable[tuple[Field, records.NumberReading]], version: ModelVersion) -> NamedForm:
    """The fields of a form and the model that read them."""
    return {"fields": [field_reading(each, value) for each, value in fields], "model": readings.name(version)}


def field_reading(field: Field, value: records.NumberReading) -> FieldReading:
    """A field and the number in it."""
    return {"name": field.name, "box": field.box, **reading(value)}


def named(value: records.NumberReading, version: ModelVersion) -> NamedNumber:
    """Several digits and the model that read them."""
    return {**reading(value), "model": readings.name(version)}


def reading(value: records.NumberReading) -> NumberReading:
    """Several digits with rounded probabilities."""
    return {
        "number": value.number,
        "confidence": rounded(value.confidence),
        "verdict": value.verdict,
        "digits": [{"box": digit.box, **readings.digit(digit.reading)} for digit in value.digits],
        "text": value.text,
        "lines": [_line(each) for each in value.lines],
        "cells": [_cell(each) for each in value.cells],
        "marks": [{"kind": each.kind, "box": each.box, "confidence": rounded(each.confidence)} for each in value.marks],
        "candidates": [{"number": each.number, "probability": rounded(each.probability)} for each in value.candidates],
        "warnings": value.warnings,
    }


def _line(value: records.TextLine) -> TextLine:
    return {
        "number": value.number,
        "text": value.text,
        "confidence": rounded(value.confidence),
        "box": value.box,
    }


def _cell(value: records.Cell) -> Cell:
    return {
        "row": value.row,
        "column": value.column,
        "box": value.box,
        "number": value.number,
        "confidence": rounded(value.confidence),
        "verdict": value.verdict,
    }
