"""The static site in a browser: under a sub-path, and with the network cut."""

from __future__ import annotations

import functools
import http.server
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, expect
from test_accessibility import assert_accessible, rules
from test_numbers import write_seven_and_one
from test_story import HEADINGS
from tests.answering import answering
from tests.recognition.test_recogniser import seven_and_one
from visitor import SEVEN, Visitor

from conftest import DESKTOP, PATIENCE_MS
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.evaluation.robustness.strings import draw
from mnist_classifier.recognition.imaging.decode import encode_png
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


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingServer]:
    folder = tmp_path_factory.mktemp("host")
    export_site(PRETRAINED_DIR, 0, folder / "a" / "sub path")
    server = CountingServer(folder)
    with answering(server):
        yield server


@pytest.fixture(scope="module")
def first_visit(browser: Browser, host: CountingServer) -> Iterator[Visitor]:
    """The page as a new visitor sees it; all tests share it."""
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(context.new_page())
    visitor.page.goto(f"{host.url}a/sub%20path/")
    yield visitor
    context.close()
    assert visitor.unexpected_errors() == []


@pytest.fixture
def visitor(first_visit: Visitor, host: CountingServer) -> Visitor:
    """The page with an empty pad."""
    first_visit.page.context.set_offline(False)
    first_visit.page.evaluate("sessionStorage.clear(), localStorage.clear()")
    first_visit.page.goto("about:blank")
    first_visit.page.goto(f"{host.url}a/sub%20path/")
    return first_visit


def wait_until_kept(visitor: Visitor) -> None:
    expect(visitor.find("offline-line")).to_have_text("This page now works offline.")


def test_site_reads_without_a_server_and_without_a_network(first_visit: Visitor, host: CountingServer) -> None:
    visitor = first_visit
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    wait_until_kept(visitor)
    assert host.sent_bytes <= LARGEST_FIRST_LOAD_BYTES

    visitor.page.context.set_offline(True)
    visitor.page.goto(f"{host.url}a/sub%20path/index.html?mode=digit")
    visitor.find("clear").click()
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    expect(visitor.find("model-line")).to_contain_text("99.6")

    # The parts for numbers load when they are needed, also without a network.
    write_seven_and_one(visitor)
    expect(visitor.find("verdict")).to_have_text("2 digits")


def test_a_number_is_read_digit_by_digit(visitor: Visitor) -> None:
    write_seven_and_one(visitor)

    expect(visitor.find("confidence")).to_have_text(re.compile(r"\d\d\.\d\s% sure"))
    expect(visitor.find("number-digits").locator(".number-digit")).to_have_text(["7", "1"])
    visitor.find("number-digits").get_by_role("button").first.click()
    expect(visitor.find("inspect-glyph").locator("img")).to_be_visible()
    visitor.page.keyboard.press("u")
    expect(visitor.find("digit")).to_have_text("7")


def test_a_picture_of_a_number_is_read_with_one_click(visitor: Visitor) -> None:
    strokes, size = seven_and_one()
    picture = encode_png(255 - draw(strokes, 12, size))
    visitor.find("file").set_input_files({"name": "71.png", "mimeType": "image/png", "buffer": picture})
    expect(visitor.find("verdict")).to_have_text("Not a digit")

    visitor.find("read-number").click()

    expect(visitor.find("digit")).to_have_text("71")
    expect(visitor.page.locator(".found-item")).to_have_text(["7", "1"])


def test_the_tools_of_the_home_page_work_and_the_stages_are_shown(visitor: Visitor) -> None:
    visitor.find("pen-thick").click()
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    thick = visitor.ink()
    visitor.find("clear").click()
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    visitor.find("pen-thin").click()
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    assert visitor.ink() < thick

    visitor.find("steps").locator("summary").click()
    expect(visitor.find("step-list").locator("img")).to_have_count(3)

    visitor.find("eraser").click()
    visitor.draw(SEVEN)
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")
    visitor.find("undo").click()
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    visitor.find("redo").click()
    expect(visitor.find("verdict")).to_have_text("Nothing drawn yet")


def test_the_answer_moves_with_the_pen(visitor: Visitor) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)  # so the network is there
    visitor.find("clear").click()
    expect(visitor.find("digit")).not_to_have_text(DIGIT_READ)
    drawing = visitor.draw_slowly([*SEVEN, *SEVEN[::-1] * 20])
    for _ in drawing:
        if visitor.find("digit").text_content() == DIGIT_READ:
            break
    else:
        pytest.fail("the page did not read during the stroke")
    visitor.page.mouse.up()


def test_the_drawing_outlives_a_reload_and_a_link_opens_another(visitor: Visitor, host: CountingServer) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    visitor.page.reload()
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)

    drawing = {"mode": "digit", "strokes": [{"width": 18, "points": [{"x": 140, "y": 40}, {"x": 140, "y": 240}]}]}
    script = "async (drawing) => (await import(document.baseURI + 'js/pad/link.js')).encode(drawing)"
    text = visitor.page.evaluate(script, drawing)
    visitor.page.goto(f"{host.url}a/sub%20path/#d={text}")

    expect(visitor.find("digit")).to_have_text("1")
    visitor.find("undo").click()
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)


def test_the_drawing_goes_through_the_network(visitor: Visitor) -> None:
    visitor.draw(SEVEN)
    expect(visitor.find("story-answers")).to_be_visible()
    expect(visitor.page.locator("#story h3")).to_have_text(HEADINGS)
    visitor.find("clear").click()
    expect(visitor.find("story-answers")).to_be_hidden()


def test_what_needs_a_server_is_not_shown(visitor: Visitor) -> None:
    visitor.find("mode-number").click()
    visitor.find("mode-digit").click()
    for part in ("random", "hints", "form", "dataset"):
        expect(visitor.find(part)).to_be_hidden()
    visitor.page.keyboard.press("r")
    expect(visitor.find("toasts")).to_contain_text("This page has no test images.")
    expect(visitor.page.locator("footer")).to_contain_text("The program on a computer reads more numbers right.")


def test_axe_finds_nothing(visitor: Visitor) -> None:
    write_seven_and_one(visitor)
    assert_accessible(visitor.page, rules("light"))


def test_picture_file_is_read(visitor: Visitor, tmp_path: Path) -> None:
    picture = Image.new("RGB", (1500, 1200), "white")
    ImageDraw.Draw(picture).line([(500, 300), (900, 300), (650, 900)], fill="navy", width=70)
    picture.save(tmp_path / "seven.png")

    visitor.find("file").set_input_files(tmp_path / "seven.png")

    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
    expect(visitor.find("caption")).to_contain_text("seven.png")

    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"}
    visitor.find("file").set_input_files(broken)
    expect(visitor.find("toasts")).to_contain_text("cannot open")
    expect(visitor.find("digit")).to_have_text(DIGIT_READ)
