"""Nothing on a page moves while it loads, whichever reply of the server comes last."""

from __future__ import annotations

import contextlib

import pytest
from application import Application
from playwright.sync_api import Route
from stored_corrections import add
from tests.handwriting import glyphs
from visitor import Visitor

from conftest import Visit

pytestmark = pytest.mark.e2e

WATCH = """
window.moved = [];
new PerformanceObserver((list) => {
    for (const { sources } of list.getEntries()) {
        window.moved.push(sources.map(({ node }) => node?.id || node?.parentElement?.id || node?.nodeName));
    }
}).observe({ type: "layout-shift", buffered: true });
"""
SETTLE_MS = 150


PAGES = ("/", "/mnist", "/models", "/training", "/explore", "/corrections", "/collect", "/lesson")
USED = {"lived_in": ("/models", "/training", "/explore"), "written": ("/corrections",)}


@pytest.fixture
def written(own: Application) -> Application:
    """An application with the corrections of two writers."""
    bitmaps = [glyph.ravel().tolist() for glyph in glyphs(24).images]
    for writer, some in (("Anna", bitmaps[:12]), ("Ben", bitmaps[12:])):
        add(own, some, [1, 7] * 6, writer)
    return own


def watch_while_loading(visit: Visit, at: Application, path: str) -> list[list[str]]:
    """What moved while the page loaded, if the server answers the last request first."""
    with contextlib.ExitStack() as slow:
        held = list[list[Route]]()

        def prepare(visitor: Visitor) -> None:
            visitor.page.add_init_script(WATCH)
            held.append(slow.enter_context(visitor.slow("**/api/**")))

        page = visit(path, at=at, before=prepare).page
        page.wait_for_function("document.documentElement.dataset.ready")
        page.wait_for_timeout(SETTLE_MS)
        while held[0]:
            held[0].pop().continue_()
            page.wait_for_timeout(SETTLE_MS)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLE_MS)
    moved: list[list[str]] = page.evaluate("window.moved")
    return moved


@pytest.mark.parametrize("path", PAGES)
def test_nothing_moves_while_a_page_loads(visit: Visit, application: Application, path: str) -> None:
    assert watch_while_loading(visit, application, path) == []


@pytest.mark.mnist
@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in USED.items() for path in paths])
def test_nothing_moves_where_there_is_much_to_show(
    request: pytest.FixtureRequest, visit: Visit, name: str, path: str
) -> None:
    assert watch_while_loading(visit, request.getfixturevalue(name), path) == []
