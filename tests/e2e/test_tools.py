"""Eraser, pens, redo, modes, help: with mouse, finger and keys."""

from __future__ import annotations

import base64
import io
import re
from itertools import takewhile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import FileChooser, Request, expect
from visitor import DOT, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
SCREENS = {"desktop": {}, "phone": PHONE}
# Across the stem of the seven.
ACROSS = [(0.3, 0.6), (0.8, 0.6)]


def drawn_on(visit: Visit, screen: str, path: str = "/") -> Visitor:
    visitor = visit(path, **SCREENS[screen])
    stroke(visitor, screen)
    expect(visitor.find("digit")).to_have_text("7")
    return visitor


def stroke(visitor: Visitor, screen: str, points: list[tuple[float, float]] = SEVEN) -> None:
    (visitor.draw_with_finger if screen == "phone" else visitor.draw)(points)


def rows_of_ink(visitor: Visitor) -> list[bool]:
    """Whether each row of the bitmap that was sent last has ink."""
    image = visitor.sent_image().convert("L")
    return [image.crop((0, y, image.width, y + 1)).getextrema()[1] > 0 for y in range(image.height)]


@pytest.mark.parametrize("screen", SCREENS)
def test_eraser_cuts_a_stroke_and_undo_and_redo_know_it(visit: Visit, screen: str) -> None:
    visitor = drawn_on(visit, screen)
    whole = visitor.ink()
    visitor.find("eraser").click()
    expect(visitor.find("eraser")).to_have_attribute("aria-pressed", "true")

    with visitor.page.expect_response("**/predict*"):
        stroke(visitor, screen, ACROSS)

    cut = visitor.ink()
    assert cut < 0.97 * whole
    rows = rows_of_ink(visitor)
    assert rows[70]
    assert rows[220]
    assert not rows[168]
    visitor.find("undo").click()
    assert visitor.ink() == whole
    visitor.find("redo").click()
    assert visitor.ink() == cut


@pytest.mark.parametrize("screen", SCREENS)
def test_thick_pen_leaves_more_ink_than_a_thin_one(visit: Visit, screen: str) -> None:
    ink = {}
    for pen in ("thin", "normal", "thick"):
        visitor = visit(**SCREENS[screen])
        visitor.find(f"pen-{pen}").click()
        stroke(visitor, screen)
        expect(visitor.find("digit")).to_have_text("7")
        ink[pen] = visitor.ink()
    assert 1.4 * ink["thin"] < ink["normal"] < ink["thick"] / 1.3


def test_redo_is_offered_only_where_there_is_something_to_do_again(visit: Visit) -> None:
    visitor = drawn_on(visit, "desktop")
    expect(visitor.find("redo")).to_have_attribute("aria-disabled", "true")

    visitor.find("undo").click()
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    expect(visitor.find("undo")).to_have_attribute("aria-disabled", "true")

    visitor.find("redo").click()
    expect(visitor.find("digit")).to_have_text("7")
    visitor.find("undo").click()
    visitor.draw(DOT)
    expect(visitor.find("redo")).to_have_attribute("aria-disabled", "true")


def test_every_tool_has_its_key(visit: Visit) -> None:
    choosers: list[FileChooser] = []
    visitor = visit()
    # Long before the key: the browser is told of the listener without waiting for it.
    visitor.page.on("filechooser", lambda each: choosers.append(each))
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    keyboard = visitor.page.keyboard
    keyboard.press("]")
    expect(visitor.find("pen-thick")).to_have_attribute("aria-pressed", "true")
    keyboard.press("[")
    keyboard.press("[")
    expect(visitor.find("pen-thin")).to_have_attribute("aria-pressed", "true")
    keyboard.press("e")
    expect(visitor.find("eraser")).to_have_attribute("aria-pressed", "true")
    keyboard.press("e")
    expect(visitor.find("pen-thin")).to_have_attribute("aria-pressed", "true")
    keyboard.press("u")
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    keyboard.press("Control+Shift+Z")
    expect(visitor.find("digit")).to_have_text("7")
    keyboard.press("n")
    expect(visitor.find("heading")).to_have_text("Draw a number")
    keyboard.press("o")
    while not choosers:
        visitor.page.wait_for_timeout(20)
    keyboard.press("?")
    expect(visitor.find("help")).to_be_visible()
    keyboard.press("c")  # belongs to the page behind
    keyboard.press("Escape")
    expect(visitor.find("help")).to_be_hidden()


