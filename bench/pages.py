"""Measure the pages in a real browser: bytes, first paint, layout shift, and the time from a stroke to its reading.

    python bench/pages.py [--pages home,models] [--visits 5] [--strokes 120] [--results DIR]

Starts the real server in its own process, and Chromium without a window.  Visits each page with an empty cache.  Bytes
are those of the network, including headers, until the page loads the model with which it reads in the browser.  Layout
shift is the sum of all shifts from the start until some seconds later, including those after an input.

On the home page, the mouse draws digits stroke by stroke.  The clock of a stroke starts at the time stamp of the
`pointerup`.  Its reading is *written* when it is in the document and *shown* when the browser has painted it.

While the pen moves, the browser reads by itself.  The clock of a live answer starts at the time stamp of the newest
`pointermove` that it saw, and stops when it is in the document.  Frames are counted while the pen is down.  Both are
measured with the processor as it is, and four times as slow.  Needs Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from measuring import RESULTS, load_average, machine, running_server, write_result

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
VIEWPORT = {"width": 1280, "height": 800}
PAGES = {"home": "", "recogniser": "mnist", "training": "training", "models": "models", "explore": "explore"}
# The budget of the home page.
GOALS = {"bytes": 150_000, "first_paint_ms": 500.0, "layout_shift": 0.0, "shown_p95_ms": 30.0, "live_p95_ms": 50.0}
MODEL_PATH = "/browser"
# Slow-downs of the page's thread; 4 stands for a phone.
THROTTLES = (1, 4)
SETTLE_MS = 1_500
# Asking for the times costs the page 3 ms, so it waits until the answer has come.
UNDISTURBED_S = 0.15

# Strokes relative to the side of the pad, from the top left.
DIGITS: tuple[tuple[tuple[tuple[float, float], ...], ...], ...] = (
    (((0.28, 0.25), (0.5, 0.24), (0.72, 0.25), (0.6, 0.5), (0.52, 0.65), (0.44, 0.82)),),
    (((0.52, 0.2), (0.5, 0.5), (0.49, 0.82)),),
    (((0.62, 0.2), (0.45, 0.42), (0.32, 0.6), (0.74, 0.6)), ((0.6, 0.42), (0.59, 0.62), (0.58, 0.86))),
    (((0.36, 0.22), (0.36, 0.36), (0.34, 0.48), (0.56, 0.46), (0.64, 0.62), (0.52, 0.8), (0.32, 0.76)),
     ((0.36, 0.22), (0.68, 0.22))),
    (((0.32, 0.32), (0.45, 0.2), (0.62, 0.25), (0.64, 0.4), (0.46, 0.6), (0.32, 0.8), (0.7, 0.8)),),
    (((0.5, 0.2), (0.34, 0.4), (0.34, 0.62), (0.5, 0.8), (0.66, 0.62), (0.66, 0.4), (0.5, 0.2)),),
)  # fmt: skip

WATCH_LAYOUT = """
window.layoutShift = 0;
new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) window.layoutShift += value;
}).observe({ type: "layout-shift", buffered: true });
"""

# The times of the newest stroke, on the page's clock, as a promise.  The first change of the result that leaves
# somebody who answered is the reading.
WATCH_STROKES = """
window.addEventListener("pointerup", ({ target, timeStamp: lifted }) => {
    if (target.id !== "pad") return;
    window.reading = new Promise((resolve) => {
        const watch = new MutationObserver(() => {
            if (document.getElementById("answered-by").textContent === "") return;
            watch.disconnect();
            const written = performance.now();
            requestAnimationFrame(() => {
                const { port1, port2 } = new MessageChannel();
                port1.onmessage = () => resolve({ lifted, written, shown: performance.now() });
                port2.postMessage(null);
            });
        });
        watch.observe(document.getElementById("result"), { subtree: true, childList: true, characterData: true });
    });
}, { capture: true });
"""

# A live answer shows at the first change of the result after it.
WATCH_LIVE = """
window.live = { answers: [], frames: [] };
let moved = 0, asked = 0, painted = 0, isDown = false;
addEventListener("pointermove", ({ timeStamp }) => (moved = timeStamp), { capture: true });
addEventListener("pointerdown", () => { isDown = true; painted = 0; requestAnimationFrame(frame); }, { capture: true });
addEventListener("pointerup", () => (isDown = false), { capture: true });
function frame(now) {
    if (painted > 0) live.frames.push(now - painted);
    painted = now;
    if (isDown) requestAnimationFrame(frame);
}
const { postMessage } = Worker.prototype;
Worker.prototype.postMessage = function (message, ...rest) {
    asked = moved;
    return postMessage.call(this, message, ...rest);
};
addEventListener("DOMContentLoaded", () => {
    const result = document.getElementById("result");
    const note = () => result.dataset.live === "true" && live.answers.push(performance.now() - asked);
    new MutationObserver(note).observe(result, { subtree: true, childList: true, characterData: true });
});
"""

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
REQUEST = """() => {
    const requests = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/predict"));
    const { startTime, responseEnd } = requests.at(-1);
    performance.clearResourceTimings();
    return { asked: startTime, answered: responseEnd };
}"""


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", default=",".join(PAGES), help="which to visit; default: all")
    parser.add_argument("--visits", type=int, default=5, help="times that each page is visited")
    parser.add_argument("--strokes", type=int, default=120)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for pages.json")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "visits": arguments.visits, "goals": GOALS}
    with running_server() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        result["browser"] = browser.version
        result["pages"] = {
            name: summary([visit(browser, address + PAGES[name]) for _ in range(arguments.visits)])
            for name in arguments.pages.split(",")
        }
        result["pen"] = draw(browser, address, arguments.strokes)
        result["live"] = [draw_live(browser, address, arguments.strokes, throttle) for throttle in THROTTLES]
        browser.close()
    result["load_after"] = load_average()
    write_result("pages", result, table=table(result), folder=arguments.results)


def find_browser() -> str:
    """The path of Chromium.  Raises SystemExit if it is not installed."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit(f"needs a browser; none of {', '.join(BROWSERS)} is installed")
    return path


