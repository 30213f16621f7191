"""The static site in a browser: under a sub-path, and with the network cut."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from visitor import SEVEN, Visitor

from conftest import DESKTOP, PATIENCE_MS
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.web.offline.export import export_site

pytestmark = pytest.mark.e2e

LARGEST_FIRST_LOAD_BYTES = 1_000_000
DIGIT_READ = "7"


class CountingServer(http.server.ThreadingHTTPServer):
    """A plain file host that counts what it sends."""

    def __init__(self, folder: Path) -> None:
        self.sent_bytes = 0
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.SimpleHTTPRequestHandler):
    server: CountingServer

    def copyfile(self, source, outputfile) -> None:
        content = source.read()
        self.server.sent_bytes += len(content)
        outputfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Quietly."""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[CountingServer]:
    export_site(PRETRAINED_DIR, 0, tmp_path / "a" / "sub path")
    server = CountingServer(tmp_path)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visitor(browser: Browser, host: CountingServer) -> Iterator[Visitor]:
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(context.new_page())
    visitor.page.goto(f"{host.url}a/sub%20path/")
    yield visitor
    context.close()
    assert visitor.unexpected_errors() == []


def wait_until_kept(visitor: Visitor) -> None:
    expect(visitor.find("offline-line")).to_have_text("This page now works offline.")


def test_site_reads_without_a_server_and_without_a_network(visitor: Visitor, host: CountingServer) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    wait_until_kept(visitor)
    assert host.sent_bytes <= LARGEST_FIRST_LOAD_BYTES

    visitor.page.context.set_offline(True)
    visitor.page.reload()
    visitor.draw(SEVEN)

    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    expect(visitor.find("model-line")).to_contain_text("version 0")


def test_clear_and_undo_work_and_the_stages_are_shown(visitor: Visitor) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    visitor.find("clear").click()
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    visitor.find("undo").click()
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)

    visitor.find("steps").locator("summary").click()

    expect(visitor.find("step-list").locator("img")).to_have_count(3)
    wait_until_kept(visitor)


def test_keys_of_tools_that_are_not_here_do_nothing(visitor: Visitor) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    for key in ("e", "n", "r", "s", "o", "?", "[", "]"):
        visitor.page.keyboard.press(key)
    visitor.page.keyboard.press("u")
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    visitor.page.keyboard.press("y")
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    wait_until_kept(visitor)


def test_picture_file_is_read(visitor: Visitor, tmp_path: Path) -> None:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (1500, 1200), "white")
    ImageDraw.Draw(picture).line([(500, 300), (900, 300), (650, 900)], fill="navy", width=70)
    picture.save(tmp_path / "seven.png")

    visitor.find("file").set_input_files(tmp_path / "seven.png")

    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    expect(visitor.find("caption")).to_have_text("seven.png")
    wait_until_kept(visitor)
