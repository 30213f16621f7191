"""Readings as a table, JSON Lines or CSV, on standard output or in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import click
import msgspec

from mnist_classifier.core.records import NumberReading, NumberVerdict, Reading, rounded
from mnist_classifier.recognition.bulk import DIGIT, FORM, NUMBER, Answer, FormReading
from mnist_classifier.web.wire import numbers, readings
from mnist_classifier.web.wire.spreadsheet import csv_line

TABLE, JSON_LINES, CSV = FORMATS = ("table", "jsonl", "csv")
# Formats of output files by their suffix; any other suffix means JSON Lines.
SUFFIXES = {".csv": CSV, ".txt": TABLE}

DIGIT_COLUMNS = (
    *("file", "index", "prediction", "confidence", "verdict", "candidates", "not_a_digit", "warnings"),
    *(f"p{digit}" for digit in range(10)),
)
NUMBER_COLUMNS = ("file", "index", "number", "confidence", "verdict", "digits", "text", "warnings")
# Texts that the table shows instead of the code of a warning.
NOTES = {"several_digits": "several digits: add --number"}
FORM_COLUMNS = ("file", "index", "field", *NUMBER_COLUMNS[2:])


@dataclass(frozen=True)
class Row:
    """One picture and its reading.  index: counts the glyphs of a file from 0."""

    file: str
    answer: Answer
    index: int | None = None


def header(format: str, mode: str) -> list[str]:
    """The line above the readings; none for JSON Lines."""
    if format == JSON_LINES:
        return []
    if format == TABLE:
        field = "FIELD" if mode == FORM else None
        return [_table_line("DIGIT" if mode == DIGIT else "NUMBER", "SURE", "VERDICT", "FILE", field)]
    return [csv_line({DIGIT: DIGIT_COLUMNS, NUMBER: NUMBER_COLUMNS, FORM: FORM_COLUMNS}[mode])]


def lines(format: str, row: Row) -> Iterator[str]:
    """A reading as one line, or a form as one line for each field; JSON has one line for each picture."""
    if format == JSON_LINES:
        yield _as_json(row)
        return
    line = _as_table if format == TABLE else _as_csv
    if isinstance(row.answer, FormReading):
        yield from (line(row, reading, field.name) for field, reading in row.answer.pairs())
    else:
        yield line(row, row.answer)


def encoded(lines: Iterable[str]) -> bytes:
    """Lines in UTF-8, each with its line break."""
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def shown(name: str) -> str:
    """A file name that is safe to print: valid UTF-8 without control characters."""
    name = click.format_filename(name)
    return name if name.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


# --- table ------------------------------------------------------------------------------------------


def _table_line(read: str, sure: str, verdict: str, file: str, field: str | None) -> str:
    name = "" if field is None else f"{field:<12}  "
    return f"{read:>6}  {sure:>7}  {verdict:<12}  {name}{file}"


def _as_table(row: Row, answer: Reading | NumberReading, field: str | None = None) -> str:
    read = _prediction(answer) or "-"
    place = shown(row.file) + ("" if row.index is None else f"[{row.index}]")
    notes = "; ".join(_notes(answer))
    place = f"{place}  ({notes})" if notes else place
    # Never 100 %, which no reading deserves.
    sure = f"{min(answer.confidence, 0.9999):.2%}"
    return _table_line(_one_line(read), sure, answer.verdict.value, place, None if field is None else shown(field))


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def _prediction(answer: Reading | NumberReading) -> str:
    if isinstance(answer, NumberReading):
        return answer.number or ""
    return "" if answer.prediction is None else str(answer.prediction)


def _notes(answer: Reading | NumberReading) -> Iterator[str]:
    if isinstance(answer, NumberReading):
        if answer.text not in (None, answer.number):
            yield _one_line(f"text: {answer.text}")
        if answer.verdict is NumberVerdict.AMBIGUOUS and len(answer.candidates) > 1:
            yield _one_line(" or ".join(each.number for each in answer.candidates[:2]))
    elif answer.candidates:
        yield " or ".join([*map(str, answer.candidates), "not a digit"][:2])
    yield from (NOTES.get(warning.code, warning.code) for warning in answer.warnings)


# --- JSON Lines -------------------------------------------------------------------------------------


def _as_json(row: Row) -> str:
    answer = row.answer
    # json can encode a file name with bytes that are not UTF-8; msgspec cannot.
    place = {"file": msgspec.Raw(json.dumps(row.file).encode()), "index": row.index}
    if isinstance(answer, Reading):
        return _encoded({**place, **readings.digit(answer)})
    if isinstance(answer, NumberReading):
        return _encoded({**place, **numbers.reading(answer)})
    return _encoded({**place, "fields": [numbers.field_reading(*pair) for pair in answer.pairs()]})


def _encoded(value: object) -> str:
    """JSON in the server's form."""
    return msgspec.json.encode(value).decode()


# --- CSV --------------------------------------------------------------------------------------------


def _as_csv(row: Row, answer: Reading | NumberReading, field: str | None = None) -> str:
    place = (shown(row.file), row.index) if field is None else (shown(row.file), row.index, field)
    start = (*place, _prediction(answer), rounded(answer.confidence), answer.verdict.value)
    warnings = " ".join(warning.code for warning in answer.warnings)
    if isinstance(answer, NumberReading):
        return csv_line((*start, len(answer.digits), answer.text, warnings))
    candidates = " ".join(map(str, answer.candidates))
    probabilities = (rounded(probability) for probability in answer.probabilities)
    return csv_line((*start, candidates, rounded(answer.not_a_digit), warnings, *probabilities))
