"""What goes wrong: files that are no pictures, servers that are slow, gone or back."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from application import Application
from PIL import Image, ImageDraw
from playwright.sync_api import Route, expect
from visitor import FAILED_REQUEST, SEVEN, Visitor

from conftest import Visit

UNREACHABLE = ("**/api/**", "**/model-status")

pytestmark = pytest.mark.e2e


def drawn(visitor: Visitor) -> int:
    visitor.draw(SEVEN)
    expect(visitor.find("digit")).to_have_text("7")
    return visitor.ink()


def upload(visitor: Visitor, name: str, kind: str, content: bytes) -> None:
    visitor.find("file").set_input_files({"name": name, "mimeType": kind, "buffer": content})


@pytest.mark.parametrize(
    ("name", "kind", "content", "words"),
    [
        ("IMG_0001.HEIC", "image/heic", b"\0\0\0\x18ftypheic" + bytes(500), "because it is a HEIC file"),
        ("notes.txt", "text/plain", b"this is no image", "no picture|not an image|image"),
        ("empty.png", "image/png", b"", "is empty"),
        ("scan.tif", "image/tiff", b"II*\0" + bytes(11_000_000), "too large"),
    ],
    ids=["heic", "text", "empty", "huge and unknown"],
)
def test_file_that_cannot_be_read_is_told_and_the_drawing_stays(
    visit: Visit, name: str, kind: str, content: bytes, words: str
) -> None:
    visitor = visit()
    visitor.expected_errors = (FAILED_REQUEST,)
    ink = drawn(visitor)

    upload(visitor, name, kind, content)

    toast = visitor.page.get_by_role("alert")
    expect(toast).to_be_visible()
    if "|" not in words:
        expect(toast).to_contain_text(words)
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("undo")).to_have_attribute("aria-disabled", "false")
    assert visitor.ink() == ink


def test_huge_photograph_is_reduced_before_it_is_sent(visit: Visit) -> None:
    image = Image.effect_noise((4200, 5600), 12).point(lambda value: min(255, value + 100))
    points = [(1200, 1500), (3000, 1500), (1900, 4300)]
    ImageDraw.Draw(image).line(points, fill=5, width=260, joint="curve")
    content = io.BytesIO()
    image.save(content, "JPEG", quality=95)
    assert content.tell() > 10_000_000
    visitor = visit()

    with visitor.page.expect_response("**/predict*") as reply:
        upload(visitor, "photo.jpg", "image/jpeg", content.getvalue())

    assert reply.value.status == 200  # the server refuses over 10 MB
    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.find("caption")).to_contain_text("photo.jpg")


def test_picture_that_only_the_browser_opens_is_read(visit: Visit) -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="240">'
        '<path d="M50 60H150L90 190" fill="none" stroke="black" stroke-width="14"/></svg>'
    )
    visitor = visit()

    upload(visitor, "seven.svg", "image/svg+xml", svg.encode())

    expect(visitor.find("digit")).to_have_text("7")


def test_slow_server_is_announced_and_its_answer_still_comes(visit: Visit) -> None:
    visitor = visit()
    held: list[Route] = []
    visitor.page.route("**/predict*", lambda route: held.append(route))
    visitor.draw(SEVEN)
    ink = visitor.ink()

    expect(visitor.page.locator(".toast")).to_contain_text("Your drawing is safe")
    held[-1].continue_()

    expect(visitor.find("digit")).to_have_text("7")
    expect(visitor.page.locator(".toast")).to_have_count(0)
    assert visitor.ink() == ink


def test_drawing_is_read_by_itself_when_the_server_is_back(visit: Visit, tmp_path: Path) -> None:
    own = Application(tmp_path, data_dir=tmp_path / "no-data")
    with own:
        visitor = visit(at=own)
        visitor.expected_errors = (FAILED_REQUEST,)
        expect(visitor.find("model-line")).to_contain_text("Read by")
    visitor.draw(SEVEN)
    ink = visitor.ink()
    expect(visitor.page.get_by_role("alert")).to_contain_text("No answer from the server.")

    with own:
        expect(visitor.find("digit")).to_have_text("7")
        expect(visitor.page.get_by_role("alert")).to_have_count(0)
        assert visitor.ink() == ink
        visitor.page.wait_for_function("sessionStorage.getItem('mnist-classifier.pad') !== null")
        visitor.page.reload()
        expect(visitor.find("digit")).to_have_text("7")
        assert visitor.ink() == ink


def test_picture_waits_for_a_server_that_is_gone(visit: Visit) -> None:
    visitor = visit()
    visitor.expected_errors = (FAILED_REQUEST,)
    drawn(visitor)
    image = io.BytesIO()
    visitor.sent_image().save(image, "PNG")
    visitor.find("clear").click()
    visitor.page.route("**/predict*", lambda route: route.abort())

    upload(visitor, "seven.png", "image/png", image.getvalue())

    expect(visitor.page.get_by_role("alert")).to_contain_text("No answer from the server.")
    expect(visitor.find("caption")).to_contain_text("seven.png")
    visitor.page.unroute("**/predict*")
    visitor.find("predict").click()
    expect(visitor.find("digit")).to_have_text("7")


@pytest.mark.parametrize(
    ("path", "note", "content"), [("/models", "models-note", "models-rows"), ("/explore", "explore-status", "matrix")]
)
def test_a_page_says_that_the_server_is_away_and_goes_on_by_itself(
    visit: Visit, path: str, note: str, content: str
) -> None:
    visitor = visit(
        path, before=lambda visitor: [visitor.page.route(each, lambda route: route.abort()) for each in UNREACHABLE]
    )
    visitor.expected_errors = (FAILED_REQUEST,)
    expect(visitor.find(note)).to_have_text("No answer from the server. Is it still running?")
    expect(visitor.find(f"{path[1:]}-retry")).to_be_visible()
    expect(visitor.page.locator(".toast")).to_have_count(0)

    for each in UNREACHABLE:
        visitor.page.unroute(each)

    expect(visitor.find(content).locator("tr").first).to_be_visible()
    expect(visitor.find(note)).not_to_contain_text("No answer")
    if path == "/models":  # its other section does too
        expect(visitor.find("drift-note")).not_to_contain_text("No answer")


@pytest.mark.parametrize(
    "path", ["/", "/mnist", "/lesson", "/training", "/models", "/explore", "/docs", "/corrections", "/collect"]
)
def test_no_form_sends_itself_before_its_script_listens(visit: Visit, path: str):
    page = visit(path, java_script_enabled=False).page
    buttons = page.locator("form button:not([type=button]):visible, form input[type=submit]:visible")
    assert [button.inner_text() for button in buttons.all() if button.is_enabled()] == []