def visit(browser: Browser, url: str) -> dict[str, float]:
    """Bytes, requests, first paint and layout shift of one visit with an empty cache."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: dict[str, float] = {}
    requests: dict[str, str] = {}
    network.on(
        "Network.requestWillBeSent", lambda event: requests.update({event["requestId"]: event["request"]["url"]})
    )
    network.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.add_init_script(WATCH_LAYOUT)
    page.goto(url)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLE_MS)
    before = list(takewhile(lambda request: not requests[request].endswith(MODEL_PATH), requests))
    measured = {
        "bytes": sum(sizes.get(request, 0.0) for request in before),
        "requests": len(before),
        "first_paint_ms": page.evaluate(FIRST_PAINT),
        "layout_shift": page.evaluate("window.layoutShift"),
    }
    context.close()
    return measured


def summary(visits: Sequence[dict[str, float]]) -> dict[str, float]:
    """The largest bytes and shift, the median and slowest first paint."""
    paints = [each["first_paint_ms"] for each in visits]
    return {
        "bytes": max(each["bytes"] for each in visits),
        "requests": max(each["requests"] for each in visits),
        "first_paint_ms": round(float(np.median(paints)), 1),
        "first_paint_max_ms": round(max(paints), 1),
        "layout_shift": round(max(each["layout_shift"] for each in visits), 5),
    }


def draw(browser: Browser, address: str, count: int) -> dict[str, Any]:
    """The time from each of `count` strokes to its reading, and the parts of this time."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    page = context.new_page()
    page.add_init_script(WATCH_LAYOUT)
    page.add_init_script(WATCH_STROKES)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    times: list[dict[str, float]] = []
    for number, (stroke, is_first) in enumerate(islice(strokes(), count)):
        if is_first:
            page.locator("#clear").click()
            page.locator("#verdict", has_text="Nothing drawn yet").wait_for()
        draw_stroke(page, stroke, np.random.default_rng(number))
        time.sleep(UNDISTURBED_S)
        times.append({**page.evaluate("window.reading"), **page.evaluate(REQUEST)})
    shift = page.evaluate("window.layoutShift")
    context.close()
    return {"strokes": len(times), "layout_shift": round(shift, 5), **parts_of(times)}


