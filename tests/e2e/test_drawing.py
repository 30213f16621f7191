"""Drawing on the home page and being read."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from application import Application
from PIL import Image
from playwright.sync_api import Route, expect
from visitor import DOT, FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 3}


def expect_nothing_drawn(visitor: Visitor) -> None:
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    expect(visitor.find("digit")).to_be_empty()
    expect(visitor.find("glyph").locator("img")).to_have_count(0)
    expect(visitor.find("pad-frame")).to_have_attribute("data-empty", "true")


def test_drawn_seven_is_read_as_seven(visit: Visit) -> None:
    visitor = visit()
    visitor.draw(SEVEN)

    visitor.find("predict").click()

    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("confidence")).to_have_text(re.compile(r"\d\d\.\d\s% sure"))
    expect(visitor.find("glyph").locator("img")).to_have_attribute("src", re.compile("^data:image/png;base64,"))


def test_bars_show_ten_probabilities_to_eye_and_ear(visit: Visit) -> None:
    visitor = visit()
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")

    meters = visitor.page.get_by_role("meter")
    values = [float(meter.get_attribute("aria-valuenow") or "nan") for meter in meters.all()]

    assert [meter.get_attribute("aria-label") for meter in meters.all()] == list("0123456789")
    assert values.index(max(values)) == 7
    assert sum(values) == pytest.approx(100, abs=0.6)
    expect(visitor.find("bars").locator("[data-best=true] .bar-digit")).to_have_text("7")


def test_answer_comes_without_asking_soon_after_a_stroke(visit: Visit) -> None:
    visitor = visit()

    visitor.draw(SEVEN)

    expect(visitor.find("digit")).to_have_text("7")


def test_clear_empties_pad_and_result_and_undo_brings_them_back(visit: Visit) -> None:
    visitor = visit()
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")

    visitor.find("clear").click()
    expect_nothing_drawn(visitor)
    assert visitor.ink() == 0

    visitor.find("undo").click()
    expect(visitor.find("digit")).to_have_text("7")


def test_undo_takes_back_the_newest_stroke_alone(visit: Visit) -> None:
    visitor = visit()
    visitor.draw(SEVEN)
    ink_of_seven = visitor.ink()
    visitor.draw(DOT)
    assert visitor.ink() > ink_of_seven

    visitor.find("undo").click()

    assert visitor.ink() == ink_of_seven
    visitor.find("undo").click()
    expect_nothing_drawn(visitor)


def test_predict_on_an_empty_pad_says_that_nothing_is_drawn(visit: Visit) -> None:
    visitor = visit()

    visitor.find("predict").click()

    expect_nothing_drawn(visitor)


def test_finger_draws_on_a_phone_and_the_page_stays_where_it_is(visit: Visit) -> None:
    visitor = visit(**PHONE)

    visitor.draw_with_finger(SEVEN)

    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.page.evaluate("window.scrollY") == 0


def test_tap_makes_a_dot(visit: Visit) -> None:
    visitor = visit(**PHONE)

    visitor.find("pad").tap()

    assert visitor.ink() > 0


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone with three pixels to one"])
def test_bitmap_that_is_sent_does_not_depend_on_the_screen(visit: Visit, options: dict[str, object]) -> None:
    visitor = visit(**options)
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")

    image = visitor.sent_image()

    assert image.size == (280, 280)
    assert image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
    assert image.convert("L").getpixel((0, 0)) == 0
    assert image.convert("L").getextrema() == (0, 255)


def test_whole_page_works_from_the_keyboard(visit: Visit) -> None:
    visitor = visit()
    keyboard = visitor.page.keyboard
    visitor.find("pad").focus()
    for _ in range(7):
        keyboard.press("ArrowUp")
    keyboard.press(" ")
    for _ in range(14):
        keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(visitor.find("digit")).to_have_text("1")

    keyboard.press("c")
    expect_nothing_drawn(visitor)

    keyboard.press("Control+z")
    expect(visitor.find("digit")).to_have_text("1")


def test_late_answer_to_an_older_drawing_is_dropped(visit: Visit) -> None:
    visitor = visit()
    held: list[Route] = []
    visitor.page.route("**/predict*", lambda route: held.append(route))
    visitor.draw(SEVEN)
    visitor.find("predict").click()
    while not held:
        visitor.page.wait_for_timeout(20)

    visitor.find("clear").click()
    for route in held:
        route.continue_()

    visitor.page.wait_for_timeout(500)
    expect_nothing_drawn(visitor)


def test_nothing_moves_when_the_result_comes(visit: Visit) -> None:
    visitor = visit()
    parts = ["pad", "bars", "answered-by", "model-line"]
    expect(visitor.find("model-line")).to_contain_text("%")
    before = [visitor.find(part).bounding_box() for part in parts]

    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")

    assert [visitor.find(part).bounding_box() for part in parts] == before


def test_page_says_which_model_answers(visit: Visit) -> None:
    visitor = visit()

    expect(visitor.find("model-line")).to_have_text(
        re.compile(r"Read by the model in the box\. Test accuracy: 9\d\.\d\d\s% of 10,000 images\.")
    )


def test_server_that_is_gone_is_told_and_the_drawing_kept(visit: Visit, tmp_path: Path) -> None:
    with Application(tmp_path, data_dir=tmp_path / "no-data") as short_lived:
        visitor = visit(at=short_lived)
        visitor.expected_errors = (FAILED_REQUEST,)
        expect(visitor.find("model-line")).to_contain_text("Read by")
    visitor.draw(SEVEN)
    ink = visitor.ink()

    visitor.find("predict").click()

    expect(visitor.page.get_by_role("alert")).to_contain_text("No answer from the server. Is it still running?")
    expect(visitor.find("verdict")).to_have_text("No reading")
    assert visitor.ink() == ink


def test_stages_are_shown_when_they_are_asked_for_and_warnings_at_once(visit: Visit) -> None:
    visitor = visit("/")
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("warnings")).to_be_empty()
    expect(visitor.find("step-list")).to_be_empty()

    visitor.find("steps").locator("summary").click()

    expect(visitor.find("step-list").locator("img")).to_have_count(3)
    expect(visitor.find("step-list")).to_contain_text("Scaled and centred")
    visitor.page.keyboard.press("c")
    expect(visitor.find("step-list")).to_be_empty()


SCRIBBLE = [(0.2, 0.2), (0.8, 0.3), (0.2, 0.4), (0.8, 0.5), (0.2, 0.6), (0.8, 0.7), (0.2, 0.8), (0.5, 0.1), (0.5, 0.9)]


def test_verdict_and_bars_of_a_scribble_agree(visit: Visit) -> None:
    visitor = visit()
    row = visitor.find("not-a-digit")
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    expect(row).to_be_hidden()
    visitor.page.keyboard.press("c")

    visitor.draw(SCRIBBLE)

    expect(visitor.find("verdict")).to_have_text("Not a digit")
    expect(visitor.find("bars").locator("[data-best=true]")).to_have_count(0)
    expect(row).to_be_visible()
    share = row.get_by_role("meter").get_attribute("aria-valuetext")
    expect(visitor.find("confidence")).to_have_text(f"{share} sure")


def test_both_candidates_of_an_ambiguous_digit_stand_out(visit: Visit) -> None:
    def doubt(route: Route) -> None:
        reading = route.fetch().json()
        shares = [0.0, 0.4, *[0.0] * 5, 0.6, 0.0, 0.0]
        doubts = {"verdict": "ambiguous", "candidates": [7, 1], "confidence": 0.6, "probabilities": shares}
        route.fulfill(json={**reading, **doubts})

    visitor = visit()
    visitor.page.route("**/predict*", doubt)
    visitor.draw(SEVEN)

    expect(visitor.find("verdict")).to_have_text("7 or 1?")
    marked = visitor.find("bars").locator("[data-candidate=true] .bar-digit")
    expect(marked).to_have_text(["1", "7"])


def test_a_blank_upload_is_called_blank(visit: Visit) -> None:
    visitor = visit()
    content = io.BytesIO()
    Image.new("L", (200, 200), 255).save(content, "PNG")

    visitor.find("file").set_input_files({"name": "empty.png", "mimeType": "image/png", "buffer": content.getvalue()})

    expect(visitor.find("verdict")).to_have_text("This picture is blank")
    expect(visitor.find("bars").locator("[data-best=true]")).to_have_count(0)
    expect(visitor.find("bars").locator(".bar-value").first).to_be_empty()
