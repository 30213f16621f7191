"""Nothing on a page moves while it loads, whichever reply of the server comes last, in however many parts it comes."""

from __future__ import annotations

import contextlib
import re
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from application import Application
from playwright.sync_api import Browser, Route
from stored_corrections import add
from tests.answering import answering
from tests.handwriting import glyphs
from visitor import Visitor

from conftest import DESKTOP, Visit

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
# Chromium shows what it has three times in it.
PART_S = 0.05

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


@contextlib.contextmanager
def in_parts(page: bytes) -> Iterator[str]:
    """The address of a server whose only page comes slowly: each link and section is a part."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            for part in re.split(rb"(?=<a |<section )", page):
                self.wfile.write(part)
                time.sleep(PART_S)

        def log_message(self, *_: object) -> None:
            pass

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        yield address


@pytest.mark.parametrize("path", PAGES)
def test_nothing_moves_while_a_page_comes_in_parts(browser: Browser, application: Application, path: str) -> None:
    with urllib.request.urlopen(application.url + path) as reply:
        body = reply.read()
    with in_parts(body) as address, browser.new_context(viewport=DESKTOP) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.route(
            "**/static/**", lambda route: route.continue_(url=application.url + urlsplit(route.request.url).path)
        )
        page.route("**/*.js", lambda route: route.abort())
        page.add_init_script(WATCH)
        page.goto(address)
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        page.wait_for_timeout(SETTLE_MS)
        assert page.evaluate("window.moved") == []