def draw_live(browser: Browser, address: str, count: int, throttle: int) -> dict[str, Any]:
    """The time from a move of the pen to the changed answer, and between frames, over `count` strokes."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    page = context.new_page()
    page.add_init_script(WATCH_LIVE)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    drawn = enumerate(strokes())
    while page.evaluate("live.answers.length") == 0:  # the network is still loading
        draw_stroke(page, next(drawn)[1][0], np.random.default_rng(0))
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": throttle})
    page.evaluate("live.answers = []; live.frames = []")
    for number, (stroke, is_first) in islice(drawn, count):
        if is_first:
            page.locator("#clear").click()
        draw_stroke(page, stroke, np.random.default_rng(number))
    found = page.evaluate("live")
    context.close()
    answers, frames = np.array(found["answers"]), np.array(found["frames"])
    measured: dict[str, float] = {"answers": len(answers), "frames": len(frames)}
    for name, values in (("answer", answers), ("frame", frames)):
        measured |= {f"{name}_p{q}_ms": round(float(np.percentile(values, q)), 1) for q in (50, 95)}
    return {"throttle": throttle, "strokes": count, **measured}


def strokes() -> Iterator[tuple[tuple[tuple[float, float], ...], bool]]:
    """Strokes of one digit after another, forever, and whether each starts a digit."""
    for digit in cycle(DIGITS):
        for index, stroke in enumerate(digit):
            yield stroke, index == 0


def draw_stroke(page: Page, stroke: Sequence[tuple[float, float]], rng: np.random.Generator) -> None:
    """Draw a stroke with the mouse, each time at a slightly different place."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    dx, dy = rng.uniform(-0.03, 0.03, 2)
    points = [(box["x"] + (x + dx) * box["width"], box["y"] + (y + dy) * box["height"]) for x, y in stroke]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def parts_of(times: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Quantiles of the whole time and medians of its parts, ms."""

    def between(start: str, end: str) -> list[float]:
        return [stroke[end] - stroke[start] for stroke in times]

    found: dict[str, Any] = {}
    for end in ("shown", "written"):
        for quantile in (0.5, 0.95, 0.99):
            found[f"{end}_p{quantile * 100:.0f}_ms"] = round(float(np.quantile(between("lifted", end), quantile)), 1)
    parts = {"until_asked": ("lifted", "asked"), "until_answered": ("asked", "answered")}
    parts |= {"until_written": ("answered", "written"), "until_shown": ("written", "shown")}
    found["parts_p50_ms"] = {name: round(float(np.median(between(*ends))), 1) for name, ends in parts.items()}
    return found


def table(result: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{'page':12}{'kB':>8}{'requests':>10}{'first paint ms':>16}{'slowest':>9}{'shift':>8}"]
    for name, row in result["pages"].items():
        lines.append(
            f"{name:12}{row['bytes'] / 1000:8.1f}{row['requests']:10}{row['first_paint_ms']:16.0f}"
            f"{row['first_paint_max_ms']:9.0f}{row['layout_shift']:8.4f}"
        )
    pen, parts = result["pen"], result["pen"]["parts_p50_ms"]
    lines += [
        f"from the lift of the pen, {pen['strokes']} strokes: "
        f"shown p50 {pen['shown_p50_ms']}, p95 {pen['shown_p95_ms']}, p99 {pen['shown_p99_ms']} ms; "
        f"written p50 {pen['written_p50_ms']}, p95 {pen['written_p95_ms']} ms; shift {pen['layout_shift']}",
        f"of which (medians): {parts['until_asked']} until asked, {parts['until_answered']} until answered, "
        f"{parts['until_written']} until written, {parts['until_shown']} until shown",
    ]
    lines += [
        f"while the pen moves, processor {row['throttle']} times as slow, {row['answers']} answers: "
        f"p50 {row['answer_p50_ms']}, p95 {row['answer_p95_ms']} ms after the move; "
        f"frames p50 {row['frame_p50_ms']}, p95 {row['frame_p95_ms']} ms"
        for row in result["live"]
    ]
    lines.append("goals of the home page: 150 kB, 500 ms, 0, shown p95 30 ms, live p95 50 ms")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
