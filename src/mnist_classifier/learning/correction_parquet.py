"""Write and read corrections as Parquet: a row has the glyph, the label and the writer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from mnist_classifier.core.arrays import PIXELS, SIDE_PX, Bytes
from mnist_classifier.core.errors import InvalidArchive, InvalidInput
from mnist_classifier.core.records import LONGEST_NAME
from mnist_classifier.evaluation.acceptance.unpacking import LARGEST_UNPACKED
from mnist_classifier.learning.correction_queries import Examples

# The columns and their types; the writer may be missing.
TYPES = {
    "glyph": ("binary", "large_binary", "fixed_size_binary"),
    "label": ("integer",),
    "writer": ("string", "large_string", "null"),
}
# The most bytes of a value; UTF-8 takes up to four for a character.
LONGEST = {"glyph": PIXELS, "writer": 4 * LONGEST_NAME}


def write(examples: Examples) -> bytes:
    """Corrections as a Parquet file.  Raises InvalidInput if pyarrow is not installed."""
    pa, pq = _pyarrow()
    columns = [
        pa.array([glyph.tobytes() for glyph in examples.glyphs], pa.binary(PIXELS)),
        pa.array(examples.labels, pa.int8()),
        pa.array(examples.writers, pa.string()),
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, names=list(TYPES)), buffer, compression="zstd")
    return buffer.getvalue()


def read(data: bytes, most_rows: int) -> Iterator[tuple[Bytes, int, str]]:
    """Yield glyph, label and writer of each row.  Raises InvalidArchive; InvalidInput if pyarrow is not installed."""
    pa, pq = _pyarrow()
    try:
        rows = _table(pa, pq, data, most_rows).to_pylist()
    except InvalidArchive:
        raise
    except Exception as error:  # pyarrow's errors have several bases
        raise InvalidArchive(f"the Parquet file is damaged: {error}") from error
    for number, row in enumerate(rows):
        glyph, label, writer = row["glyph"], row["label"], row.get("writer") or ""
        if glyph is None or len(glyph) != PIXELS:
            raise InvalidArchive(f"row {number}: glyph must be {PIXELS} bytes")
        if label is None:
            raise InvalidArchive(f"row {number}: label must be a whole number")
        yield np.frombuffer(glyph, np.uint8).reshape(SIDE_PX, SIDE_PX), label, writer


def _table(pa: Any, pq: Any, data: bytes, most_rows: int) -> Any:
    """Read the columns.  A value that is repeated stays one value, because each row could unpack to megabytes."""
    schema = pq.read_schema(io.BytesIO(data))
    if missing := {"glyph", "label"} - set(schema.names):
        raise InvalidArchive(f"the Parquet file has no column {min(missing)}; it needs glyph and label")
    found = [name for name in TYPES if name in schema.names]
    for name in found:
        kind = _value_type(pa, schema.field(name).type)
        if not any(getattr(pa.types, f"is_{each}")(kind) for each in TYPES[name]):
            raise InvalidArchive(f"the column {name} must be {TYPES[name][0]}, not {kind}")
    file = pq.ParquetFile(io.BytesIO(data), read_dictionary=[name for name in LONGEST if name in found])
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    if file.metadata.num_rows > most_rows or sum(group.total_byte_size for group in groups) > LARGEST_UNPACKED:
        raise InvalidArchive(f"at most {most_rows:,} corrections can be imported at once")
    table = file.read(columns=found)
    for name, most in LONGEST.items():
        for chunk in table.column(name).chunks if name in found else ():
            values = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
            if any(value.is_valid and value.as_buffer().size > most for value in values):
                raise InvalidArchive(f"the column {name} has a value of more than {most} bytes")
    return table


def _value_type(pa: Any, kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _pyarrow() -> tuple[Any, Any]:
    """Its two modules.  Raises InvalidInput if it is not installed."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InvalidInput("Parquet needs pyarrow, which is not installed; run: pip install pyarrow") from None
    return pa, pq
