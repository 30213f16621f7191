"""400 % zoom and the narrowest phones: no page scrolls sideways, nothing is cut off (WCAG 1.4.10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from application import Application
from playwright.sync_api import expect
from test_numbers import upload_seven_and_one
from visitor import SEVEN, Visitor

from conftest import Visit

pytestmark = [pytest.mark.e2e, pytest.mark.mnist]

# A window of 1280x1024 at 400 %, and a small phone.
VIEWPORTS = ({"width": 320, "height": 256}, {"width": 320, "height": 640})

# What is too wide for the window or for its own box.  What scrolls by itself (tables with two headings,
# recent drawings) may be wider; what is there for screen readers only, and lines that are clamped, may be cut.
# The labels of boxes over a picture may be wider than their boxes.
FIND_CUT = """() => {
    const room = document.documentElement.clientWidth;
    const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    const isInScroller = (element) => {
        for (let each = element.parentElement; each !== null && each !== document.body; each = each.parentElement) {
            if (scrolls(each) && each.scrollWidth > each.clientWidth) return true;
        }
        return false;
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
        if (!element.checkVisibility() || element.closest(".visually-hidden, .skip, svg, option, .found")) continue;
        if (isInScroller(element)) continue;
        const { left, right, width } = element.getBoundingClientRect();
        const isOutside = width > 0 && (left < -1 || right > room + 1);
        const { clientWidth, scrollWidth } = element;
        const isOverfull = clientWidth > 0 && !scrolls(element) && scrollWidth > clientWidth + 1;
        if (isOutside || isOverfull) found.push(`${scrollWidth}/${clientWidth} ${element.outerHTML.slice(0, 160)}`);
    }
    return found;
}"""


def home(visitor: Visitor) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")


def number(visitor: Visitor) -> None:
    visitor.find("mode-number").click()
    visitor.draw([(x * 0.3, y) for x, y in SEVEN])
    visitor.draw([(0.3 + x * 0.3, y) for x, y in SEVEN])
    visitor.draw([(0.6 + x * 0.3, y) for x, y in SEVEN])
    expect(visitor.find("digit")).to_have_text("777")


def picture(visitor: Visitor) -> None:
    upload_seven_and_one(visitor)
    visitor.find("number-digits").get_by_role("button").first.click()
    for part in ("hints", "form"):
        visitor.find(part).locator("summary").click()
    visitor.page.get_by_role("button", name="Add field").click()


def helped(visitor: Visitor) -> None:
    visitor.find("help-open").click()
    expect(visitor.find("help")).to_be_visible()


def recogniser(visitor: Visitor) -> None:
    home(visitor)
    expect(visitor.find("why-body").locator("canvas").first).to_be_visible()
    expect(visitor.find("story-answers").locator("li").first).to_be_visible()


def training(visitor: Visitor) -> None:
    expect(visitor.find("history").locator("tr").first).to_be_visible()
    expect(visitor.page.locator("#chart-loss canvas")).to_be_visible()
    expect(visitor.find("confusion-figure")).to_be_visible()
    for summary in visitor.page.locator("summary:visible").all():
        summary.click()


def models(visitor: Visitor) -> None:
    visitor.find("compare-start").click()
    expect(visitor.find("confusion").locator("tr")).to_have_count(11)


def one_model(visitor: Visitor) -> None:
    visitor.page.locator("tr[data-version='2']").get_by_role("button").click()
    expect(visitor.find("dialog-promotion-check")).not_to_be_empty()


def explore(visitor: Visitor) -> None:
    expect(visitor.find("thumbnails").locator("li").first).to_be_visible()


def one_image(visitor: Visitor) -> None:
    expect(visitor.find("inspector").locator(".heat-maps canvas")).to_have_count(2)


@pytest.mark.parametrize(
    ("path", "use"),
    [
        ("/", home),
        ("/", number),
        ("/", picture),
        ("/", helped),
        ("/mnist", recogniser),
        ("/training", training),
        ("/models", models),
        ("/models", one_model),
        ("/explore", explore),
        ("/explore?image=947", one_image),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_nothing_is_cut_off(lived_in: Application, visit: Visit, path: str, use: Callable[[Visitor], None]) -> None:
    visitor = visit(path, at=lived_in, viewport=VIEWPORTS[0])
    use(visitor)
    for viewport in VIEWPORTS:
        visitor.page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert visitor.page.evaluate(FIND_CUT) == []


@pytest.mark.parametrize("path", ["/", "/mnist", "/training", "/models", "/explore", "/lesson", "/collect"])
def test_empty_pages_fit_as_well(application: Application, visit: Visit, path: str) -> None:
    visitor = visit(path, viewport=VIEWPORTS[0])
    visitor.expected_errors = ("Failed to load resource",)
    visitor.page.wait_for_load_state("networkidle")
    for viewport in VIEWPORTS:
        visitor.page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert visitor.page.evaluate(FIND_CUT) == []
