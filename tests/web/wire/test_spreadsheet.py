from __future__ import annotations

import csv
import io
import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mnist_classifier.web.wire.spreadsheet import FORMULA_STARTS, csv_line

formulas = st.builds(str.__add__, st.sampled_from(FORMULA_STARTS), st.text())
numbers = st.one_of(st.integers(), st.floats(allow_nan=False))


def test_a_cell_of_several_lines_stays_one_cell():
    """Numbers that stand in several lines of a picture are read as such."""
    assert csv_line(["12\n34", "a\rb", 5]) == '"12\n34","a\rb",5'


@given(st.lists(st.one_of(formulas, st.text(), numbers, st.none())))
def test_no_text_is_a_formula_and_numbers_stay_numbers(cells: list[object]):
    (row,) = csv.reader(io.StringIO(csv_line([*cells, "end"]), newline=""))
    for cell, written in zip(cells, row, strict=False):
        if isinstance(cell, str):
            assert written == (f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell)
        else:
            assert written == ("" if cell is None else json.dumps(cell) if isinstance(cell, int) else in_json(cell))


def in_json(number: object) -> str:
    """As the replies of the server have it, where Python may write 1.8e-05."""
    return msgspec.json.encode(number).decode()
