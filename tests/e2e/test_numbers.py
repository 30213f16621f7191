"""Writing a number and being read."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, Route, expect
from tests.recognition.test_recogniser import seven_and_one
from visitor import FAILED_REQUEST, SEVEN, Point, Visitor

from conftest import Visit
from mnist_classifier.evaluation.robustness.strings import draw
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.numbers.form import parse_form

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
    expect(visitor.find("digit")).to_have_text("71")


def test_two_digits_are_read_as_a_number(visit: Visit) -> None:
    visitor = visit()

    write_seven_and_one(visitor)

    expect(visitor.find("confidence")).to_have_text(re.compile(r"\d\d\.\d\s% sure"))
    expect(visitor.find("verdict")).to_have_text("2 digits")
    expect(visitor.find("number-digits").locator(".number-digit")).to_have_text(["7", "1"])
    expect(visitor.find("bars")).to_be_hidden()
    expect(visitor.find("steps")).to_be_hidden()  # they are those of one digit


def test_two_digits_on_the_square_pad_are_read_as_a_number_with_one_click(visit: Visit) -> None:
    visitor = visit()
    visitor.draw([(x * 0.6, y) for x, y in SEVEN])
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("read-number")).to_be_hidden()
    visitor.draw([(0.85, 0.22), (0.85, 0.8)])
    expect(visitor.find("verdict")).to_have_text("Not a digit")
    expect(visitor.find("warnings")).to_have_text("These seem to be several digits.")

    visitor.find("read-number").click()

    expect(visitor.find("digit")).to_have_text("71")
    expect(visitor.find("read-number")).to_be_hidden()
    expect(visitor.find("mode-number")).to_be_focused()
    visitor.find("mode-digit").click()
    expect(visitor.find("verdict")).to_have_text("Not a digit")  # the drawing is still there


def test_a_picture_of_several_digits_is_read_as_a_number_with_one_click(visit: Visit) -> None:
    visitor = visit("/mnist")
    strokes, size = seven_and_one()
    picture = encode_png(255 - draw(strokes, 12, size))
    visitor.find("file").set_input_files({"name": "71.png", "mimeType": "image/png", "buffer": picture})
    expect(visitor.find("verdict")).to_have_text("Not a digit")

    visitor.find("read-number").click()

    expect(visitor.find("digit")).to_have_text("71")
    expect(visitor.find("caption")).to_contain_text("71.png")
    expect(visitor.page.locator(".found-item")).to_have_text(["7", "1"])


def test_strokes_are_sent_in_pixels_of_the_picture(visit: Visit) -> None:
    visitor = visit()
    write_seven_and_one(visitor)

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
    boxes = visitor.page.locator(".found-item")
    expect(boxes).to_have_count(0)
    held.pop().continue_()
    expect(boxes).to_have_text("7")

    visitor.draw(at(0.4, [(0.5, 0.22), (0.5, 0.8)]))

    expect(boxes).to_have_count(0)
    while not held:
        visitor.page.wait_for_timeout(20)
    held.pop().continue_()
    expect(boxes).to_have_text(["7", "1"])


def test_going_back_to_one_digit_starts_an_empty_square(visit: Visit) -> None:
    visitor = visit()
    write_seven_and_one(visitor)

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


def upload_seven_and_one(visitor: Visitor) -> None:
    visitor.find("mode-number").click()
    strokes, size = seven_and_one()
    picture = encode_png(255 - draw(strokes, 12, size))
    visitor.find("file").set_input_files({"name": "71.png", "mimeType": "image/png", "buffer": picture})
    expect(visitor.find("digit")).to_have_text("71")


def test_a_click_on_a_digit_of_a_picture_shows_its_glyph_and_probabilities(visit: Visit) -> None:
    visitor = visit()
    upload_seven_and_one(visitor)
    one = visitor.page.locator(".found-item").nth(1)
    box = one.bounding_box()
    assert box is not None

    # A few pixels beside the thin digit.
    visitor.page.mouse.click(box["x"] - 4, box["y"] + box["height"] / 2)

    expect(visitor.find("inspect-title")).to_have_text(re.compile("^Digit 1, "))
    expect(one).to_have_attribute("aria-pressed", "true")
    expect(visitor.find("inspect-bars").locator("[data-best=true] .bar-digit")).to_have_text("1")
    glyph = visitor.find("inspect-glyph").locator("img")
    expect(glyph).to_be_visible()
    assert glyph.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [28, 28]
    visitor.find("inspect-close").click()
    expect(visitor.find("inspect")).to_be_hidden()


def test_keys_reach_every_digit_of_a_picture(visit: Visit) -> None:
    visitor = visit()
    upload_seven_and_one(visitor)
    press = visitor.page.keyboard.press

    visitor.find("pad").focus()
    press("Tab")
    press("Enter")
    expect(visitor.find("inspect-title")).to_have_text(re.compile("^Digit 7, "))
    press("ArrowRight")
    press("Enter")
    expect(visitor.find("inspect-title")).to_have_text(re.compile("^Digit 1, "))
    press("Escape")

    expect(visitor.find("inspect")).to_be_hidden()
    expect(visitor.page.locator(".found-item").nth(1)).to_be_focused()


def test_boxes_do_not_keep_the_pen_from_a_drawing(visit: Visit) -> None:
    visitor = visit()
    write_seven_and_one(visitor)

    visitor.draw(at(0.05, [(0.35, 0.5), (0.72, 0.5)]))

    expect(visitor.page.locator(".found-item")).to_have_count(2)
    body = visitor.predict_requests[-1].post_data_json
    assert body is not None
    assert len(body["strokes"]) == 3


def test_a_drawn_digit_is_chosen_in_the_list(visit: Visit) -> None:
    visitor = visit()
    write_seven_and_one(visitor)

    visitor.find("number-digits").get_by_role("button").first.click()

    expect(visitor.find("inspect-title")).to_have_text(re.compile("^Digit 7, "))
    expect(visitor.find("inspect-glyph").locator("img")).to_be_visible()


@pytest.mark.parametrize("has_clipboard", [True, False], ids=["https", "LAN"])
def test_number_is_copied(visit: Visit, has_clipboard: bool) -> None:
    def take_clipboard_away(visitor: Visitor) -> None:
        if not has_clipboard:
            visitor.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    visitor = visit(permissions=["clipboard-read", "clipboard-write"], before=take_clipboard_away)
    write_seven_and_one(visitor)

    visitor.find("copy-text").click()

    expect(visitor.page.get_by_text("Copied.")).to_be_visible()
    visitor.find("hints").locator("summary").click()
    visitor.find("hint-pattern").press("ControlOrMeta+v")
    expect(visitor.find("hint-pattern")).to_have_value("71")


def test_number_is_saved_as_csv(visit: Visit) -> None:
    visitor = visit()
    write_seven_and_one(visitor)

    with visitor.page.expect_download() as saved:
        visitor.find("save-csv").click()

    assert saved.value.suggested_filename == "numbers.csv"
    assert saved.value.path().read_bytes() == b"71\r\n"


@pytest.mark.parametrize(("size", "is_beside"), [((900, 300), False), ((600, 900), True)], ids=["wide", "tall"])
def test_pad_takes_the_shape_of_a_picture(visit: Visit, size: tuple[int, int], is_beside: bool) -> None:
    visitor = visit()
    visitor.find("mode-number").click()
    strokes, _ = seven_and_one()
    picture = encode_png(255 - draw(strokes, 12, size))

    visitor.find("file").set_input_files({"name": "71.png", "mimeType": "image/png", "buffer": picture})

    expect(visitor.find("digit")).to_have_text("71")
    pad, result = visitor.find("pad").bounding_box(), visitor.find("result").bounding_box()
    assert pad is not None
    assert result is not None
    assert pad["width"] / pad["height"] == pytest.approx(size[0] / size[1], rel=0.01)
    assert (result["x"] >= pad["x"] + pad["width"]) is is_beside


def test_what_the_user_knows_is_sent_and_an_error_appears_at_its_input(visit: Visit) -> None:
    visitor = visit()
    visitor.expected_errors = (FAILED_REQUEST,)
    write_seven_and_one(visitor)
    visitor.find("hints").locator("summary").click()

    visitor.find("hint-length").fill("2")
    with visitor.page.expect_response("**/predict"):
        visitor.find("hint-length").press("Tab")
    visitor.find("hint-pattern").fill("two digits")
    visitor.find("hint-pattern").press("Tab")

    expect(visitor.find("hint-pattern-error")).to_contain_text("dd/dd/dd")
    expect(visitor.find("hint-pattern")).to_have_attribute("aria-invalid", "true")
    expect(visitor.find("digit")).to_have_text("71")
    sent = [request.post_data_json for request in visitor.predict_requests[-2:]]
    assert [(body["length"], body.get("pattern")) for body in sent if body] == [(2, None), (2, "two digits")]


def test_fields_of_a_form_are_drawn_read_and_saved(visit: Visit) -> None:
    visitor = visit()
    upload_seven_and_one(visitor)
    visitor.find("form").locator("summary").click()
    visitor.find("pad").scroll_into_view_if_needed()
    digits = [box.bounding_box() for box in visitor.page.locator(".found-item").all()]
    mouse = visitor.page.mouse

    for box in digits:
        assert box is not None
        mouse.move(box["x"] - 8, box["y"] - 8)
        mouse.down()
        mouse.move(box["x"] + box["width"] + 8, box["y"] + box["height"] + 8, steps=3)
        mouse.up()
    visitor.page.get_by_label("Name").last.fill("room")
    visitor.page.get_by_role("button", name="Read fields").click()

    expect(visitor.find("verdict")).to_have_text("2 fields, 2 digits")
    expect(visitor.find("number-layout").get_by_role("listitem")).to_contain_text(["field 1", "room"])
    expect(visitor.find("number-layout").get_by_role("button")).to_have_text(["7", "1"])
    with visitor.page.expect_download() as saved:
        visitor.page.get_by_role("button", name="Save form.json").click()
    fields = parse_form(saved.value.path().read_bytes())
    assert [field.name for field in fields] == ["field 1", "room"]


def test_fields_can_be_placed_with_the_keyboard(visit: Visit) -> None:
    visitor = visit()
    visitor.expected_errors = (FAILED_REQUEST,)
    upload_seven_and_one(visitor)
    visitor.find("form").locator("summary").press("Enter")

    visitor.page.get_by_role("button", name="Add field").press("Enter")
    expect(visitor.page.get_by_label("Name")).to_be_focused()
    visitor.page.get_by_label("width").fill("0")
    visitor.page.get_by_role("button", name="Read fields").press("Enter")

    expect(visitor.find("form").get_by_role("alert")).to_contain_text("field 1")


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
