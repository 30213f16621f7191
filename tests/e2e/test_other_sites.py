"""A page of another site that asks for readings, in a real browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from application import Application
from playwright.sync_api import Browser, Page
from tests.answering import answering
from tests.web.routes.test_predict import png

pytestmark = pytest.mark.e2e

ASK = """async ([address, image, type]) => {
  const bytes = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
  const body = type === "application/json" ? JSON.stringify({ image }) : bytes;
  try {
    const reply = await fetch(address, { method: "POST", body, headers: { "Content-Type": type } });
    return (await reply.json()).prediction;
  } catch (error) {
    return error.message;
  }
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def other_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site with one empty page."""
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text("<!doctype html><link rel=icon href=data:,><title>Another site</title>")
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))) as address:
        yield address


@pytest.fixture(scope="module")
def naming(tmp_path_factory: pytest.TempPathFactory, other_site: str) -> Iterator[Application]:
    """The application that lets pages of that site ask."""
    folder = tmp_path_factory.mktemp("naming")
    with Application(folder, data_dir=folder / "no-data", MNIST_CORS_ORIGINS=other_site) as running:
        yield running


@pytest.fixture
def page(browser: Browser, other_site: str) -> Iterator[Page]:
    """That page, opened."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(other_site)
    yield page
    context.close()


@pytest.mark.parametrize("type_", ["image/png", "application/json"])
def test_a_page_of_a_named_site_reads_a_digit_and_others_do_not(
    page: Page, naming: Application, application: Application, type_: str
) -> None:
    image = base64.b64encode(png()).decode()
    assert page.evaluate(ASK, [f"{naming.url}/predict", image, type_]) == 7
    assert page.evaluate(ASK, [f"{naming.url}/api/models/0/promote", image, type_]) == "Failed to fetch"
    assert page.evaluate(ASK, [f"{application.url}/predict", image, type_]) == "Failed to fetch"
