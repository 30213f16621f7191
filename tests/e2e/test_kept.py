"""Nothing drawn is lost: reloads, pages, modes, tabs, crashes and browsers that store nothing."""

from __future__ import annotations

import io
import re

import pytest
from application import Application
from PIL import Image, ImageDraw
from playwright.sync_api import BrowserContext, Error, expect
from visitor import DOT, FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

NO_ROOM = """
Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };
"""
BLOCKED = """
for (const name of ['sessionStorage', 'localStorage']) {
  Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
}
"""


def drawn(visitor: Visitor) -> int:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    return visitor.ink()


def drawn_and_stored(visitor: Visitor) -> int:
    ink = drawn(visitor)
    visitor.wait_until_stored()
    return ink


def expect_seven(visitor: Visitor, ink: int) -> None:
    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.ink() == ink


def expect_empty(visitor: Visitor) -> None:
    expect(visitor.find("pad-frame")).to_have_attribute("data-empty", "true")
    assert visitor.ink() == 0


def new_tab(context: BrowserContext, url: str) -> Visitor:
    visitor = Visitor(context.new_page())
    visitor.page.goto(url)
    return visitor


def upload(visitor: Visitor, name: str, image: Image.Image, kind: str = "PNG") -> None:
    content = io.BytesIO()
    image.save(content, kind)
    visitor.find("file").set_input_files(
        {"name": name, "mimeType": f"image/{kind.lower()}", "buffer": content.getvalue()}
    )
    expect(visitor.find("caption")).to_contain_text(name)


