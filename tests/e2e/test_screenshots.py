"""The pictures of the README: `make screenshots` takes them, a normal run of the tests leaves them alone."""

from __future__ import annotations

import json
import math
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pictures
import pytest
from application import PATIENCE_S, ROOT, Application
from PIL import Image
from playwright.sync_api import Browser, expect
from visitor import Point, Visitor

from conftest import Visit

PLACE = ROOT / "docs" / "screenshots"
LARGEST_BYTES, LARGEST_ANIMATION_BYTES = 100_000, 400_000
ANIMATION = "drawing"
NAMES = {
    ANIMATION, "home-light", "home-phone", "number-light", "recogniser-dark", "training-light", "training-phone",
    "models-light", "models-phone", "explore-light", "explore-image-dark", "explore-phone",
}  # fmt: skip

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"}
TRAINING_TIMEOUT_MS = 120_000
DISPUTED = 947
FRAME_MS, HOLD_MS = 60, 1_800


def bow(x: float, y: float, width: float, height: float, start: float, end: float) -> list[Point]:
    """A part of an ellipse around (x, y), from one angle to another, in turns from the right clockwise."""
    steps = [start + (end - start) * step / 48 for step in range(49)]
    return [(x + width * math.cos(math.tau * turn), y + height * math.sin(math.tau * turn)) for turn in steps]


THREE = bow(0.48, 0.35, 0.16, 0.15, -0.45, 0.25) + bow(0.48, 0.65, 0.19, 0.15, -0.25, 0.42)
# What makes an eight of the three.
LEFT_SIDE = [*bow(0.48, 0.35, 0.16, 0.15, 0.55, 0.25)[::6], *bow(0.48, 0.65, 0.19, 0.15, 0.75, 0.42)[::6]]
FIVE = [(0.36, 0.24), (0.34, 0.48), *bow(0.46, 0.62, 0.19, 0.17, -0.32, 0.4)]
FIVE_BAR = [(0.36, 0.24), (0.66, 0.23)]
# A seven with its bar, a one with hook and foot, a zero with its slash, on the wide pad.
NUMBER = [
    [(0.07, 0.22), (0.2, 0.21), (0.17, 0.45), (0.13, 0.82)],
    [(0.1, 0.54), (0.2, 0.5)],
    [(0.33, 0.42), (0.39, 0.2), (0.39, 0.82)],
    [(0.33, 0.83), (0.46, 0.82)],
    bow(0.67, 0.51, 0.075, 0.31, 0.0, 1.02),
    [(0.61, 0.8), (0.73, 0.22)],
]


