"""axe-core finds nothing wrong on any page, in both themes, on a desk and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from application import Application
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from test_numbers import upload_seven_and_one
from visitor import FAILED_REQUEST, SEVEN

from conftest import DESKTOP, Visit

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PHONE = {"width": 320, "height": 640}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# A theme changes nothing but colours.
OF_COLOURS = ["color-contrast", "link-in-text-block"]


def rules(theme: str) -> dict[str, Any]:
    """The options of axe: all rules for the light theme, those of colours for the dark one."""
    chosen = {"type": "tag", "values": TAGS} if theme == "light" else {"type": "rule", "values": OF_COLOURS}
    # Describing every element that passes takes most of the time on a long page.
    return {"runOnly": chosen, "resultTypes": ["violations"]}


def viewports(theme: str) -> tuple[dict[str, int], ...]:
    """The sizes to look at: colours do not depend on them."""
    return (DESKTOP, PHONE) if theme == "light" else (DESKTOP,)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/mnist",
        "/training",
        "/models",
        "/corrections",
        "/explore",
        "/lesson",
        "/collect",
        "/collect/sheet",
        "/docs",
    ],
)
def test_axe_finds_nothing(lived_in: Application, visit: Visit, path: str, theme: str):
    visitor = visit(path, at=lived_in, color_scheme=theme)
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.page.locator("[data-state=loading]")).to_have_count(0)
    for viewport in viewports(theme):
        visitor.page.set_viewport_size(viewport)  # type: ignore[arg-type]
        found = Axe().run(visitor.page, options=rules(theme))
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_around_a_picture_with_numbers(visit: Visit, theme: str):
    visitor = visit(color_scheme=theme)
    upload_seven_and_one(visitor)
    visitor.find("number-digits").get_by_role("button").first.click()
    expect(visitor.find("inspect-glyph").locator("img")).to_be_visible()
    for part in ("hints", "form"):
        visitor.find(part).locator("summary").click()
    visitor.page.get_by_role("button", name="Add field").click()
    for viewport in viewports(theme):
        visitor.page.set_viewport_size(viewport)  # type: ignore[arg-type]
        found = Axe().run(visitor.page, options=rules(theme))
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_dialog_that_shares(visit: Visit, theme: str):
    visitor = visit("/?version=99", color_scheme=theme)
    visitor.expected_errors = (FAILED_REQUEST,)
    expect(visitor.page.locator(".version-note")).to_contain_text("There is no version 99.")
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    visitor.find("share").click()
    expect(visitor.page.get_by_role("dialog", name="Share")).to_be_visible()
    for viewport in viewports(theme):
        visitor.page.set_viewport_size(viewport)  # type: ignore[arg-type]
        found = Axe().run(visitor.page, options=rules(theme))
        assert found.violations_count == 0, found.generate_report()
