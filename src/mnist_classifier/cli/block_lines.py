"""Lines of output for many glyphs at once, from arrays: those of `output.lines`, in a tenth of the time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from mnist_classifier.cli.output import CSV, JSON_LINES, shown
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.records import Verdict
from mnist_classifier.recognition.batch import REFUSED, VERDICTS, Batch
from mnist_classifier.recognition.imaging.preprocess import glyph_warnings
from mnist_classifier.recognition.recogniser import candidates
from mnist_classifier.web.wire import readings
from mnist_classifier.web.wire.readings import rounded_all
from mnist_classifier.web.wire.spreadsheet import csv_line

FORMATS = (JSON_LINES, CSV)  # A table is for people, who read no million lines.
AMBIGUOUS = VERDICTS.index(Verdict.AMBIGUOUS)
_JsonLine = msgspec.defstruct("_JsonLine", ("file", "index", *readings.DigitReading.__annotations__))


def block_lines(format: str, file: str, first: int, glyphs: Bytes, batch: Batch) -> bytes:
    """The lines of (N, 28, 28) glyphs and their readings, in UTF-8.

    first: the index of the first glyph in its file.
    """
    rows = enumerate(_rows(glyphs, batch), first)
    return _as_json(file, rows) if format == JSON_LINES else _as_csv(file, rows)


def _rows(glyphs: Bytes, batch: Batch) -> Iterator[tuple[Any, ...]]:
    """The values of each reading, in the order of `readings.DigitReading`."""
    verdicts = [VERDICTS[code] for code in batch.verdicts.tolist()]
    likely: list[tuple[int, ...]] = [()] * len(batch)
    for row in np.flatnonzero(batch.verdicts == AMBIGUOUS).tolist():
        likely[row] = candidates(batch.probabilities[row].tolist(), float(batch.not_a_digit[row]))
    return zip(
        [None if read == REFUSED else read for read in batch.predictions.tolist()],
        rounded_all(batch.confidences),
        rounded_all(batch.probabilities),
        verdicts,
        rounded_all(batch.not_a_digit),
        likely,
        glyph_warnings(glyphs),
        strict=True,
    )


def _as_json(file: str, rows: Iterator[tuple[int, tuple[Any, ...]]]) -> bytes:
    # json can encode a file name with bytes that are not UTF-8; msgspec cannot.
    name = msgspec.Raw(json.dumps(file).encode())
    return msgspec.json.Encoder().encode_lines([_JsonLine(name, index, *row) for index, row in rows])


def _as_csv(file: str, rows: Iterator[tuple[int, tuple[Any, ...]]]) -> bytes:
    name = csv_line((shown(file),))
    return "".join(_csv_row(name, index, row) for index, row in rows).encode("utf-8", "backslashreplace")


def _csv_row(name: str, index: int, row: Sequence[Any]) -> str:
    prediction, confidence, probabilities, verdict, not_a_digit, likely, warnings = row
    # msgspec writes floats as `csv_line` does.
    floats = msgspec.json.encode([confidence, not_a_digit, *probabilities])[1:-1].decode()
    sure, none, others = floats.split(",", 2)
    read = "" if prediction is None else prediction
    codes = " ".join(warning.code for warning in warnings)
    return f"{name},{index},{read},{sure},{verdict.value},{' '.join(map(str, likely))},{none},{codes},{others}\n"
