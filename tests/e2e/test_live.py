"""Reading in the browser while the pen moves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from application import Application
from playwright.sync_api import Browser, expect
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import DESKTOP, PATIENCE_MS, Visit

pytestmark = pytest.mark.e2e

LIVE = "Your browser reads while you draw."
COUNT_ANNOUNCEMENTS = """() => {
    window.announcements = 0;
    const watch = new MutationObserver((changes) => (window.announcements += changes.length));
    for (const region of document.querySelectorAll("[role=status], [role=alert], [aria-live]"))
        watch.observe(region, { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def shared(browser: Browser, application: Application) -> Iterator[Visitor]:
    """A home page whose browser can read by itself; the tests of this file share it."""
    context = browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(context.new_page())
    visitor.page.goto(application.url)
    wait_until_it_reads_live(visitor)
    yield visitor
    context.close()
    assert visitor.unexpected_errors() == []


@pytest.fixture
def visitor(shared: Visitor) -> Visitor:
    """That page with an empty pad."""
    shared.page.mouse.up()
    shared.page.keyboard.press("c")
    expect(shared.find("verdict")).to_have_text("Nothing drawn yet")
    shared.predict_requests.clear()
    return shared


def wait_until_it_reads_live(visitor: Visitor) -> None:
    """Move the pen until the network has loaded."""
    put_down(visitor)
    x, y = pad_corner(visitor)
    for step in range(PATIENCE_MS // 50):
        visitor.page.mouse.move(x + 100 + step % 2 * 20, y + 100)
        visitor.page.wait_for_timeout(50)
        if visitor.find("answered-by").text_content() == LIVE:
            return
    pytest.fail("the page did not begin to read in the browser")


def pad_corner(visitor: Visitor) -> tuple[float, float]:
    box = visitor.find("pad").bounding_box()
    assert box is not None
    return box["x"], box["y"]


def put_down(visitor: Visitor) -> None:
    x, y = pad_corner(visitor)
    visitor.page.mouse.move(x + 90, y + 90)
    visitor.page.mouse.down()


def draw_and_stay(visitor: Visitor) -> None:
    """Draw a seven, and leave the pen down until the browser has read it."""
    drawing = visitor.draw_slowly(SEVEN)
    for _ in SEVEN[1:]:
        next(drawing)
    expect(visitor.find("digit")).to_have_text("7")


def test_the_answer_follows_the_pen_and_the_server_confirms_it(visitor: Visitor) -> None:
    draw_and_stay(visitor)
    expect(visitor.find("answered-by")).to_have_text(LIVE)
    expect(visitor.find("bars").locator("[data-best=true] .bar-digit")).to_have_text("7")
    zero = visitor.find("bars").locator("li").first
    expect(zero.locator(".bar-value")).to_have_text("0.0\N{NO-BREAK SPACE}%")
    assert float(zero.locator(".bar-fill").evaluate("bar => bar.style.getPropertyValue('--share')")) == 0
    expect(visitor.find("glyph").locator("canvas")).to_be_visible()
    assert visitor.predict_requests == []

    visitor.page.mouse.up()

    expect(visitor.find("answered-by")).to_have_text(re.compile("^Answered by version 0"))
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("result")).not_to_have_attribute("data-live", "true")
    assert len(visitor.predict_requests) == 1


def test_a_screen_reader_hears_the_final_answer_alone(visitor: Visitor) -> None:
    visitor.page.evaluate(COUNT_ANNOUNCEMENTS)
    draw_and_stay(visitor)
    assert visitor.page.evaluate("window.announcements") == 0

    visitor.page.mouse.up()

    expect(visitor.find("announced")).to_have_text(re.compile(r"^7\. Seven\. .* sure$"))


def test_erasing_is_read_while_the_eraser_moves(visitor: Visitor) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("answered-by")).to_have_text(re.compile("^Answered"))
    visitor.page.keyboard.press("e")
    put_down(visitor)
    x, y = pad_corner(visitor)
    visitor.page.mouse.move(x + 200, y + 90)

    expect(visitor.find("answered-by")).to_have_text(LIVE)
    visitor.page.mouse.up()
    visitor.page.keyboard.press("e")
    expect(visitor.find("answered-by")).to_have_text(re.compile("^Answered"))


def test_a_page_that_gets_no_network_reads_with_the_server_alone(visit: Visit, application: Application) -> None:
    visitor = visit("/docs")
    visitor.expected_errors = (FAILED_REQUEST,)
    visitor.page.route("**/browser", lambda route: route.fulfill(status=409, json={"error": {}}))
    with visitor.page.expect_response("**/browser"):
        visitor.page.goto(application.url)
    drawing = visitor.draw_slowly(SEVEN)
    for _ in SEVEN[1:]:
        next(drawing)
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    visitor.page.mouse.up()
    expect(visitor.find("digit")).to_have_text("7")
