"""Pictures of whole pages: tables, lines and dates, and what the page shows of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect
from visitor import Visitor

from conftest import Visit
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.evaluation.robustness.strings import HANDS, draw
from mnist_classifier.recognition.imaging.decode import encode_png

pytestmark = pytest.mark.e2e

DIGIT_PX, PEN_PX = 60, 6
SLASH = [[(0.5, -0.1), (0.1, 1.1)]]


def write(pieces: list[tuple[str, float, float]], size: tuple[int, int]) -> Bytes:
    """Write digits and slashes with their top left corners at x, y: ink 0 on white 255."""
    strokes = []
    for character, x, y in pieces:
        template = SLASH if character == "/" else HANDS[int(character)][0]
        strokes += [np.array(stroke) * DIGIT_PX + (x, y) for stroke in template]
    return 255 - draw(strokes, PEN_PX, size)


def word(text: str, x: float, y: float) -> list[tuple[str, float, float]]:
    return [(character, x + 62 * index, y) for index, character in enumerate(text)]


def table() -> Bytes:
    """A table of two rows and three columns with an empty cell."""
    numbers = [("12", "", "75"), ("8", "36", "40")]
    pieces = [
        piece
        for row, texts in enumerate(numbers)
        for column, text in enumerate(texts)
        for piece in word(text, 75 + column * 200, 70 + row * 130)
    ]
    image = Image.fromarray(write(pieces, (660, 340)))
    pen = ImageDraw.Draw(image)
    for x in range(30, 631, 200):
        pen.line((x, 40, x, 300), fill=60, width=3)
    for y in range(40, 301, 130):
        pen.line((30, y, 630, y), fill=60, width=3)
    return np.asarray(image)


def upload(visitor: Visitor, pixels: Bytes) -> None:
    visitor.find("mode-number").click()
    visitor.find("file").set_input_files({"name": "page.png", "mimeType": "image/png", "buffer": encode_png(pixels)})


def test_table_is_shown_in_rows_and_columns(visit: Visit) -> None:
    visitor = visit()

    upload(visitor, table())

    expect(visitor.find("verdict")).to_have_text("2 rows, 3 columns")
    expect(visitor.find("number-layout").locator("tbody td")).to_have_text(["12", "", "75", "8", "36", "40"])
    visitor.find("number-layout").get_by_role("button", name="36").click()
    expect(visitor.find("inspect-title")).to_contain_text("Row 2, column 2: 36")
    expect(visitor.find("number-digits").locator(".number-digit")).to_have_text(["3", "6"])
    with visitor.page.expect_download() as saved:
        visitor.find("save-csv").click()
    assert saved.value.path().read_bytes() == b"12,,75\r\n8,36,40\r\n"


def test_lines_of_a_page_are_listed(visit: Visit) -> None:
    visitor = visit()

    upload(visitor, write([*word("7152", 60, 40), *word("304", 60, 160)], (460, 280)))

    expect(visitor.find("verdict")).to_have_text("2 lines, 7 digits")
    expect(visitor.find("number-layout").get_by_role("button")).to_have_text(["7152", "304"])


def test_date_is_shown_as_it_is_written(visit: Visit) -> None:
    visitor = visit()

    upload(visitor, write(word("12/07/24", 40, 60), (580, 190)))

    expect(visitor.find("digit")).to_have_text("120724")
    expect(visitor.find("written")).to_have_text("Written 12/07/24")
    slashes = visitor.page.locator(".found-item[data-kind=mark]")
    expect(slashes).to_have_text(["/", "/"])
    expect(visitor.find("legend")).to_contain_text("Mark")