def test_eraser_works_from_the_keyboard(visit: Visit) -> None:
    visitor = visit()
    keyboard = visitor.page.keyboard
    visitor.find("pad").focus()
    keyboard.press(" ")
    for _ in range(8):
        keyboard.press("ArrowDown")
    keyboard.press(" ")
    expect(visitor.find("digit")).not_to_be_empty()
    ink = visitor.ink()

    keyboard.press("e")
    keyboard.press(" ")
    keyboard.press("ArrowUp")
    keyboard.press(" ")
    visitor.find("clear").focus()

    assert 0 < visitor.ink() < ink


@pytest.mark.parametrize("screen", SCREENS)
def test_heading_follows_the_mode_and_each_mode_keeps_its_drawing(visit: Visit, screen: str) -> None:
    visitor = drawn_on(visit, screen)
    expect(visitor.find("heading")).to_have_text("Draw a digit")

    visitor.find("mode-number").click()
    expect(visitor.find("heading")).to_have_text("Draw a number")
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")

    visitor.find("mode-digit").click()
    expect(visitor.find("heading")).to_have_text("Draw a digit")
    expect(visitor.find("digit")).to_have_text("7")


@pytest.mark.parametrize("screen", SCREENS)
def test_help_opens_by_button_and_closes_by_a_click_beside_it(visit: Visit, screen: str) -> None:
    visitor = visit(**SCREENS[screen])
    visitor.find("help-open").click()
    expect(visitor.page.get_by_role("dialog", name="Keys and tools")).to_be_visible()
    expect(visitor.find("help")).to_contain_text("random test image")

    visitor.page.mouse.click(3, 3)

    expect(visitor.find("help")).to_be_hidden()


def test_drawing_is_saved_as_the_picture_that_was_read(visit: Visit, tmp_path: Path) -> None:
    visitor = drawn_on(visit, "desktop")
    with visitor.page.expect_download() as saved:
        visitor.find("download").click()

    assert re.fullmatch(r"drawing-\d{8}-\d{6}\.png", saved.value.suggested_filename)
    saved.value.save_as(tmp_path / "drawing.png")
    assert Image.open(tmp_path / "drawing.png").tobytes() == visitor.sent_image().tobytes()
    visitor.find("clear").click()
    visitor.find("download").click()
    expect(visitor.page.locator(".toast")).to_contain_text("nothing to save")


def test_answer_is_seen_on_a_phone_without_scrolling(visit: Visit) -> None:
    for height in (800, 664):
        visitor = visit(**{**PHONE, "viewport": {"width": 390, "height": height}})
        stroke(visitor, "phone")
        expect(visitor.find("digit")).to_have_text("7")
        for part in ("pad", "digit", "confidence", "glyph"):
            box = visitor.find(part).bounding_box()
            assert box is not None
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height, part


def test_camera_is_offered_to_fingers_alone(visit: Visit) -> None:
    assert visit(**PHONE).page.get_by_text("Camera", exact=True).is_visible()
    assert visit().page.get_by_text("Camera", exact=True).is_hidden()
    camera = visit(**PHONE).find("camera")
    expect(camera).to_have_attribute("capture", "environment")
    expect(camera).to_have_attribute("accept", "image/*")


def test_home_page_is_small_until_it_loads_the_model(visit: Visit) -> None:
    requests: list[Request] = []
    visitor = visit(before=lambda visitor: visitor.page.on("request", lambda each: requests.append(each)))
    expect(visitor.find("model-line")).to_contain_text("Read by")
    visitor.page.wait_for_load_state("networkidle")

    before = list(takewhile(lambda request: not request.url.endswith("/browser"), requests))

    assert len(before) < len(requests)
    sizes = [request.sizes() for request in before]
    assert sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes) <= 150_000


def test_picture_on_the_home_page_is_shown_read_and_taken_away_again(visit: Visit) -> None:
    visitor = drawn_on(visit, "desktop")
    image = base64.b64decode(visitor.predict_requests[-1].post_data_json["image"].partition(",")[2])
    visitor.find("clear").click()

    visitor.find("file").set_input_files({"name": "seven.png", "mimeType": "image/png", "buffer": image})

    expect(visitor.find("caption")).to_contain_text("seven.png")
    expect(visitor.find("digit")).to_have_text("7")
    visitor.find("undo").click()
    expect(visitor.find("caption")).to_be_empty()
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    visitor.find("redo").click()
    expect(visitor.find("caption")).to_contain_text("seven.png")
    expect(visitor.find("digit")).to_have_text("7")
    assert Image.open(io.BytesIO(image)).size == (280, 280)
