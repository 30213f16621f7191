"""Pages on screens of all sizes.  MNIST_SCREENSHOTS=<folder> keeps pictures of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pictures import keep
from playwright.sync_api import expect
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

SCREENS = {
    "small": {"viewport": {"width": 320, "height": 640}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True},
    "tablet": {"viewport": {"width": 768, "height": 1024}},
    "desktop": {"viewport": {"width": 1280, "height": 800}},
}
PAGES = {"home": "/", "recogniser": "/mnist"}


def schemes(visitor: Visitor) -> Iterator[str]:
    """Show the page in light colours, then in dark ones; it is loaded once."""
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        yield scheme


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_page_fits_its_screen(visit: Visit, name: str, screen: str) -> None:
    visitor = visit(PAGES[name], **SCREENS[screen])
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")

    for scheme in schemes(visitor):
        width = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert width <= SCREENS[screen]["viewport"]["width"]  # type: ignore[index]
        keep(visitor, f"{name}-{screen}-{scheme}")


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_every_control_is_large_enough_for_a_finger(visit: Visit, path: str) -> None:
    visitor = visit(path, **SCREENS["phone"])

    for control in visitor.page.locator("button:visible, input:visible, nav a").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 44, control.evaluate("element => element.outerHTML")
        assert box["width"] >= 44, control.evaluate("element => element.outerHTML")


def test_a_phone_shows_brand_answer_bars_pad_and_one_row_of_tools_at_once(visit: Visit) -> None:
    visitor = visit(**SCREENS["phone"])
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    tools = visitor.page.locator(".tools :is(button, .button):visible")

    for part in (visitor.page.locator(".brand"), *map(visitor.find, ("digit", "glyph", "bars", "pad", "predict"))):
        expect(part).to_be_in_viewport(ratio=1)
    for link in visitor.page.locator("header nav a").all():
        expect(link).to_be_in_viewport(ratio=1)
    assert visitor.page.evaluate("window.scrollY") == 0
    assert len({round((tool.bounding_box() or {})["y"]) for tool in tools.all()}) == 1
    tools.last.scroll_into_view_if_needed()
    expect(tools.last).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, {"width": 1024, "height": 768}], ids=str)
def test_a_desktop_shows_pad_answer_and_all_tools_at_once(visit: Visit, viewport: dict[str, int]) -> None:
    visitor = visit(viewport=viewport)
    for part in map(visitor.find, ("pad", "bars", "predict", "eraser", "random", "download", "share")):
        expect(part).to_be_in_viewport(ratio=1)


SHOW_MESSAGES = """() => import("/static/js/shared/toast.js").then(({ showToast }) => {
    showToast("first", "No answer from the server. Is it still running?");
    showToast("second", "The server is slow. Your drawing is safe. Waiting…", "info");
})"""


@pytest.mark.parametrize(("width", "height"), [(1280, 600), (1366, 650), (1280, 720), (1280, 760), (768, 600)])
def test_the_words_of_the_tools_fit_their_buttons_on_low_screens(visit: Visit, width: int, height: int) -> None:
    visitor = visit(viewport={"width": width, "height": height})
    expect(visitor.find("predict")).to_be_visible()
    too_wide = """() => [...document.querySelectorAll(".actions button, .pens button")]
        .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.textContent.trim())"""
    assert visitor.page.evaluate(too_wide) == []


@pytest.mark.parametrize("screen", ["phone", "tablet", "desktop"])
def test_messages_do_not_cover_the_result(visit: Visit, screen: str) -> None:
    visitor = visit(**SCREENS[screen])
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    visitor.page.evaluate(SHOW_MESSAGES)

    messages = [box for each in visitor.page.locator(".toast").all() if (box := each.bounding_box())]

    assert len(messages) == 2
    for part in ("digit", "verdict", "glyph", "bars"):
        box = visitor.find(part).bounding_box()
        assert box is not None
        for message in messages:
            is_beside = message["x"] + message["width"] <= box["x"] or box["x"] + box["width"] <= message["x"]
            is_apart = message["y"] + message["height"] <= box["y"] or box["y"] + box["height"] <= message["y"]
            assert is_beside or is_apart, f"{part} at {box} is below a message at {message}"


def expect_failures(visitor: Visitor) -> None:
    visitor.expected_errors = (FAILED_REQUEST,)


@pytest.mark.parametrize("screen", ["small", "desktop"])
def test_the_page_for_an_unknown_address_fits_and_leads_home(visit: Visit, screen: str) -> None:
    visitor = visit("/nowhere/at/all", before=expect_failures, **SCREENS[screen])
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Page not found")
    keep(visitor, f"unknown-{screen}")
    width = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert width <= SCREENS[screen]["viewport"]["width"]  # type: ignore[index]
    visitor.page.get_by_role("main").get_by_role("link", name="Draw").click()
    expect(visitor.find("pad")).to_be_visible()


@pytest.mark.parametrize("screen", ["desktop", "tablet"])
def test_the_digits_of_a_drawn_number_are_on_the_screen(visit: Visit, screen: str) -> None:
    viewport = {"desktop": {"width": 1280, "height": 800}, "tablet": {"width": 1024, "height": 768}}[screen]
    visitor = visit("/", viewport=viewport)
    visitor.find("mode-number").click()
    visitor.draw(SEVEN)
    box = visitor.find("number-digits").get_by_role("button").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= viewport["height"]


def test_a_phone_shows_the_eraser_without_scrolling_and_a_training_above_its_form(visit: Visit) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    eraser = visit("/", **phone).find("eraser").bounding_box()
    assert eraser is not None
    assert eraser["x"] + eraser["width"] <= 390 - 24  # the last 24 px fade
    training = visit("/training", **phone)
    run, form = training.find("run").bounding_box(), training.find("run-form").bounding_box()
    assert run is not None
    assert form is not None
    assert run["y"] < form["y"]


def test_a_first_training_is_the_quickest(visit: Visit) -> None:
    visitor = visit("/training")
    expect(visitor.find("config-recipe")).to_have_value("lightning")
    expect(visitor.find("recipe-summary")).to_contain_text("The quickest")
    visitor.page.get_by_text("What do the other recipes do?").click()
    expect(visitor.find("recipes").get_by_role("term")).to_have_count(7)
