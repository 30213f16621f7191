"""What surrounds a number on a sheet: boxes, a comb, circles, underlines, lines that strike it through, tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mnist_classifier.evaluation.robustness.drawing import Points
from mnist_classifier.evaluation.robustness.pages.sheet import Extent, Inks, Sheet, around
from mnist_classifier.evaluation.robustness.pages.writing import Range

GREY, BLACK = (90, 190), (0, 60)  # grey levels of printed lines, 0 to 255
# Lengths are relative to the height of digits, unless their name says pixels.
BOX_SIDE, BOX_WIDTH, BOX_GAP, BOX_LINE_PX = (1.25, 1.8), (0.65, 1.05), (0.08, 0.3), (1.0, 4.0)
TABLE_CELL_HEIGHT, TABLE_PADDING, TABLE_LINE_PX = (1.4, 1.9), (0.2, 0.5), (1.0, 3.0)
TABLE_GAPS: Range = (0.08, 0.2)
# Distance of the second line, and the least one relative to the pen's width.
SECOND_LINE, NO_MERGER = (0.12, 0.2), 1.8
# How often a number is struck through from corner to corner.
DIAGONAL = 0.25


def printed_in(sheet: Sheet, levels: tuple[int, int]) -> None:
    """Choose the grey of the printed lines."""
    level = float(sheet.rng.integers(*levels))
    sheet.inks = Inks(sheet.inks.paper, sheet.inks.pen, (level,) * 3)


def rectangle(at: Extent) -> list[list[list[float]]]:
    """Its four sides."""
    corners = [[at.left, at.top], [at.right, at.top], [at.right, at.bottom], [at.left, at.bottom]]
    return [[corners[i], corners[(i + 1) % 4]] for i in range(4)]


def boxes(sheet: Sheet, text: str, *, gap: Range = (0.0, 0.0), touched: bool = False) -> None:
    """Write each digit in a printed box of its own; `touched`: the digits reach the lines of their boxes."""
    rng, height = sheet.rng, sheet.height
    side, line_px = height * rng.uniform(*BOX_SIDE), rng.uniform(*BOX_LINE_PX)
    shapes = [sheet.width_of(character) for character in text]
    width = max(side * rng.uniform(*BOX_WIDTH), max(wide for _, wide in shapes) + 2 * line_px + 4)
    step = width + height * rng.uniform(*gap)
    for index, (strokes, wide) in enumerate(shapes):
        box = Extent(0, -side / 2, width, side / 2).moved(index * step)
        free = (box.width - wide) / 2 - line_px
        aside, up = rng.normal(0, 0.04) * side, rng.normal(0, 0.04) * side
        if touched:
            # Each digit reaches one line: a side of its box, the top or the bottom.
            reaches = [(free, 0.0), (-free, 0.0), (0.0, (side - height) / 2), (0.0, (height - side) / 2)]
            aside, up = np.array(reaches[rng.integers(4)]) * rng.uniform(0.95, 1.2)
        else:
            aside = float(np.clip(aside, -free, free))
        sheet.place(strokes, box.middle[0] + aside, up)
        sheet.print(*rectangle(box), width_px=line_px)


def comb(sheet: Sheet, text: str) -> None:
    """Write digits on a printed line with teeth between them."""
    rng, height = sheet.rng, sheet.height
    side, line_px = height * rng.uniform(1.2, 1.6), rng.uniform(*BOX_LINE_PX)
    shapes = [sheet.width_of(character) for character in text]
    width = max(side * rng.uniform(0.75, 0.9), max(wide for _, wide in shapes) + 2 * line_px + 4)
    tooth, bottom = side * rng.uniform(0.2, 0.6), height * rng.uniform(0.55, 0.7)
    for index, (strokes, _) in enumerate(shapes):
        sheet.place(strokes, (index + 0.5) * width, rng.normal(0, 0.02) * height)
    sheet.print([[0, bottom], [len(text) * width, bottom]], width_px=line_px)
    for index in range(len(text) + 1):
        sheet.print([[index * width, bottom], [index * width, bottom - tooth]], width_px=line_px)


def drawn_box(sheet: Sheet, around_it: Extent) -> None:
    """Draw a box by hand."""
    box = around_it.grown(sheet.height * sheet.rng.uniform(0.15, 0.5))
    corners = np.array([[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]])
    corners = corners + sheet.rng.normal(0, 0.05, (4, 2)) * sheet.height
    # Each corner is given twice, so that it stays sharp.
    sheet.draw(np.repeat(np.vstack([corners, corners[:1] + sheet.rng.normal(0, 0.05, 2) * sheet.height]), 2, axis=0))


def printed_box(sheet: Sheet, around_it: Extent) -> None:
    """Print one box around everything, a square if it is nearly one."""
    rng, (x, y) = sheet.rng, around_it.middle
    high = (around_it.bottom - around_it.top) / 2 * rng.uniform(1.2, 1.7)
    wide = max(high * rng.uniform(0.8, 1.1), around_it.width / 2 + sheet.height * rng.uniform(0.15, 0.4))
    sheet.print(*rectangle(Extent(x - wide, y - high, x + wide, y + high)), width_px=rng.uniform(1, sheet.pen_px))


def circle(sheet: Sheet, around_it: Extent, *, is_round: bool = False) -> None:
    """Draw a circle or an ellipse by hand; its ends need not meet."""
    rng = sheet.rng
    radii = np.array([around_it.width, around_it.bottom - around_it.top]) / 2
    if is_round:
        radii = np.full(2, radii.max()) * rng.uniform(1.25, 1.7)
    else:
        radii = radii * rng.uniform(1.15, 1.6) + sheet.height * rng.uniform(0.1, 0.3)
    turns = np.linspace(0, 2 * math.pi * rng.uniform(0.97, 1.06), 60) + rng.uniform(0, 2 * math.pi)
    wobble = 1 + 0.03 * np.sin(3 * turns + rng.uniform(0, 2 * math.pi))
    unit: Points = np.stack([np.cos(turns) * wobble, np.sin(turns) * wobble], axis=1)
    sheet.draw(unit * radii + around_it.middle)


def underline(sheet: Sheet, under: Extent, *, gap: Range = (0.05, 0.25), lines: int = 1) -> None:
    """Draw lines under a number.  gap: from its lowest point to the first; negative: the line touches it."""
    rng, height = sheet.rng, sheet.height
    first = under.bottom + height * rng.uniform(*gap)
    over, fall = height * rng.uniform(-0.05, 0.3), rng.normal(0, 0.02) * under.width
    pen_px = sheet.pen_px * rng.uniform(0.5, 1.0)
    second = max(rng.uniform(*SECOND_LINE) * height, NO_MERGER * pen_px)
    for index in range(lines):
        y = first + index * second
        middle = (under.middle[0], y + fall / 2 + rng.normal(0, 0.01) * height)
        sheet.draw([[under.left - over, y], middle, [under.right + over, y + fall]], pen_px=pen_px)


def strike(sheet: Sheet, through: Extent) -> None:
    """Strike a number through, with one line or two: along it or, seldom, from corner to corner."""
    rng, height = sheet.rng, sheet.height
    is_diagonal = rng.random() < DIAGONAL
    over, tilt = height * rng.uniform(0.1, 0.4), (rng.uniform(0.3, 0.6) if is_diagonal else rng.normal(0, 0.1)) * height
    middle, pen_px = through.middle[1] + rng.normal(0, 0.08) * height, sheet.pen_px * rng.uniform(0.7, 1.0)
    for index in range(rng.integers(1, 3)):
        y = middle + index * height * 0.15
        sheet.draw([[through.left - over, y + tilt], [through.right + over, y - tilt]], pen_px=pen_px)


@dataclass(frozen=True, eq=False)
class Aside:
    """A number that is written but not on the sheet yet."""

    lines: list[Points]
    box: Extent


def aside(sheet: Sheet, number: str) -> Aside:
    """Write a number aside, on a line with its middle at 0."""
    count = len(sheet.drawn)
    box = sheet.write(number, gaps=TABLE_GAPS)
    lines = [line for line, _ in sheet.drawn[count:]]
    del sheet.drawn[count:]
    return Aside(lines, box)


def table(sheet: Sheet, numbers: list[list[str | None]]) -> Extent:
    """Print a table and write numbers in its cells; None stays empty.  Returns the box of the table."""
    rng, height = sheet.rng, sheet.height
    columns, line_px = len(numbers[0]), rng.uniform(*TABLE_LINE_PX)
    cell_height, padding = height * rng.uniform(*TABLE_CELL_HEIGHT), height * rng.uniform(*TABLE_PADDING)
    written = [[None if number is None else aside(sheet, number) for number in row] for row in numbers]
    widest = max(ink.box.width for row in written for ink in row if ink is not None)
    cell_width = widest + 2 * padding
    for row, inks in enumerate(written):
        for column, ink in enumerate(inks):
            left, middle = column * cell_width, (row + 0.5) * cell_height
            cell = Extent(left, middle - cell_height / 2, left + cell_width, middle + cell_height / 2)
            sheet.cells.append((row, column, cell, numbers[row][column]))
            if ink is not None:
                start = left + (cell_width - ink.box.width) * rng.uniform(0.3, 0.7) - ink.box.left
                sheet.draw(*(line + (start, middle) for line in ink.lines))
    bottom, right = len(numbers) * cell_height, columns * cell_width
    for row in range(len(numbers) + 1):
        sheet.print([[0, row * cell_height], [right, row * cell_height]], width_px=line_px)
    for column in range(columns + 1):
        sheet.print([[column * cell_width, 0], [column * cell_width, bottom]], width_px=line_px)
    return around([cell for _, _, cell, _ in sheet.cells])
