"""Time what somebody new does first on the pages, in a real browser, with a human's pauses.

    python bench/flows.py [--repeats 3] [--flows digit,training] [--pace 1] [--results DIR]

Each flow has a server of its own with an empty MNIST_HOME, and a browser that has never seen it; only *model* goes on
where *training* ends.  Its clock starts when the address of the home page is opened, and stops when the result is on
the screen.  The MNIST files are on the machine already.

The person looks at every new page or result for LOOK_S, needs POINT_S to move the mouse and click, and draws a stroke
in STROKE_S.  `--pace 0` leaves the pauses out, which shows the share of the program.  Needs Chromium and PyTorch.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from measuring import RESULTS, load_average, machine, running_server, write_result
from mnist_classifier.core.settings import Settings
from mnist_classifier.data.splits import load_split
from mnist_classifier.evaluation.robustness.photographs import photograph
from pages import BROWSER_ARGUMENTS, DIGITS, VIEWPORT, find_browser

# A page of thirty words is looked through in 4 s; pointing at a button and a click takes 1.1 s
# (Card, Moran and Newell, The Psychology of Human-Computer Interaction, 1983).
LOOK_S, POINT_S, STROKE_S = 4.0, 1.1, 1.0
GOAL_S = 60.0
WAIT_MS = 120_000
PHOTOGRAPH_PX = 1600
SEVEN = DIGITS[0][0]


class Newcomer:
    """Somebody who uses a page for the first time.  pace: 1 with all pauses, 0 without."""

    def __init__(self, page: Page, address: str, pace: float) -> None:
        self.page = page
        self.address = address
        self.pace = pace

    def open(self) -> None:
        """Open the home page and look at it."""
        self.page.goto(self.address)
        self.look()

    def find(self, name: str) -> Locator:
        """The element of that id."""
        return self.page.locator(f"#{name}")

    def look(self) -> None:
        """Look at what is new on the screen."""
        self.page.wait_for_load_state()
        time.sleep(LOOK_S * self.pace)

    def click(self, target: Locator) -> None:
        """Point at something and click it."""
        target.wait_for()
        time.sleep(POINT_S * self.pace)
        target.click()

    def go(self, name: str) -> None:
        """Follow a link of the navigation, and look at the page."""
        self.click(self.page.get_by_role("navigation").get_by_role("link", name=name, exact=True))
        self.look()

    def draw_seven(self) -> None:
        """Draw a seven with the mouse."""
        box = self.find("pad").bounding_box()
        assert box is not None
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
        time.sleep(POINT_S * self.pace)
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=8)
            time.sleep(STROKE_S * self.pace / (len(points) - 1))
        self.page.mouse.up()


def digit(person: Newcomer) -> None:
    """Draw a digit and see it read."""
    person.open()
    person.draw_seven()
    expect(person.find("digit")).to_have_text("7")


def training(person: Newcomer) -> None:
    """Start a training, watch its curves and read its result."""
    person.open()
    person.go("Training")
    person.click(person.find("run-start"))
    expect(person.find("chart-loss").locator("canvas").first).to_be_visible()
    expect(person.find("run-message")).to_contain_text("Done.")


def model(person: Newcomer) -> None:
    """Put the trained version into use, and see it read a drawing."""
    person.look()
    person.click(person.find("result-use"))
    person.look()
    person.click(person.page.get_by_role("button", name="Use it anyway"))
    expect(person.find("run-message")).to_contain_text("Done.")
    person.go("Draw")
    person.draw_seven()
    expect(person.find("answered-by")).to_contain_text("version 1")


def photo(person: Newcomer) -> None:
    """Upload the photograph of a digit and see it read."""
    label, content = photographed()
    person.open()
    with person.page.expect_file_chooser() as chooser:
        person.click(person.find("file"))
    person.look()  # at the names of the files
    chooser.value.set_files({"name": "digit.jpg", "mimeType": "image/jpeg", "buffer": content})
    expect(person.find("digit")).to_have_text(str(label))


def mistake(person: Newcomer) -> None:
    """Find an image that the model reads wrong, and see which pixels decided."""
    person.open()
    person.go("Explore")
    person.click(person.find("thumbnails").locator("a").first)
    expect(person.find("inspector").locator(".heat-maps canvas")).to_have_count(2)
    person.look()  # at the image and its label
    person.look()  # at the pixels that decided


TITLES = {
    "digit": "first digit read",
    "training": "first training watched",
    "model": "first model used",
    "photo": "first photograph read",
    "mistake": "first mistake understood",
}
FLOWS: dict[str, Callable[[Newcomer], None]] = {
    "digit": digit,
    "training": training,
    "model": model,
    "photo": photo,
    "mistake": mistake,
}


def photographed() -> tuple[int, bytes]:
    """The label of a validation image and its photograph as JPEG."""
    found = load_split(Settings.from_environment().data_dirs(), "validation")
    pixels = photograph(found.images[0], np.random.default_rng(0), size_px=PHOTOGRAPH_PX)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=90)
    return int(found.labels[0]), content.getvalue()


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="times that each flow is gone through")
    parser.add_argument("--flows", default=",".join(FLOWS), help="which to time; model needs training; default: all")
    parser.add_argument("--pace", type=float, default=1.0, help="length of a human's pauses: 1 as they are, 0 for none")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for flows.json")
    arguments = parser.parse_args()
    names = [name for name in FLOWS if name in arguments.flows.split(",")]
    expect.set_options(timeout=WAIT_MS)
    result: dict[str, Any] = {"machine": machine(), "goal_s": GOAL_S, "pace": arguments.pace}
    result["pauses_s"] = {"look": LOOK_S, "point": POINT_S, "stroke": STROKE_S}
    times: dict[str, list[float]] = {name: [] for name in names}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        for _ in range(arguments.repeats):
            for name, seconds in gone_through(browser, names, arguments.pace):
                times[name].append(seconds)
        browser.close()
    result["flows"] = {name: {"title": TITLES[name], "s": times[name], "slowest_s": max(times[name])} for name in names}
    result["load_after"] = load_average()
    write_result("flows", result, table=table(result), folder=arguments.results)


def gone_through(browser: Browser, names: list[str], pace: float) -> Iterator[tuple[str, float]]:
    """The seconds of each flow, once."""
    for name in (each for each in names if each != "model"):
        with newcomer(browser, pace) as person:
            yield name, timed(FLOWS[name], person)
            if name == "training" and "model" in names:
                yield "model", timed(model, person)


@contextmanager
def newcomer(browser: Browser, pace: float) -> Iterator[Newcomer]:
    """Somebody new, at a new server."""
    with running_server() as address:
        context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MS)
        yield Newcomer(context.new_page(), address, pace)
        context.close()


def timed(flow: Callable[[Newcomer], None], person: Newcomer) -> float:
    """The seconds of a flow."""
    started = time.perf_counter()
    flow(person)
    return round(time.perf_counter() - started, 1)


def table(result: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{'flow':28}{'seconds':24}{'slowest':>8}"]
    for row in result["flows"].values():
        lines.append(f"{row['title']:28}{', '.join(map(str, row['s'])):24}{row['slowest_s']:8.1f}")
    lines.append(f"goal: each below {result['goal_s']:.0f} s; pauses of a person times {result['pace']:g}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
