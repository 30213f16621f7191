"""Turn the JSON replies of a server into records.

Unknown fields are ignored, because a newer server may send more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import msgspec

from mnist_classifier.core.decodable import decodable
from mnist_classifier.core.records import NumberReading, Reading

Record = TypeVar("Record")

decodable(Reading)
decodable(NumberReading)


@decodable
@dataclass(frozen=True)
class ModelSummary:
    """A model version.

    metrics: results by split.  bytes: size of its files.  Only `Client.models`
    fills in note, aliases and bytes.
    """

    version: int
    name: str
    created_at: datetime
    recipe: str | None
    parameters: int | None
    metrics: Mapping[str, Any]
    note: str = ""
    aliases: tuple[str, ...] = ()
    bytes: int | None = None


@decodable
@dataclass(frozen=True)
class ModelStatus:
    """The model in production and the progress of training.

    status: ready, training or no_model.  docs/api.md lists the fields of `training` and `last_run`.
    """

    status: str
    model: ModelSummary | None
    training: Mapping[str, Any] | None
    last_run: Mapping[str, Any] | None


@decodable
@dataclass(frozen=True)
class StartedRun:
    """A training that a server has started."""

    run_id: int
    status: str
    links: Mapping[str, str] = field(default_factory=dict)


@decodable
@dataclass(frozen=True)
class StoredCorrection:
    """A correction at the server.

    label: 0 to 9, or "not_a_digit".  times: how often it was sent.  contradicts: the numbers of
    corrections that give the same glyph another label.  merged: it was stored already.
    """

    id: int
    label: int | str
    writer: str
    source: str
    created_at: datetime
    changed_at: datetime
    times: int
    glyph_sha256: str
    has_image: bool
    reading: Mapping[str, Any] | None
    model_version: int | None
    contradicts: tuple[int, ...] = ()
    merged: bool = False


@decodable
@dataclass(frozen=True)
class ImportedCorrections:
    """What became of the corrections of a file: how many were new, stored already, or contradict another one."""

    count: int
    added: int
    merged: int
    contradictions: int


@decodable
@dataclass(frozen=True)
class SheetCell:
    """A cell of a sheet for handwriting.

    cell: from 0, row by row.  label: 0 to 9, or "not_a_digit".  state: ready, check (a person must confirm the
    label), spoilt or empty.  reason: why it must be checked, or is spoilt.  correction: its number, once stored.
    times: how often that correction was sent; 1 if it is new.
    """

    cell: int
    label: int | str
    state: str
    reason: str = ""
    reading: Mapping[str, Any] | None = None
    correction: int | None = None
    times: int | None = None


@decodable
@dataclass(frozen=True)
class ReadSheet:
    """What was read on a sheet, and how many corrections were new, stored already, or contradict another one."""

    cells: tuple[SheetCell, ...]
    counts: Mapping[str, int]
    stored: int
    merged: int
    contradictions: int


@decodable
@dataclass(frozen=True)
class PersonalModel:
    """What a writer's corrections add to a model version.

    corrections: the numbers of those that it learned from.  figures: how many of the examples are read right
    by models fitted to other examples, `right_after`, and without a personal model, `right_before`.
    is_outdated: a correction was deleted or changed, so the model is made again when it reads next.
    """

    writer: str
    base_version: int
    created_at: datetime
    corrections: tuple[int, ...]
    examples: int
    figures: Mapping[str, int]
    is_outdated: bool = False


def converter(kind: type[Record]) -> Callable[[Any], Record]:
    """A function that converts the body of a reply to a record of this `decodable` type."""
    return partial(msgspec.convert, type=kind)


def number(body: Mapping[str, Any]) -> NumberReading:
    """Convert the body of /predict for a number."""
    digits = [{"box": digit["box"], "reading": digit} for digit in body["digits"]]
    return msgspec.convert({**body, "digits": digits}, NumberReading)


def fields(body: Mapping[str, Any]) -> list[NumberReading]:
    """Convert the body of /predict for the fields of a form."""
    return [number(each) for each in body["fields"]]


def models(body: Mapping[str, Any]) -> tuple[ModelSummary, ...]:
    """Convert the body of /api/models."""
    return msgspec.convert(body["models"], tuple[ModelSummary, ...])


def changed_correction(body: Mapping[str, Any]) -> StoredCorrection:
    """Convert the body of a request that adds or changes a correction."""
    return msgspec.convert({**body["correction"], "merged": body["merged"]}, StoredCorrection)
