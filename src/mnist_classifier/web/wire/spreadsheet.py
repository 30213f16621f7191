"""Write CSV whose cells a spreadsheet never runs as formulas.

Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import msgspec

# A spreadsheet runs texts that begin so as formulas; the last four are full-width forms of the first four.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_line(cells: Iterable[object]) -> str:
    """One line of CSV without its line break.  A text that begins like a formula gets a `'` in front."""
    text = io.StringIO()
    # The writer quotes line breaks in a cell only if they are part of its line terminator.
    csv.writer(text, lineterminator="\r\n").writerow([_harmless(cell) for cell in cells])
    return text.getvalue().removesuffix("\r\n")


def _harmless(cell: object) -> object:
    if isinstance(cell, float):
        return msgspec.json.encode(cell).decode()  # 0.000018 as in JSON, where Python writes 1.8e-05
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