def photograph(side_px: int) -> Image.Image:
    image = Image.effect_noise((side_px, side_px), 12).point(lambda value: min(255, value + 100))
    points = [(x * side_px, y * side_px) for x, y in SEVEN]
    ImageDraw.Draw(image).line(points, fill=5, width=side_px // 14, joint="curve")
    return image


def test_drawing_its_steps_and_an_empty_pad_survive_a_reload(visit: Visit) -> None:
    visitor = visit()
    seven = drawn_and_stored(visitor)
    visitor.draw(DOT)
    both = visitor.ink()

    visitor.page.reload()
    expect(visitor.find("digit")).not_to_be_empty()
    assert visitor.ink() == both
    visitor.page.keyboard.press("u")
    expect_seven(visitor, seven)
    visitor.find("clear").click()

    visitor.page.reload()
    expect(visitor.find("undo")).to_have_attribute("aria-disabled", "false")
    expect_empty(visitor)
    visitor.find("undo").click()
    expect_seven(visitor, seven)


def test_what_stores_a_drawing_is_there_before_the_first_stroke(visit: Visit) -> None:
    """It loaded with the first stroke: who left the page at once on a slow network lost it."""
    visitor = visit()
    loaded = "() => performance.getEntriesByType('resource').some(({name}) => name.endsWith('/js/pad/session.js'))"
    visitor.page.wait_for_function(loaded)
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.evaluate("() => localStorage.length + sessionStorage.length") == 0
    drawn_and_stored(visitor)


def test_drawing_goes_along_to_other_pages_and_back(visit: Visit) -> None:
    visitor = visit()
    seven = drawn_and_stored(visitor)

    visitor.page.get_by_role("link", name="Look inside", exact=True).click()
    expect(visitor.page).to_have_url(re.compile("/mnist$"))
    expect_seven(visitor, seven)
    visitor.draw(DOT)
    both = visitor.ink()

    visitor.page.go_back()
    expect(visitor.find("model-line")).to_contain_text("Read by")
    expect(visitor.find("pad-frame")).to_have_attribute("data-empty", "false")
    assert visitor.ink() == both
    visitor.find("undo").click()
    visitor.page.go_forward()
    expect_seven(visitor, seven)


def test_mode_is_in_the_address_and_undo_goes_back_to_the_mode_before(visit: Visit) -> None:
    visitor = visit()
    seven = drawn(visitor)

    visitor.page.keyboard.press("n")
    expect(visitor.page).to_have_url(re.compile(r"\?mode=number$"))
    expect_empty(visitor)
    visitor.find("undo").click()
    expect(visitor.page).to_have_url(re.compile("/$"))
    expect_seven(visitor, seven)

    visitor.find("mode-number").click()
    visitor.draw([(0.1, 0.2), (0.1, 0.8)])
    expect(visitor.find("digit")).to_have_text("1")
    one = visitor.ink()
    visitor.page.reload()
    expect(visitor.find("mode-number")).to_have_attribute("aria-pressed", "true")
    expect(visitor.find("digit")).to_have_text("1")
    assert visitor.ink() == one
    visitor.find("mode-digit").click()
    expect_seven(visitor, seven)


def test_two_tabs_keep_their_own_drawings_and_a_new_tab_shows_the_last(visit: Visit, application: Application) -> None:
    first = visit()
    seven = drawn_and_stored(first)
    second = new_tab(first.page.context, application.url)
    expect_seven(second, seven)
    second.find("clear").click()
    second.draw(DOT)
    dot = second.ink()

    first.page.reload()
    expect_seven(first, seven)
    second.page.reload()
    expect(second.find("verdict")).not_to_have_text("Nothing drawn yet")
    assert second.ink() == dot
    third = new_tab(first.page.context, application.url)
    expect(third.find("verdict")).not_to_have_text("Nothing drawn yet")
    assert third.ink() == dot
    third.find("undo").click()
    third.find("undo").click()
    expect_seven(third, seven)


def test_drawing_survives_a_crash_of_the_tab(visit: Visit, application: Application) -> None:
    visitor = visit()
    seven = drawn_and_stored(visitor)
    with visitor.page.expect_event("crash"), pytest.raises(Error):
        visitor.page.goto("chrome://crash")
    expect_seven(new_tab(visitor.page.context, application.url), seven)


@pytest.mark.parametrize("storage", [NO_ROOM, BLOCKED], ids=["full", "blocked"])
def test_browser_that_stores_nothing_keeps_the_drawing_for_the_visit(visit: Visit, storage: str) -> None:
    visitor = visit(before=lambda each: each.page.add_init_script(storage))
    seven = drawn(visitor)
    visitor.page.keyboard.press("n")
    visitor.page.keyboard.press("n")
    expect_seven(visitor, seven)
    expect(visitor.find("toasts").locator("> *")).to_have_count(0)


def test_small_picture_comes_back_and_of_a_large_one_the_page_says_that_it_must_be_opened_again(visit: Visit) -> None:
    visitor = visit()
    seven = drawn(visitor)
    upload(visitor, "small.png", photograph(200))
    expect(visitor.find("digit")).to_have_text("7")
    # The browser reads the file first.
    visitor.wait_until_stored("data:image/png")

    visitor.page.reload()
    expect(visitor.find("caption")).to_contain_text("small.png")
    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.ink() > seven

    upload(visitor, "large.png", photograph(1200))
    visitor.page.reload()
    expect(visitor.find("toasts")).to_contain_text("could not store large.png. Open it again")
    expect(visitor.find("caption")).to_contain_text("small.png")
    visitor.find("undo").click()
    expect_seven(visitor, seven)


def test_page_that_back_shows_from_memory_takes_over_what_was_drawn_since(
    visit: Visit, application: Application
) -> None:
    visitor = visit()
    seven = drawn_and_stored(visitor)
    visitor.page.evaluate("window.newer = sessionStorage.getItem('mnist-classifier.pad')")
    visitor.find("clear").click()
    expect_empty(visitor)
    # What /mnist leaves behind when its visitor draws there and presses Back.
    visitor.page.evaluate("sessionStorage.setItem('mnist-classifier.pad', window.newer)")
    visitor.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect_seven(visitor, seven)


@pytest.mark.mnist
def test_test_image_comes_back_with_its_label(visit: Visit, application_with_data: Application) -> None:
    visitor = visit(at=application_with_data)
    visitor.find("random").click()
    expect(visitor.find("truth")).to_contain_text("Label ")
    caption, truth = visitor.find("caption").inner_text(), visitor.find("truth").inner_text()
    visitor.wait_until_stored(caption)

    visitor.page.reload()

    expect(visitor.find("caption")).to_have_text(caption)
    expect(visitor.find("truth")).to_have_text(truth)


@pytest.mark.mnist
def test_address_chooses_the_version_that_reads(visit: Visit, lived_in: Application) -> None:
    visitor = visit("/?version=2", at=lived_in)
    note = visitor.page.locator(".version-note")
    expect(note).to_contain_text("Version 2 (lightning-2) reads your drawing on this page. It is not in production.")
    expect(visitor.find("model-line")).to_contain_text("Read by version 2")
    seven = drawn(visitor)
    expect(visitor.find("answered-by")).to_contain_text("version 2")

    note.get_by_role("link").click()
    expect(visitor.page).to_have_url(f"{lived_in.url}/")
    expect(visitor.find("answered-by")).to_contain_text("version 1")
    expect_seven(visitor, seven)
    expect(note).to_have_count(0)


@pytest.mark.mnist
@pytest.mark.parametrize("version", ["99", "best"])
def test_unknown_version_says_so_and_the_one_in_production_reads(
    visit: Visit, lived_in: Application, version: str
) -> None:
    visitor = visit(f"/?version={version}&mode=number", at=lived_in)
    visitor.expected_errors = (FAILED_REQUEST,)
    expect(visitor.page.locator(".version-note")).to_contain_text(f"There is no version {version}.")
    expect(visitor.page).to_have_url(f"{lived_in.url}/?mode=number")
    visitor.find("mode-digit").click()
    drawn(visitor)
    expect(visitor.find("answered-by")).to_contain_text("version 1")
    expect(visitor.page.get_by_role("alert")).to_have_count(0)


@pytest.mark.mnist
def test_version_that_is_removed_while_the_page_is_open_gives_way_to_the_one_in_production(
    visit: Visit, lived_in: Application
) -> None:
    visitor = visit("/mnist?version=2", at=lived_in)
    expect(visitor.page.locator(".version-note")).to_contain_text("Version 2")
    # As the server answers for a version that does not exist.
    visitor.page.route("**version=2*", lambda route: route.continue_(url=route.request.url.replace("=2", "=77")))
    visitor.expected_errors = (FAILED_REQUEST,)

    drawn(visitor)

    expect(visitor.page.locator(".version-note")).to_contain_text("There is no version 2.")
    expect(visitor.find("answered-by")).to_contain_text("version 1")
    expect(visitor.page.get_by_role("alert")).to_have_count(0)
