"""Readings as a table, JSON Lines or CSV, on standard output or in a file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from mnist_classifier.core import files
from mnist_classifier.core.records import NumberReading, Reading, rounded
from mnist_classifier.web.wire.spreadsheet import csv_line

TABLE, JSON_LINES, CSV = FORMATS = ("table", "jsonl", "csv")
# Formats of output files by their suffix; any other suffix means JSON Lines.
SUFFIXES = {".csv": CSV, ".txt": TABLE}

Answer = Reading | NumberReading
Write = Callable[[str], None]

DIGIT_COLUMNS = (
    *("file", "index", "prediction", "confidence", "verdict", "candidates", "not_a_digit", "warnings"),
    *(f"p{digit}" for digit in range(10)),
)
NUMBER_COLUMNS = ("file", "index", "number", "confidence", "verdict", "digits")


@dataclass(frozen=True)
class Row:
    """One picture and its reading.  index: counts the glyphs of a file from 0."""

    file: str
    answer: Answer
    index: int | None = None


def header(format: str, *, numbers: bool) -> str:
    """The first line; empty for JSON Lines."""
    if format == TABLE:
        return _table_line("NUMBER" if numbers else "DIGIT", "SURE", "VERDICT", "FILE")
    return csv_line(NUMBER_COLUMNS if numbers else DIGIT_COLUMNS) if format == CSV else ""


def line(format: str, row: Row) -> str:
    """A reading as one line."""
    lines: dict[str, Callable[[Row], str]] = {TABLE: _as_table, JSON_LINES: _as_json, CSV: _as_csv}
    return lines[format](row)


def shown(name: str) -> str:
    """A file name that is safe to print: valid UTF-8 without control characters."""
    name = click.format_filename(name)
    return name if name.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


@contextlib.contextmanager
def opened(file: Path | None) -> Iterator[Write]:
    """Write lines in UTF-8 to standard output or to a file.

    The file is replaced only when everything has been written.  Raises
    StorageFull, ClickException.
    """
    if file is None:
        stream = sys.stdout.buffer
        yield lambda text: _write(stream, text)
        stream.flush()
        return
    with files.disk_errors(f"{file} was not written", click.ClickException):
        target = Path(os.path.realpath(file))
        if target.exists() and not target.is_file():  # a pipe or a device
            with target.open("wb") as stream:
                yield lambda text: _write(stream, text)
            return
        with files.replaced(target) as part, part.open("wb") as stream:
            yield lambda text: _write(stream, text)


def _write(stream: BinaryIO, text: str) -> None:
    stream.write(text.encode("utf-8", "backslashreplace") + b"\n")


# --- table ------------------------------------------------------------------------------------------


def _table_line(read: str, sure: str, verdict: str, file: str) -> str:
    return f"{read:>6}  {sure:>7}  {verdict:<12}  {file}"


def _as_table(row: Row) -> str:
    answer = row.answer
    read = _prediction(answer) or "-"
    place = shown(row.file) + ("" if row.index is None else f"[{row.index}]")
    notes = "; ".join(_notes(answer))
    # Never 100 %, which no reading deserves.
    sure = f"{min(answer.confidence, 0.9999):.2%}"
    return _table_line(read.replace("\n", " "), sure, answer.verdict.value, f"{place}  ({notes})" if notes else place)


def _prediction(answer: Answer) -> str:
    if isinstance(answer, NumberReading):
        return answer.number or ""
    return "" if answer.prediction is None else str(answer.prediction)


def _notes(answer: Answer) -> Iterator[str]:
    if isinstance(answer, Reading):
        if answer.candidates:
            yield " or ".join([*map(str, answer.candidates), "not a digit"][:2])
        yield from (warning.code for warning in answer.warnings)


# --- JSON Lines -------------------------------------------------------------------------------------


def _as_json(row: Row) -> str:
    answer = row.answer
    # json can encode a file name with bytes that are not UTF-8; msgspec cannot.
    place = {"file": msgspec.Raw(json.dumps(row.file).encode()), "index": row.index}
    if isinstance(answer, Reading):
        return _encoded({**place, **_fields(answer)})
    digits = [{"box": digit.box, **_fields(digit.reading)} for digit in answer.digits]
    fields = {"number": answer.number, "confidence": rounded(answer.confidence), "verdict": answer.verdict}
    return _encoded({**place, **fields, "digits": digits})


def _encoded(value: object) -> str:
    """JSON in the server's form."""
    return msgspec.json.encode(value).decode()


def _fields(reading: Reading) -> dict[str, object]:
    shares = {
        "confidence": rounded(reading.confidence),
        "probabilities": [rounded(probability) for probability in reading.probabilities],
        "not_a_digit": rounded(reading.not_a_digit),
    }
    return {**dataclasses.asdict(reading), **shares}


# --- CSV --------------------------------------------------------------------------------------------


def _as_csv(row: Row) -> str:
    answer = row.answer
    start = (shown(row.file), row.index, _prediction(answer), rounded(answer.confidence), answer.verdict.value)
    if isinstance(answer, NumberReading):
        return csv_line((*start, len(answer.digits)))
    candidates = " ".join(map(str, answer.candidates))
    warnings = " ".join(warning.code for warning in answer.warnings)
    probabilities = (rounded(probability) for probability in answer.probabilities)
    return csv_line((*start, candidates, rounded(answer.not_a_digit), warnings, *probabilities))
