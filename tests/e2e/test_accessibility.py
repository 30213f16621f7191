"""axe-core finds nothing wrong on any page, in both themes, on a desk and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from application import Application
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from test_layout import schemes
from test_numbers import upload_seven_and_one
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import DESKTOP, Visit

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PHONE = {"width": 320, "height": 640}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Colours that still change would be measured half-way.
AT_ONCE = {"reduced_motion": "reduce"}
# A theme changes nothing but colours.
OF_COLOURS = ["color-contrast", "link-in-text-block"]


def rules(theme: str) -> dict[str, Any]:
    """The options of axe: all rules for the light theme, those of colours for the dark one."""
    chosen = {"type": "tag", "values": TAGS} if theme == "light" else {"type": "rule", "values": OF_COLOURS}
    # Describing every element that passes takes most of the time on a long page.
    return {"runOnly": chosen, "resultTypes": ["violations"]}


def assert_accessible(page: Page, options: dict[str, Any], context: str | None = None) -> None:
    """Run axe over what `context` selects, or over the whole page."""
    found = Axe().run(page, context, options)
    assert found.violations_count == 0, found.generate_report()


def assert_accessible_in_both_themes(visitor: Visitor) -> None:
    """The light theme on a desk and on a phone; colours do not depend on the size."""
    for theme in schemes(visitor):
        for viewport in (DESKTOP, PHONE) if theme == "light" else (DESKTOP,):
            visitor.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            assert_accessible(visitor.page, rules(theme))


# The page of the HTTP API is in test_docs_page.py.
@pytest.mark.parametrize(
    "path",
    ["/", "/mnist", "/training", "/models", "/corrections", "/explore", "/lesson", "/collect", "/collect/sheet"],
)
def test_axe_finds_nothing(lived_in: Application, visit: Visit, path: str):
    visitor = visit(path, at=lived_in, **AT_ONCE)
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.page.locator("[data-state=loading]")).to_have_count(0)
    assert_accessible_in_both_themes(visitor)


def test_axe_finds_nothing_around_a_picture_with_numbers(visit: Visit):
    visitor = visit(**AT_ONCE)
    upload_seven_and_one(visitor)
    visitor.find("number-digits").get_by_role("button").first.click()
    expect(visitor.find("inspect-glyph").locator("img")).to_be_visible()
    for part in ("hints", "form"):
        visitor.find(part).locator("summary").click()
    visitor.page.get_by_role("button", name="Add field").click()
    assert_accessible_in_both_themes(visitor)


def test_axe_finds_nothing_in_the_dialog_that_shares(visit: Visit):
    visitor = visit("/?version=99", **AT_ONCE)
    visitor.expected_errors = (FAILED_REQUEST,)
    expect(visitor.page.locator(".version-note")).to_contain_text("There is no version 99.")
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    visitor.find("share").click()
    expect(visitor.page.get_by_role("dialog", name="Share")).to_be_visible()
    assert_accessible_in_both_themes(visitor)
