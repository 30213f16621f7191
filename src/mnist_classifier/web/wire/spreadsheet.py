"""Lines of CSV that a spreadsheet shows and never runs.

Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

import msgspec

# A spreadsheet takes a text that begins so for a formula; the last four are the full-width forms.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_line(cells: Iterable[object]) -> str:
    """One line of CSV, without its end.  Texts that begin like a formula get a `'` in front; numbers stay numbers."""
    text = io.StringIO()
    # The writer quotes line breaks in a cell only if they are part of its line terminator.
    csv.writer(text, lineterminator="\r\n").writerow([_harmless(cell) for cell in cells])
    return text.getvalue().removesuffix("\r\n")


def _harmless(cell: object) -> object:
    if isinstance(cell, float):
        return msgspec.json.encode(cell).decode()  # 0.000018 as in JSON, where Python writes 1.8e-05
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
