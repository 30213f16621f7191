"""The sheet for handwriting as the API takes and returns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict, cast

from msgspec import UNSET, Meta, Struct, UnsetType

from mnist_classifier.learning.corrections import Added, reading_facts
from mnist_classifier.learning.sheet import CellState, SheetCell
from mnist_classifier.learning.sheet_layout import CELLS
from mnist_classifier.web.wire import corrections, readings
from mnist_classifier.web.wire.bodies import Base64Image, ImageFile
from mnist_classifier.web.wire.corrections import GivenReading, Label, Writer
from mnist_classifier.web.wire.fields import Picture

CellNumber = Annotated[int, Meta(ge=0, lt=CELLS, description="number of the cell from 0, row by row")]
State = Literal["ready", "check", "spoilt", "empty"]


class CellLabel(Struct):
    """The label that a person gives a cell."""

    cell: CellNumber
    label: Label


class SheetPicture(Struct):
    """A picture of a sheet, and what to store."""

    image: Annotated[Base64Image, Meta(examples=["/9j/4AAQ..."])]
    writer: Writer | UnsetType = UNSET
    store: (
        Annotated[
            Literal["ready"] | Annotated[list[CellNumber], Meta(max_length=CELLS)],
            Meta(description="store these cells, or all that are ready; by default, nothing is stored"),
        ]
        | UnsetType
    ) = UNSET
    labels: (
        Annotated[
            list[CellLabel], Meta(max_length=CELLS, description="labels of cells that differ from those of the sheet")
        ]
        | UnsetType
    ) = UNSET


class SheetForm(Struct):
    """A form with a picture of a sheet."""

    file: ImageFile
    writer: Writer | UnsetType = UNSET
    store: Annotated[Literal["ready"], Meta(description="store all cells that are ready")] | UnsetType = UNSET


class CellOfSheet(TypedDict):
    """A cell of a sheet: glyph, picture and reading are null if it is empty."""

    cell: CellNumber
    label: Label
    state: Annotated[State, Meta(description="check: a person must confirm the label; spoilt: it is never stored")]
    reason: Annotated[str, Meta(description="why it must be checked, or is spoilt")]
    glyph: Picture | None
    image: Picture | None
    reading: GivenReading | None
    correction: Annotated[int | None, Meta(description="number of its correction, once it is stored")]
    times: Annotated[int | None, Meta(description="how often that correction was sent; 1: it is new")]


class ReadSheet(TypedDict):
    """What was read on a sheet, and how much of it was stored."""

    cells: list[CellOfSheet]
    counts: Annotated[dict[State, int], Meta(description="cells by state")]
    stored: Annotated[int, Meta(description="new corrections")]
    merged: Annotated[int, Meta(description="already stored")]
    contradictions: Annotated[int, Meta(description="cells that contradict another correction")]


def labels_of(given: Sequence[CellLabel] | UnsetType) -> dict[int, int]:
    """Labels by cell, as the database has them."""
    return {} if given is UNSET else {each.cell: corrections.label_number(each.label) for each in given}


def sheet(cells: Sequence[SheetCell], added: Mapping[int, Added]) -> ReadSheet:
    """The reply.  added: what became of the cells that were stored."""
    merged = sum(each.merged for each in added.values())
    counts = {state.value: sum(each.state is state for each in cells) for state in CellState}
    view = {
        "cells": [_cell(each, added.get(each.cell)) for each in cells],
        "counts": counts,
        "stored": len(added) - merged,
        "merged": merged,
        "contradictions": sum(bool(each.contradicts) for each in added.values()),
    }
    return cast(ReadSheet, view)


def _cell(found: SheetCell, added: Added | None) -> dict[str, Any]:
    return {
        "cell": found.cell,
        "label": corrections.label_name(found.label),
        "state": found.state.value,
        "reason": found.reason,
        "glyph": None if found.glyph is None else readings.picture(found.glyph),
        "image": None if found.picture is None else readings.picture(found.picture),
        "reading": None if found.reading is None else reading_facts(found.reading),
        "correction": None if added is None else added.correction.id,
        "times": None if added is None else added.correction.times,
    }
