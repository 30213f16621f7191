"""Forced colours, such as the contrast themes of Windows: what a colour said is still said."""

from __future__ import annotations

import pytest
from application import Application
from playwright.sync_api import Locator, expect
from test_layout import schemes
from visitor import SEVEN, Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e


def style(found: Locator, name: str, pseudo: str | None = None) -> str:
    """A computed style of the first element."""
    value: str = found.first.evaluate(
        "(element, [name, pseudo]) => getComputedStyle(element, pseudo).getPropertyValue(name)", [name, pseudo]
    )
    return value


def assert_stands_out(chosen: Locator, other: Locator) -> None:
    """Two buttons or links differ in their background."""
    assert style(chosen, "background-color") != style(other, "background-color")
    assert style(chosen, "background-color") != style(chosen, "color")


def test_the_pad_and_the_bars_are_seen(visit: Visit) -> None:
    visitor = visit(forced_colors="active", reduced_motion="reduce")
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    best = visitor.page.locator("#bars li[data-best=true], .bars li[data-best=true]")
    for _ in schemes(visitor):
        assert style(visitor.find("pad-frame"), "outline-style") == "solid"
        assert style(visitor.find("pad"), "color") != style(visitor.find("pad-frame"), "background-color")
        assert style(best.locator(".bar-track"), "border-top-style") == "solid"
        fill, behind = best.locator(".bar-fill"), visitor.page.locator("body")
        assert style(fill, "background-color") != style(behind, "background-color")
        for pressed in ("mode-digit", "pen-normal"):
            other = {"mode-digit": "mode-number", "pen-normal": "pen-thin"}[pressed]
            assert_stands_out(visitor.find(pressed), visitor.find(other))
        assert style(visitor.find("pen-thin"), "background-color", "::before") != style(behind, "background-color")
    visitor.find("clear").focus()
    visitor.page.keyboard.press("Tab")
    assert style(visitor.page.locator(":focus"), "outline-style") == "solid"


def test_the_other_pages_show_their_parts_and_what_is_chosen(visit: Visit, lived_in: Application) -> None:
    visitor = visit("/explore", at=lived_in, forced_colors="active")
    tabs = visitor.find("gallery-tabs").locator("a")
    expect(visitor.find("thumbnails").locator("li").first).to_be_visible()
    for _ in schemes(visitor):
        assert_stands_out(tabs.and_(visitor.page.locator("[aria-current]")), tabs.last)
        assert_has_panels(visitor)
    for path in ("/training", "/models", "/mnist"):
        visitor.page.goto(lived_in.url + path)
        assert_has_panels(visitor)
        if path == "/training":
            marker = visitor.page.locator("#chart-legend .swatch").first
            expect(marker).to_be_attached()
            assert style(marker, "forced-color-adjust") == "none"


def assert_has_panels(visitor: Visitor) -> None:
    assert style(visitor.page.locator(".panel:visible"), "border-top-style") == "solid"
