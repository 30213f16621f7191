"""Sharing a drawing: a link that holds the strokes, and a picture with the reading."""

from __future__ import annotations

import base64
import io
import math
import re
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page, expect
from visitor import DOT, SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

# Round, so that its link needs many points.
TURNS = [math.tau * step / 24 for step in range(25)]
ZERO = [(0.5 + 0.2 * math.sin(turn), 0.5 - 0.3 * math.cos(turn)) for turn in TURNS]
HOSTILE = ["#d=", "#d=AQ", "#d=%00%ff", "#d=<script>alert(1)</script>", "#d=" + "A" * 100_000]


def drawn(visitor: Visitor) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")


def link_of(visitor: Visitor) -> str:
    visitor.find("share").click()
    link = visitor.page.get_by_label("Link to this drawing").input_value()
    visitor.page.keyboard.press("Escape")
    return link


def open_link(page: Page, link: str) -> None:
    """Open a link as one that comes from elsewhere: the page loads anew."""
    page.goto("about:blank")
    page.goto(link)


def glyph(visitor: Visitor) -> Image.Image:
    """The network input on the page."""
    source = visitor.find("glyph").locator("img").get_attribute("src") or ""
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("L")


def test_link_shows_the_same_glyph_and_is_never_sent_to_the_server(visit: Visit) -> None:
    visitor = visit()
    visitor.draw(ZERO)
    expect(visitor.find("digit")).to_have_text("0")
    before, sure = glyph(visitor), visitor.find("confidence").inner_text()
    link = link_of(visitor)
    assert re.search(r"/#d=[\w-]{40,900}$", link)

    requested: list[str] = []
    other = visit(before=lambda each: each.page.on("request", lambda request: requested.append(request.url)))
    requested.clear()
    open_link(other.page, link)

    expect(other.find("digit")).to_have_text("0")
    expect(other.find("confidence")).to_have_text(sure)
    assert ImageChops.difference(before, glyph(other)).getbbox() is None
    assert "#" not in other.page.url
    code = link.partition("#d=")[2]
    assert not [url for url in requested if code in url.partition("#")[0]]
    assert all(code not in str(request.post_data) for request in other.predict_requests)


def test_link_keeps_the_drawing_on_the_pad_in_undo_even_in_another_mode(visit: Visit) -> None:
    visitor = visit()
    visitor.page.keyboard.press("n")
    visitor.draw([(0.1, 0.2), (0.1, 0.8)])
    expect(visitor.find("digit")).to_have_text("1")
    one = link_of(visitor)
    visitor.find("mode-digit").click()
    drawn(visitor)
    seven = visitor.ink()

    visitor.page.evaluate("link => { location.href = link; }", one)

    expect(visitor.find("mode-number")).to_have_attribute("aria-pressed", "true")
    expect(visitor.find("digit")).to_have_text("1")
    expect(visitor.page).to_have_url(re.compile(r"/\?mode=number$"))
    visitor.find("undo").click()
    expect(visitor.find("digit")).to_have_text("7")
    assert visitor.ink() == seven


def test_damaged_and_hostile_links_give_a_calm_message_and_an_empty_pad(visit: Visit) -> None:
    visitor = visit()
    drawn(visitor)
    visitor.find("share").click()
    link = visitor.page.get_by_label("Link to this drawing").input_value()
    visitor.page.keyboard.press("Escape")
    base, _, code = link.partition("#d=")

    for fragment in [*HOSTILE, f"#d={code[:-4]}", f"#d=Z{code[1:]}"]:
        visitor.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        expect(visitor.find("toasts")).to_contain_text("This link is damaged")
        expect(visitor.find("pad-frame")).to_have_attribute("data-empty", "true")
        visitor.page.get_by_label("Close this message").click()
    expect(visitor.page).to_have_url(base)
    visitor.find("undo").click()
    expect(visitor.find("digit")).to_have_text("7")


def test_picture_shows_drawing_answer_and_bars_in_the_colours_of_the_page(visit: Visit, tmp_path: Path) -> None:
    pictures = {}
    for theme in ("light", "dark"):
        visitor = visit(color_scheme=theme)
        drawn(visitor)
        visitor.find("share").click()
        dialog = visitor.page.get_by_role("dialog", name="Share")
        expect(dialog.get_by_role("img")).to_have_attribute("alt", re.compile("reads this drawing as 7, .* sure"))
        with visitor.page.expect_download() as download:
            dialog.get_by_role("button", name="Save picture").click()
        assert re.fullmatch(r"reading-\d{8}-\d{6}\.png", download.value.suggested_filename)
        download.value.save_as(tmp_path / theme)
        pictures[theme] = Image.open(tmp_path / theme).convert("RGB")

    assert pictures["light"].size == (1200, 630)
    assert [pictures[theme].getpixel((5, 5)) for theme in pictures] == [(246, 245, 241), (17, 19, 23)]
    # The bar of 7, and that of 0, which is empty.
    assert [pictures["light"].getpixel((800, 466 - 33 * step)) for step in (0, 7)] == [(42, 85, 201), (232, 229, 220)]
    assert pictures["light"].getpixel((60 + round(0.5 * 510), 60 + round(0.24 * 510))) == (255, 255, 255)


def test_copied_link_is_on_the_clipboard_and_the_page_says_that_nothing_is_stored(visit: Visit) -> None:
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    visitor.find("share").click()
    expect(visitor.find("toasts")).to_contain_text("There is nothing to share yet")
    drawn(visitor)
    visitor.draw(DOT)

    visitor.find("share").click()
    dialog = visitor.page.get_by_role("dialog", name="Share")
    expect(dialog).to_contain_text("Browsers never send that part to a server. Nothing is stored.")
    dialog.get_by_role("button", name="Copy link").click()

    expect(dialog.get_by_role("status")).to_have_text("Link copied.")
    shown = dialog.get_by_label("Link to this drawing").input_value()
    assert visitor.page.evaluate("navigator.clipboard.readText()") == shown
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_picture_in_place_of_a_drawing_is_shared_as_a_picture_alone(visit: Visit) -> None:
    visitor = visit()
    drawn(visitor)
    content = io.BytesIO()
    visitor.sent_image().save(content, "PNG")
    visitor.find("file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": content.getvalue()})
    expect(visitor.find("caption")).to_contain_text("a.png")

    visitor.find("share").click()

    dialog = visitor.page.get_by_role("dialog", name="Share")
    expect(dialog).to_contain_text("A link can hold a drawing, but not a picture.")
    expect(dialog.get_by_role("button", name="Copy link")).to_have_count(0)
