from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.recognition.numbers.looks import read_ink
from mnist_classifier.recognition.numbers.segmentation import find_lines
from mnist_classifier.recognition.page.cells import CellPlace, find_cells
from mnist_classifier.recognition.page.outlines import Outline
from tests.recognition.page.drawings import Points, circle, frame, number, paper, table, turned

SIZE = (500, 360)
ROWS, COLUMNS = (30, 130, 230, 330), (30, 180, 330, 470)


def cells_of(pixels: np.ndarray) -> list[CellPlace]:
    inked = read_ink(pixels)
    assert inked is not None
    return list(inked.cells)


def table_with_an_empty_cell() -> tuple[list[Points], list[Points]]:
    written = [
        stroke
        for row, top in enumerate(ROWS[:-1])
        for column, left in enumerate(COLUMNS[:-1])
        if (row, column) != (1, 1)
        for stroke in number("17", left + 15, top + 20, 50)
    ]
    return written, table(ROWS, COLUMNS)


@pytest.mark.parametrize("degrees", [-4, 0, 3])
def test_the_cells_of_a_table_are_numbered_by_row_and_column(degrees: float):
    written, lines = (turned(strokes, degrees, (250, 180)) for strokes in table_with_an_empty_cell())
    cells = cells_of(paper(written, SIZE, printed=lines, grey=90))
    assert [(cell.row, cell.column) for cell in cells] == [(row, column) for row in range(3) for column in range(3)]


def test_a_cell_is_inside_its_lines():
    written, lines = table_with_an_empty_cell()
    cells = cells_of(paper(written, SIZE, printed=lines))
    x, y, width, height = cells[4].box
    assert (x, y, x + width, y + height) == pytest.approx((180, 130, 330, 230), abs=4)


def test_the_boxes_of_a_form_are_columns_even_when_empty():
    boxes = [edge for left in range(20, 460, 75) for edge in frame(left, 40, left + 65, 120)]
    written = number("0", 35, 52, 50) + number("7", 110, 52, 50) + number("1", 260, 52, 50)
    cells = cells_of(paper(written, (500, 160), printed=boxes))
    assert [(cell.row, cell.column) for cell in cells] == [(0, column) for column in range(6)]


@pytest.mark.parametrize("outline", [frame(30, 30, 330, 140), circle(170, 85, 165, 75)], ids=["frame", "circle"])
def test_an_outline_around_a_number_is_no_table(outline: list[Points]):
    assert cells_of(paper(number("1701", 55, 55), (360, 170), printed=outline)) == []


def test_a_frame_around_a_table_is_no_cell():
    written, lines = table_with_an_empty_cell()
    cells = cells_of(paper(written, SIZE, printed=lines + frame(15, 15, 485, 345)))
    assert len(cells) == 9


def test_a_merged_cell_has_the_first_row_and_column_that_it_covers():
    holes = ((0, 50, 0, 210), (60, 100, 0, 100), (60, 100, 110, 210), (110, 150, 0, 100), (110, 150, 110, 210))
    cells = find_cells([Outline((0, 150, 0, 210), holes, is_straight=True)])
    assert [(cell.row, cell.column) for cell in cells] == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)]


def test_digits_alone_have_no_cells():
    assert cells_of(paper(number("0000", 40, 40), (360, 140))) == []


def test_digits_high_and_low_in_a_row_of_boxes_are_in_one_line():
    boxes = table((20, 160), (20, 95, 170, 245, 320))
    written = number("0", 35, 30, 45) + number("7", 110, 105, 45) + number("1", 190, 30, 45) + number("0", 260, 105, 45)
    inked = read_ink(paper(written, (340, 180), printed=boxes))
    assert inked is not None
    assert (len(find_lines(inked.ink)), len(find_lines(inked.ink, inked.cells))) == (2, 1)


def test_a_cell_with_two_lines_keeps_them_apart():
    boxes = table((20, 200), (20, 120, 220))
    written = [stroke for top in (35, 125) for left in (40, 140) for stroke in number("0", left, top, 50)]
    inked = read_ink(paper(written, (240, 220), printed=boxes))
    assert inked is not None
    assert len(find_lines(inked.ink, inked.cells)) == 2