def shown() -> set[str]:
    """The pictures that the documents show."""
    texts = [path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    return {name for text in texts for name in re.findall(r"screenshots/([\w-]+)\.webp", text)}


@pytest.fixture
def application(tmp_path: Path, browser: Browser, data_dir: Path) -> Iterator[Application]:
    """An application with MNIST whose trainings are its own."""
    if pictures.folder() is None:
        pytest.skip(f"takes pictures where {pictures.VARIABLE} names a folder: make screenshots")
    with Application(tmp_path, data_dir) as running:
        yield running


def train(application: Application, **config: object) -> int:
    body = json.dumps({"patience": 0, **config}).encode()
    request = urllib.request.Request(f"{application.url}/api/runs", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        run_id: int = json.load(reply)["run_id"]
    return run_id


def draw(visitor: Visitor, strokes: list[list[Point]], reading: str) -> None:
    for stroke in strokes:
        visitor.draw(stroke)
    expect(visitor.find("digit")).to_have_text(reading)


def film(visitor: Visitor, stroke: list[Point], reading: str) -> tuple[list[bytes], list[int]]:
    """Pictures of the page while the pen moves, the last when the reading stands; how long to show each, in ms."""
    frames = [visitor.page.screenshot() for _ in visitor.draw_slowly(stroke)]
    expect(visitor.find("digit")).to_have_text(reading)
    visitor.page.wait_for_timeout(pictures.SETTLE_MS)
    return [*frames, visitor.page.screenshot()], [FRAME_MS] * len(frames) + [HOLD_MS]


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.mnist
def test_animation_of_a_digit_that_is_drawn_and_read(visit: Visit, application: Application) -> None:
    desk = visit("/", viewport={"width": 960, "height": 760}, color_scheme="light")
    frames, durations_ms = film(desk, THREE[::3], "3")
    more_frames, more_ms = film(desk, LEFT_SIDE, "8")
    pictures.keep_animation(frames + more_frames, durations_ms + more_ms, ANIMATION)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.mnist
def test_pictures_of_reading(visit: Visit, application: Application) -> None:
    desk = visit("/", viewport={"width": 1280, "height": 800}, color_scheme="light")
    draw(desk, [THREE], "3")
    pictures.keep(desk, "home-light")
    desk.find("mode-number").click()
    draw(desk, NUMBER, "710")
    pictures.keep(desk, "number-light")
    phone = visit("/", **PHONE)
    draw(phone, [FIVE, FIVE_BAR], "5")
    pictures.keep(phone, "home-phone", full_page=False)
    recogniser = visit("/mnist", viewport={"width": 1280, "height": 1500}, color_scheme="dark")
    draw(recogniser, [THREE], "3")
    expect(recogniser.find("why-body").locator("canvas")).to_have_count(2)
    expect(recogniser.page.locator(".story-flow[data-state=still]")).to_be_visible()
    pictures.keep(recogniser, "recogniser-dark", full_page=False)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.mnist
def test_pictures_of_a_training_and_what_it_leaves(visit: Visit, application: Application) -> None:
    train(application, recipe="fast", epochs=2, train_images=10_000)
    live = train(application, recipe="lightning", epochs=30, train_images=10_000)
    desk = visit(f"/training?run={live}", viewport={"width": 1280, "height": 1120}, color_scheme="light")
    expect(desk.find("run-epoch")).to_have_text(re.compile(r"^(8|9|1\d) of 30$"), timeout=TRAINING_TIMEOUT_MS)
    pictures.keep(desk, "training-light", full_page=False)
    phone = visit(f"/training?run={live}", **PHONE)
    expect(phone.page.locator("#chart-accuracy canvas")).to_be_visible()
    phone.find("run").evaluate("element => element.scrollIntoView()")
    pictures.keep(phone, "training-phone", full_page=False)
    desk.find("run-cancel").click()
    expect(desk.find("run-message")).to_contain_text("version 2", timeout=TRAINING_TIMEOUT_MS)

    models = visit("/models", viewport={"width": 1280, "height": 1120}, color_scheme="light")
    models.find("compare-second").select_option("1")
    models.find("compare-start").click()
    expect(models.find("disagreements").locator("li").first).to_be_visible(timeout=TRAINING_TIMEOUT_MS)
    pictures.keep(models, "models-light", full_page=False)
    phone = visit("/models", **PHONE)
    expect(phone.page.locator("tr[data-version='0']")).to_be_visible()
    pictures.keep(phone, "models-phone", full_page=False)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.mnist
def test_pictures_of_exploring(visit: Visit, application: Application) -> None:
    desk = visit("/explore", viewport={"width": 1280, "height": 1420}, color_scheme="light")
    expect(desk.find("thumbnails").locator("li").first).to_be_visible()
    pictures.keep(desk, "explore-light", full_page=False)
    image = visit(f"/explore?image={DISPUTED}", viewport={"width": 1280, "height": 1000}, color_scheme="dark")
    expect(image.find("inspector").locator(".heat-maps canvas")).to_have_count(2)
    pictures.keep(image, "explore-image-dark", full_page=False)
    phone = visit("/explore", **PHONE)
    expect(phone.find("thumbnails").locator("li").first).to_be_visible()
    pictures.keep(phone, "explore-phone", full_page=False)


def test_documents_show_just_the_pictures_that_are_taken_here() -> None:
    assert shown() == NAMES
    assert {path.stem for path in PLACE.iterdir()} == NAMES
    largest = {ANIMATION: LARGEST_ANIMATION_BYTES}
    too_large = [each for each in PLACE.iterdir() if each.stat().st_size > largest.get(each.stem, LARGEST_BYTES)]
    assert too_large == []


def test_the_animation_moves_and_repeats() -> None:
    with Image.open(PLACE / f"{ANIMATION}.webp") as animation:
        assert animation.size == (960, 760)
        assert animation.n_frames > 20
        assert animation.info["loop"] == 0
