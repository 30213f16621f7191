"""The columns of the output, and one Parquet file for each part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_classifier.cluster.job import Model
from mnist_classifier.cluster.storage import Place, replaced
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.records import NumberReading, Reading
from mnist_classifier.recognition.batch import REFUSED, VERDICTS, Batch
from mnist_classifier.recognition.bulk import DIGIT, Answer, FormReading
from mnist_classifier.recognition.imaging.preprocess import glyph_warnings

PLACE = [pa.field("source", pa.string()), pa.field("member", pa.string()), pa.field("index", pa.int64())]
VERDICT = [pa.field("verdict", pa.string()), pa.field("confidence", pa.float32())]
WARNINGS = pa.field("warnings", pa.list_(pa.string()))
MODEL = [
    pa.field("model_version", pa.int32()),
    pa.field("model_name", pa.string()),
    pa.field("model_sha256", pa.string()),
]
PROBABILITIES = pa.list_(pa.float32(), 10)
DIGITS_SCHEMA = pa.schema(
    [
        *PLACE,
        pa.field("prediction", pa.int8()),
        *VERDICT,
        pa.field("not_a_digit", pa.float32()),
        pa.field("probabilities", PROBABILITIES),
        WARNINGS,
        *MODEL,
    ]
)
NUMBERS_SCHEMA = pa.schema(
    [
        *PLACE,
        pa.field("field", pa.string()),
        pa.field("number", pa.string()),
        *VERDICT,
        pa.field("digits", pa.int32()),
        pa.field("text", pa.string()),
        WARNINGS,
        *MODEL,
    ]
)
ERRORS_SCHEMA = pa.schema([*PLACE, pa.field("code", pa.string()), pa.field("message", pa.string())])
# Rows in memory before they are written.
ROWS_PER_GROUP = 8192


@dataclass(frozen=True)
class Origin:
    """Where a picture comes from: a file, its member in an archive, its number in the file."""

    source: str
    member: str | None = None
    index: int | None = None

    def row(self) -> dict[str, Any]:
        """Its columns."""
        texts = {"source": _text(self.source), "member": None if self.member is None else _text(self.member)}
        return {**texts, "index": self.index}


def _text(name: str) -> str:
    # Parquet stores text only, so bytes of a name that are no text become \udc80 to \udcff.
    return name.encode("utf-8", "backslashreplace").decode()


def schema_of(mode: str) -> pa.Schema:
    """The columns of the readings."""
    return DIGITS_SCHEMA if mode == DIGIT else NUMBERS_SCHEMA


class Columns:
    """Turns readings into tables that name the model."""

    def __init__(self, mode: str, model: Model) -> None:
        self.schema = schema_of(mode)
        self._model = {
            "model_version": model.version,
            "model_name": model.manifest["name"],
            "model_sha256": model.sha256,
        }

    def of_answers(self, answers: Sequence[tuple[Origin, Answer]]) -> pa.Table:
        """One row for each reading; one for each field of a form."""
        rows = [{**row, **self._model} for origin, answer in answers for row in _rows(origin.row(), answer)]
        return pa.Table.from_pylist(rows, self.schema)

    def of_batch(self, source: str, first: int, glyphs: Bytes, batch: Batch) -> pa.Table:
        """One row for each of (N, 28, 28) glyphs of a file, the first with the number `first`."""
        count = len(batch)
        probabilities = pa.array(batch.probabilities.reshape(-1), pa.float32())
        columns = {
            "source": _repeated(_text(source), count, pa.string()),
            "member": pa.nulls(count, pa.string()),
            "index": pa.array(range(first, first + count), pa.int64()),
            "prediction": pa.array(batch.predictions, pa.int8(), mask=batch.predictions == REFUSED),
            "verdict": pa.array([verdict.value for verdict in VERDICTS]).take(pa.array(batch.verdicts)),
            "confidence": pa.array(batch.confidences, pa.float32()),
            "not_a_digit": pa.array(batch.not_a_digit, pa.float32()),
            "probabilities": pa.FixedSizeListArray.from_arrays(probabilities, 10),
            "warnings": pa.array([[each.code for each in found] for found in glyph_warnings(glyphs)], WARNINGS.type),
            **{name: _repeated(value, count, self.schema.field(name).type) for name, value in self._model.items()},
        }
        return pa.table(columns, self.schema)


def _repeated(value: object, count: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)


def _rows(place: Mapping[str, Any], answer: Answer) -> Iterator[dict[str, Any]]:
    if isinstance(answer, FormReading):
        yield from ({**place, "field": field.name, **_number(reading)} for field, reading in answer.pairs())
    elif isinstance(answer, NumberReading):
        yield {**place, **_number(answer)}
    else:
        yield {**place, **_digit(answer)}


def _digit(answer: Reading) -> dict[str, Any]:
    shown = ("prediction", "confidence", "not_a_digit", "probabilities")
    return {**{name: getattr(answer, name) for name in shown}, **_judgement(answer)}


def _number(answer: NumberReading) -> dict[str, Any]:
    shown = {"number": answer.number, "confidence": answer.confidence, "text": answer.text}
    return {**shown, "digits": len(answer.digits), **_judgement(answer)}


def _judgement(answer: Reading | NumberReading) -> dict[str, Any]:
    return {"verdict": answer.verdict.value, "warnings": [warning.code for warning in answer.warnings]}


def errors_table(errors: Sequence[tuple[Origin, MnistError]]) -> pa.Table:
    """One row for each picture that cannot be read."""
    rows = [{**origin.row(), "code": error.code, "message": error.message} for origin, error in errors]
    return pa.Table.from_pylist(rows, ERRORS_SCHEMA)


@contextlib.contextmanager
def written(place: Place, schema: pa.Schema) -> Iterator[PartWriter]:
    """Write a Parquet file that appears when it is complete.  Raises StorageFull, StorageUnreachable."""
    with replaced(place) as path, pq.ParquetWriter(path, schema, compression="zstd") as file:
        writer = PartWriter(file)
        yield writer
        writer.flush()


class PartWriter:
    """Collects rows and writes them in groups."""

    def __init__(self, file: pq.ParquetWriter) -> None:
        self._file = file
        self._tables: list[pa.Table] = []
        self._waiting = 0
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        self._tables.append(table)
        self._waiting += len(table)
        self.rows += len(table)
        if self._waiting >= ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is left."""
        if self._tables:
            self._file.write_table(pa.concat_tables(self._tables))
        self._tables, self._waiting = [], 0
