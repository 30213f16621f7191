"""The kinds of numbers that people bring, each with what is written, what is around it, and how it was photographed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mnist_classifier.evaluation.robustness.pages import furniture
from mnist_classifier.evaluation.robustness.pages.sample import Mode
from mnist_classifier.evaluation.robustness.pages.scene import (
    LIGHT_DESK,
    Scene,
    beside_binding,
    cut_off,
    on_desk,
    photographed,
    unchanged,
)
from mnist_classifier.evaluation.robustness.pages.sheet import Extent, Inks, Ruling, Sheet
from mnist_classifier.evaluation.robustness.pages.writing import Range, any_of

LINE_HEIGHTS_PX, TABLE_HEIGHTS_PX, FAINT = (40.0, 70.0), (36.0, 60.0), (210.0, 245.0)
PAGE_PX = (1600, 1200)
EMPTY_CELL = 0.15
# Shares of the dates: with hyphens those that begin with the year, and those with all digits of the year.
YEAR_FIRST, WHOLE_YEAR = 0.4, 0.3
RULED, SQUARED = (0.9, 1.7), (0.4, 1.3)  # spacing of the paper's lines, relative to the height of digits

# What a kind writes: the digits and marks of each line.
Lines = list[str]


@dataclass(frozen=True)
class Kind:
    """How to make a picture.

    write: puts a number on a sheet and returns its lines.  surround: what is around the sheet.
    heights_px: of the digits, None for the usual ones.  size: width and height in px, None to fit the writing.
    """

    write: Callable[[Sheet], Lines]
    surround: Callable[[Scene, np.random.Generator], Scene] = unchanged
    mode: Mode = "number"
    heights_px: Range | None = None
    doubt_is_right: bool = False
    size: tuple[int, int] | None = None


def some_digits(sheet: Sheet, fewest: int = 1, most: int = 5) -> str:
    """Random digits, as many as that."""
    labels = sorted(sheet.writer.digits)
    return "".join(any_of(labels, sheet.rng) for _ in range(sheet.rng.integers(fewest, most + 1)))


def plain(sheet: Sheet, gaps: Range = (0.08, 0.35), digits: tuple[int, int] = (1, 5)) -> Lines:
    """A number on a line of its own."""
    number = some_digits(sheet, *digits)
    sheet.write(number, gaps=gaps)
    return [number]


def enclosed(sheet: Sheet, enclose: Callable[[Sheet, str], None], fewest: int = 1, most: int = 7) -> Lines:
    """A number in boxes or a comb."""
    number = some_digits(sheet, fewest, most)
    enclose(sheet, number)
    return [number]


def boxes(sheet: Sheet, levels: tuple[int, int], *, gap: Range = (0.0, 0.0), touched: bool = False) -> Lines:
    """A number with a box for each digit."""
    furniture.printed_in(sheet, levels)
    return enclosed(sheet, partial(furniture.boxes, gap=gap, touched=touched))


def any_boxes(sheet: Sheet) -> Lines:
    """A number in boxes of any kind."""
    grey, apart = sheet.rng.random(2) < 0.5
    levels = furniture.GREY if grey else furniture.BLACK
    return boxes(sheet, levels, gap=furniture.BOX_GAP if apart else (0.0, 0.0))


def framed(sheet: Sheet, frame: Callable[[Sheet, Extent], None], fewest: int = 1, most: int = 5) -> Lines:
    """A number with something around it, under it or through it."""
    number = some_digits(sheet, fewest, most)
    frame(sheet, sheet.write(number))
    return [number]


def one_in_a_box(sheet: Sheet) -> Lines:
    """One digit in a printed box."""
    furniture.printed_in(sheet, (0, 150))
    return framed(sheet, furniture.printed_box, most=1)


def comb(sheet: Sheet) -> Lines:
    """A number on a comb."""
    furniture.printed_in(sheet, (0, 150))
    return enclosed(sheet, furniture.comb, fewest=2)


def table(sheet: Sheet) -> Lines:
    """A table of two to five rows and columns; some cells are empty, but no row is."""
    furniture.printed_in(sheet, (0, 150))
    rows, columns = sheet.rng.integers(2, 6, 2)
    numbers = [
        [None if sheet.rng.random() < EMPTY_CELL else some_digits(sheet, 1, 3) for _ in range(columns)]
        for _ in range(rows)
    ]
    for row in numbers:
        if not any(row):
            row[sheet.rng.integers(columns)] = some_digits(sheet, 1, 3)
    furniture.table(sheet, numbers)
    return ["".join(number or "" for number in row) for row in numbers]


def marked(sheet: Sheet, patterns: Sequence[str]) -> Lines:
    """A number with marks; in a pattern, d is any digit."""
    pattern = any_of(patterns, sheet.rng)
    text = "".join(some_digits(sheet, 1, 1) if character == "d" else character for character in pattern)
    sheet.write(text, gaps=(0.1, 0.35))
    return [text]


def date(sheet: Sheet, separator: str) -> Lines:
    """A day: with one or two digits for day and month, and two or four for the year, or the year first."""
    known = (separator, *sheet.writer.digits)
    # A writer of a small set lacks some digits; others take their places.
    text = "".join(
        character if character in known else some_digits(sheet, 1, 1) for character in _any_date(sheet.rng, separator)
    )
    sheet.write(text, gaps=(0.1, 0.35))
    return [text]


def _any_date(rng: np.random.Generator, separator: str) -> str:
    day, month, year = int(rng.integers(1, 32)), int(rng.integers(1, 13)), int(rng.integers(1900, 2100))
    if separator == "-" and rng.random() < YEAR_FIRST:
        return f"{year}-{month:02}-{day:02}"
    digits = int(rng.integers(1, 3))
    written = f"{year:04}" if rng.random() < WHOLE_YEAR else f"{year % 100:02}"
    return separator.join((f"{day:0{digits}}", f"{month:0{digits}}", written))


def several_lines(sheet: Sheet, pitch: Range, most: int = 4) -> Lines:
    """Two lines or more.  pitch: their distance, relative to the height of digits."""
    down = sheet.height * sheet.rng.uniform(*pitch)
    lines = [some_digits(sheet, 2, 6) for _ in range(sheet.rng.integers(2, most + 1))]
    for index, line in enumerate(lines):
        sheet.write(line, left=sheet.rng.uniform(0, 0.4) * sheet.height, middle=index * down)
    return lines


def joined(sheet: Sheet, overlap: Range) -> Lines:
    """A number with digits that touch."""
    number = some_digits(sheet, 2, 5)
    sheet.write_joined(number, overlap)
    return [number]


def zeros(sheet: Sheet) -> Lines:
    """A digit or two, and zeros that touch."""
    number = some_digits(sheet, 1, 2) + "0" * sheet.rng.integers(2, 4)
    sheet.write_joined(number, (-0.2, 0.9))
    return [number]


def on_lines(sheet: Sheet, spacing: Range, *, is_squared: bool = False, most: int = 5) -> Lines:
    """A number on ruled or squared paper."""
    furniture.printed_in(sheet, (120, 215))
    sheet.ruling = Ruling(sheet.height * sheet.rng.uniform(*spacing), is_squared, sheet.rng.uniform(1, 2))
    return plain(sheet, digits=(1, most))


def coloured(sheet: Sheet, write: Callable[[Sheet], Lines], inks: Inks) -> Lines:
    """The same in other colours."""
    lines = write(sheet)
    sheet.inks = inks
    return lines


def faint(sheet: Sheet, most: int) -> Lines:
    """A number in very pale ink."""
    sheet.inks = Inks(pen=(sheet.rng.uniform(*FAINT),) * 3)
    return plain(sheet, digits=(1, most))


RED_ON_BLUE = Inks(pen=(205.0, 40.0, 50.0), printed=(150.0, 180.0, 225.0))
STICKY_NOTE = Inks(paper=(250.0, 225.0, 120.0), pen=(20.0, 20.0, 30.0))
NOTE_APP = Inks(paper=(255.0, 252.0, 240.0), pen=(25.0, 45.0, 120.0), printed=(215.0, 220.0, 228.0))
UNDERLINED = partial(framed, frame=furniture.underline)
SQUARED_PAPER = partial(on_lines, spacing=SQUARED, is_squared=True)
GREY_BOXES, BLACK_BOXES = partial(boxes, levels=furniture.GREY), partial(boxes, levels=furniture.BLACK)
WHOLE_PAGE = partial(several_lines, pitch=(1.5, 3.0), most=6)
SLASHED = partial(date, separator="/")

KINDS: Mapping[str, Kind] = {
    "plain": Kind(plain),
    "plain_photo": Kind(plain, photographed),
    "boxes_grey": Kind(GREY_BOXES),
    "boxes_black": Kind(BLACK_BOXES),
    "boxes_apart": Kind(partial(BLACK_BOXES, gap=furniture.BOX_GAP)),
    "boxes_touched": Kind(partial(GREY_BOXES, touched=True)),
    "boxes_photo": Kind(any_boxes, photographed),
    "comb": Kind(comb),
    "comb_photo": Kind(comb, photographed),
    "drawn_box": Kind(partial(framed, frame=furniture.drawn_box)),
    "box_one_digit": Kind(one_in_a_box, mode="digit"),
    "box_one_number": Kind(one_in_a_box),
    "circle": Kind(partial(framed, frame=furniture.circle)),
    "circle_photo": Kind(partial(framed, frame=furniture.circle), photographed),
    "circle_digit": Kind(partial(framed, frame=partial(furniture.circle, is_round=True), most=1), mode="digit"),
    "table": Kind(table, heights_px=TABLE_HEIGHTS_PX),
    "table_photo": Kind(table, photographed, heights_px=TABLE_HEIGHTS_PX),
    "underline": Kind(UNDERLINED),
    "underline_double": Kind(partial(framed, frame=partial(furniture.underline, lines=2))),
    "underline_touching": Kind(partial(framed, frame=partial(furniture.underline, gap=(-0.08, 0.0)))),
    "underline_photo": Kind(UNDERLINED, photographed),
    "underline_digit": Kind(partial(UNDERLINED, most=1), mode="digit"),
    # A single seven with a line through it would be a seven.
    "struck": Kind(partial(framed, frame=furniture.strike, fewest=2), doubt_is_right=True),
    "brackets": Kind(partial(marked, patterns=("d)", "dd)", "ddd)", "(d)", "(dd)", "(ddd)"))),
    "dates_slashes": Kind(SLASHED),
    "dates_photo": Kind(SLASHED, photographed),
    "dates_points": Kind(partial(date, separator=".")),
    "dates_hyphens": Kind(partial(date, separator="-")),
    "decimals": Kind(partial(marked, patterns=("d,dd", "dd,dd", "ddd,d", "d.dd", "dd.d", "ddd.dd"))),
    "signs": Kind(
        partial(marked, patterns=("-d", "-dd", "ddd-", "dd=", "ddd=", "#ddd", "#dd#", "d+d", "dd:dd", "dd%"))
    ),
    "lines_close": Kind(partial(several_lines, pitch=(1.15, 1.35)), heights_px=LINE_HEIGHTS_PX),
    "lines": Kind(partial(several_lines, pitch=(1.35, 1.6)), heights_px=LINE_HEIGHTS_PX),
    "lines_photo": Kind(partial(several_lines, pitch=(1.15, 1.6)), photographed, heights_px=LINE_HEIGHTS_PX),
    "page": Kind(WHOLE_PAGE, heights_px=LINE_HEIGHTS_PX, size=PAGE_PX),
    "page_photo": Kind(WHOLE_PAGE, photographed, heights_px=LINE_HEIGHTS_PX, size=PAGE_PX),
    "ruled_photo": Kind(partial(on_lines, spacing=RULED), photographed),
    "squared_photo": Kind(SQUARED_PAPER, photographed),
    "red_on_ruled": Kind(partial(coloured, write=partial(on_lines, spacing=RULED), inks=RED_ON_BLUE), photographed),
    "note_squared": Kind(partial(coloured, write=SQUARED_PAPER, inks=NOTE_APP)),
    "digit_on_ruled": Kind(partial(on_lines, spacing=RULED, most=1), photographed, mode="digit"),
    "digit_on_squared": Kind(partial(SQUARED_PAPER, most=1), photographed, mode="digit"),
    "desk": Kind(plain, on_desk),
    "desk_digit": Kind(partial(plain, digits=(1, 1)), on_desk, mode="digit"),
    "desk_light": Kind(partial(coloured, write=plain, inks=STICKY_NOTE), partial(on_desk, levels=LIGHT_DESK)),
    "binding": Kind(plain, beside_binding),
    "tight": Kind(partial(plain, gaps=(0.0, 0.08), digits=(2, 5))),
    "touching": Kind(partial(joined, overlap=(0.0, 0.9))),
    "zeros": Kind(zeros),
    "faint": Kind(partial(faint, most=5)),
    "faint_digit": Kind(partial(faint, most=1), mode="digit"),
    "cut_off": Kind(partial(plain, digits=(2, 5)), cut_off, doubt_is_right=True),
}
