from __future__ import annotations

from dataclasses import replace

import numpy as np

from mnist_classifier.core.records import Caution, Cell, MarkKind, NumberReading, NumberVerdict, Reading, Verdict
from mnist_classifier.evaluation.robustness.pages.rows import page_rows
from mnist_classifier.evaluation.robustness.pages.sample import Sample, WrittenCell, WrittenMark
from mnist_classifier.evaluation.robustness.pages.scoring import Score, score
from mnist_classifier.evaluation.robustness.pages.table import is_of_one_kind, page_table, page_table_as_markdown

BOX = (0, 0, 9, 9)
PICTURE = np.zeros((9, 9), np.uint8)
DATE = Sample("dates", PICTURE, "number", ("1207",), "12/07", (WrittenMark(MarkKind.SLASH, BOX),))
SURE, UNSURE = NumberVerdict.NUMBER, NumberVerdict.AMBIGUOUS


def reading(number: str | None, verdict: NumberVerdict = SURE, text: str | None = None) -> NumberReading:
    return NumberReading(number, 0.9, verdict, text=text)


def test_a_right_number_is_right_even_in_doubt():
    assert score(DATE, reading("1207")) == Score(True, False, False, text_right=False)
    assert score(DATE, reading("1207", UNSURE)) == Score(True, True, False, text_right=False)


def test_a_mark_read_as_a_digit_is_wrong_and_worst_without_a_doubt():
    assert score(DATE, reading("12107")) == Score(False, False, True, text_right=False)
    assert score(DATE, reading("12107", UNSURE)) == Score(False, False, False, text_right=False)
    assert score(DATE, reading(None, NumberVerdict.NOT_A_NUMBER)) == Score(False, False, False, text_right=False)


def test_text_is_right_with_its_marks_and_counts_only_where_there_are_some():
    assert score(DATE, reading("1207", text="12/07")).text_right
    assert score(replace(DATE, marks=(), text="1207"), reading("1207", text="1207")).text_right is None


def test_only_a_doubt_is_right_for_a_number_that_was_struck_through():
    struck = replace(DATE, doubt_is_right=True)
    assert score(struck, reading("1207")) == Score(False, False, True)
    assert score(struck, reading("1207", UNSURE)) == Score(True, False, False)
    warned = replace(reading("1207"), warnings=(Caution("struck_through", "it is"),))
    assert score(struck, warned) == Score(True, False, False)


def test_lines_are_right_only_at_their_line_breaks():
    lines = replace(DATE, lines=("12", "07"), marks=())
    assert score(lines, reading("12\n07")).right
    assert not score(lines, reading("1207")).right


def test_one_digit_is_compared_with_its_prediction():
    sample = Sample("circle_digit", PICTURE, "digit", ("4",), "4")
    single = Reading(4, 0.9, (0.1,) * 10, Verdict.DIGIT)
    assert score(sample, single) == Score(True, False, False)
    assert score(sample, replace(single, prediction=9)) == Score(False, False, True)
    assert score(sample, replace(single, prediction=None, verdict=Verdict.BLANK)) == Score(False, False, False)


def test_cells_are_right_at_their_row_and_column_with_or_without_the_empty_ones():
    written = tuple(WrittenCell(row, column, BOX, number) for row, column, number in ((0, 0, "7"), (0, 1, None)))
    sample = replace(DATE, lines=("7",), marks=(), cells=written)
    seven, empty = Cell(0, 0, BOX, "7", 0.9, SURE), Cell(0, 1, BOX, None, 0.0, NumberVerdict.BLANK)

    def cells_right(*cells: Cell) -> bool | None:
        return score(sample, replace(reading("7"), cells=cells)).cells_right

    assert cells_right(seven)
    assert cells_right(seven, empty)
    assert not cells_right(replace(seven, column=1))
    assert not cells_right(seven, replace(seven, column=1))
    assert not cells_right()


def test_rows_are_of_all_kinds_the_worst_and_each():
    good, wrong, doubt = Score(True, False, False), Score(False, False, True), Score(True, True, False, True)
    rows = {row.id: row for row in page_rows({"plain": [good, good], "dates_photo": [doubt, wrong]})}
    assert rows["pages.all.right"].measured == 0.75
    assert rows["pages.all.right"].reached is False
    assert rows["pages.worst"].measured == rows["pages.dates_photo.right"].measured == 0.5
    assert rows["pages.dates_photo.in_doubt"].measured == rows["pages.dates_photo.sure_and_wrong"].measured == 0.5
    assert (rows["pages.dates_photo.text_right"].n, rows["pages.dates_photo.text_right"].measured) == (1, 1.0)
    assert "pages.plain.text_right" not in rows
    assert [id for id in rows if not is_of_one_kind(id)] == [
        *(f"pages.all.{figure}" for figure in ("right", "in_doubt", "sure_and_wrong", "text_right")),
        "pages.worst",
    ]


def test_the_table_has_a_line_for_each_kind_and_none_for_versions_measured_before_pages():
    rows = page_rows({"plain": [Score(True, False, False)] * 40, "dates_photo": [Score(True, True, False, False)]})
    table = page_table([row.to_dict() for row in rows])
    assert [line[0] for line in table] == ["kind", "all", "plain", "dates photo"]
    assert table[2] == ["plain", "40", "100.0%", "91.2% to 100.0%", "0.0%", "0.0%", "", ""]
    assert page_table([{"id": "mnist.accuracy"}]) == []
    assert page_table_as_markdown([row.to_dict() for row in rows]).splitlines()[3].startswith("| plain | 40 | 100.0% |")
