"""The sheet for handwriting: a grid to print with a column for each digit, as geometry and as SVG.

Lengths are millimetres.  The origin of the grid is the centre of the mark at its top left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

COLUMNS, ROWS = 10, 10
CELLS = COLUMNS * ROWS

# Centres of the corner marks, clockwise from the top left, and their side.
WIDTH, HEIGHT, MARK = 174.0, 222.0, 6.0
CORNERS = ((0.0, 0.0), (WIDTH, 0.0), (WIDTH, HEIGHT), (0.0, HEIGHT))
# A fifth mark between the upper two tells which side is up, and whether the picture is mirrored.
UP_MARK = (29.0, 0.0)
# The first box, and from one to the next.  Boxes do not touch, so a stroke that leaves one stays whole.
LEFT, TOP, PITCH_X, PITCH_Y, BOX_WIDTH, BOX_HEIGHT = 8.5, 16.5, 16.0, 20.0, 13.0, 17.0
LINE = 0.25
# The grid begins so far below the top of the page.
GRID_TOP = 38.0

# Width and height of the paper.
A4 = "a4"
PAPERS = {A4: (210.0, 297.0), "letter": (215.9, 279.4)}


class Place(NamedTuple):
    """A box on the sheet: its cell from 0, its label, and its left and top in mm."""

    cell: int
    label: int
    left: float
    top: float


def places() -> Iterator[Place]:
    """The boxes in reading order."""
    for cell in range(CELLS):
        row, column = divmod(cell, COLUMNS)
        yield Place(cell, column, LEFT + column * PITCH_X, TOP + row * PITCH_Y)


@dataclass(frozen=True)
class _Drawing:
    """Pieces of an SVG; x and y count from the corner of the page."""

    x: float
    y: float

    def rectangle(self, left: float, top: float, width: float, height: float, style: str) -> str:
        place = f'x="{_mm(self.x + left)}" y="{_mm(self.y + top)}"'
        return f'<rect {place} width="{_mm(width)}" height="{_mm(height)}" {style}/>'

    def text(self, words: str, left: float, baseline: float, size: float, style: str = "") -> str:
        place = f'x="{_mm(self.x + left)}" y="{_mm(self.y + baseline)}"'
        return f'<text {place} font-size="{_mm(size)}" {style}>{words}</text>'


def sheet_svg(paper: str = A4) -> str:
    """The sheet as an SVG file of the size of the paper."""
    width, height = PAPERS[paper]
    grid = _Drawing((width - WIDTH) / 2, GRID_TOP)
    half = MARK / 2
    marks = [grid.rectangle(x - half, y - half, MARK, MARK, 'fill="#000"') for x, y in (*CORNERS, UP_MARK)]
    # Pale lines are told from a pencil by their darkness.
    frame = f'fill="none" stroke="#b4b4b4" stroke-width="{LINE}"'
    boxes = [grid.rectangle(each.left, each.top, BOX_WIDTH, BOX_HEIGHT, frame) for each in places()]
    middle = 'text-anchor="middle" font-weight="bold"'
    headings = [
        grid.text(str(column), LEFT + column * PITCH_X + BOX_WIDTH / 2, TOP - 3, 7, middle) for column in range(COLUMNS)
    ]
    top = -GRID_TOP
    words = [
        grid.text("Your digits", 0, top + 17, 6.5, 'font-weight="bold"'),
        grid.text("Name", 84, top + 17, 4),
        grid.rectangle(96, top + 18, WIDTH - 96, LINE, 'fill="#000"'),
        grid.text("Write the digit above each column into all boxes below it, as you always write it.", 0, top + 25, 4),
        grid.text("Use a dark pen. If you make a mistake, fill in the whole box.", 0, top + 30, 4),
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_mm(width)}mm" height="{_mm(height)}mm" '
        f'viewBox="0 0 {_mm(width)} {_mm(height)}" font-family="Helvetica, Arial, sans-serif">'
    )
    paper_white = f'<rect width="{_mm(width)}" height="{_mm(height)}" fill="#fff"/>'
    return "\n".join(
        [head, "<title>Sheet for handwriting</title>", paper_white, *marks, *boxes, *headings, *words, "</svg>\n"]
    )


def _mm(length: float) -> str:
    return f"{length:.2f}".rstrip("0").rstrip(".")
