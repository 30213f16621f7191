"""Writing a number and being read."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, Route, expect
from tests.recognition.test_recogniser import seven_and_one
from visitor import SEVEN, Point, Visitor

from conftest import Visit
from mnist_classifier.evaluation.robustness.strings import draw
from mnist_classifier.recognition.imaging.decode import encode_png

pytestmark = pytest.mark.e2e

WIDTH_TO_HEIGHT = 2.5
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 3}


def at(left: float, points: list[Point]) -> list[Point]:
    """Points of a square pad on the wide one, `left` being a part of its width."""
    return [(left + x / WIDTH_TO_HEIGHT, y) for x, y in points]


def write_seven_and_one(visitor: Visitor) -> None:
    visitor.find("mode-number").click()
    visitor.draw(at(0.05, SEVEN))
    visitor.draw(at(0.4, [(0.5, 0.22), (0.5, 0.8)]))


def test_two_digits_are_read_as_a_number(visit: Visit) -> None:
    visitor = visit()

    write_seven_and_one(visitor)

    expect(visitor.find("digit")).to_have_text("71")
    expect(visitor.find("confidence")).to_have_text(re.compile(r"\d\d\.\d\s% sure"))
    expect(visitor.find("verdict")).to_have_text("2 digits")
    expect(visitor.find("number-digits").locator(".number-digit")).to_have_text(["7", "1"])
    expect(visitor.find("bars")).to_be_hidden()
    expect(visitor.find("steps")).to_be_hidden()  # they are those of one digit


def test_strokes_are_sent_in_pixels_of_the_picture(visit: Visit) -> None:
    visitor = visit()
    write_seven_and_one(visitor)
    expect(visitor.find("digit")).to_have_text("71")

    body = visitor.predict_requests[-1].post_data_json

    assert body is not None
    assert body["mode"] == "number"
    picture = visitor.sent_image().convert("L")
    assert picture.size == (700, 280)
    assert len(body["strokes"]) == 2
    for stroke in body["strokes"]:
        for x, y in (stroke[0], stroke[-1]):
            assert picture.getpixel((round(x), round(y))) == 255


def test_frames_appear_and_go_with_the_next_stroke(visit: Visit) -> None:
    visitor = visit()
    visitor.find("mode-number").click()
    held: list[Route] = []
    visitor.page.route("**/predict*", lambda route: held.append(route))
    visitor.draw(at(0.05, SEVEN))
    while not held:
        visitor.page.wait_for_timeout(20)
    before = visitor.ink()
    held.pop().continue_()
    expect(visitor.find("digit")).to_have_text("7")
    framed = visitor.ink()
    assert framed > before

    visitor.find("undo").click()

    assert visitor.ink() == 0


def test_going_back_to_one_digit_starts_an_empty_square(visit: Visit) -> None:
    visitor = visit()
    write_seven_and_one(visitor)
    expect(visitor.find("digit")).to_have_text("71")

    visitor.find("mode-digit").click()

    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    expect(visitor.find("number-digits").locator("li")).to_have_count(0)
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.sent_image().size == (280, 280)


def test_picture_of_a_number_is_read_on_the_recogniser(visit: Visit) -> None:
    visitor = visit("/mnist")
    visitor.find("mode-number").click()
    strokes, size = seven_and_one()
    file: FilePayload = {"name": "71.png", "mimeType": "image/png", "buffer": encode_png(255 - draw(strokes, 12, size))}

    visitor.find("file").set_input_files(file)

    expect(visitor.find("digit")).to_have_text("71")
    expect(visitor.find("number-digits").locator(".number-digit")).to_have_text(["7", "1"])


@pytest.mark.parametrize("options", [PHONE, {}], ids=["phone", "desktop"])
@pytest.mark.parametrize("path", ["/", "/mnist"])
def test_wide_pad_fits_the_screen(visit: Visit, path: str, options: dict[str, object]) -> None:
    visitor = visit(path, **options)
    visitor.find("mode-number").click()

    pad = visitor.find("pad").bounding_box()
    assert pad is not None
    assert pad["width"] / pad["height"] == pytest.approx(WIDTH_TO_HEIGHT, rel=0.01)
    width = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert width <= visitor.page.viewport_size["width"]  # type: ignore[index]
