"""Measure in a real browser how long the page of corrections takes when there are many.

    python bench/correction_page.py [--corrections 10000] [--visits 9] [--results DIR]

Starts the real server in its own process, and Chromium without a window.  Imports corrections of 30 writers with every
label.  The clock of a visit starts with the navigation and stops when the cards of the corrections are in the document;
the browser has the page's files, as after the first visit.  The clock of a filter and of a turn to older corrections
starts at the change of the control.
"""

from __future__ import annotations

import argparse
import statistics
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from measuring import RESULTS, load_average, machine, running_server, write_result
from mnist_classifier.learning import correction_files
from mnist_classifier.learning.correction_queries import Examples
from mnist_classifier.learning.corrections import LABELS, glyph_hash
from pages import BROWSER_ARGUMENTS, VIEWPORT, find_browser

GOAL_MS = 200.0
WRITERS, BATCH = 30, 2000

# The time until the grid has changed, and is not empty.
WATCH = """
window.whenShown = (from) => new Promise((resolve) => {
    const grid = document.getElementById("grid");
    const watch = new MutationObserver(() => {
        if (grid.childElementCount === 0) return;
        watch.disconnect();
        resolve(performance.now() - from);
    });
    watch.observe(grid, { childList: true });
});
addEventListener("DOMContentLoaded", () => (window.firstShown = window.whenShown(0)));
"""
FILTER = """() => {
    const select = document.getElementById("filter-label");
    const shown = whenShown(performance.now());
    select.value = "7";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    return shown;
}"""
OLDER = """() => {
    const shown = whenShown(performance.now());
    document.getElementById("older").click();
    return shown;
}"""


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corrections", type=int, default=10_000)
    parser.add_argument("--visits", type=int, default=9, help="times that the page is visited")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for correction_page.json")
    arguments = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "corrections": arguments.corrections, "goal_ms": GOAL_MS}
    with running_server() as address, sync_playwright() as playwright:
        fill(address, arguments.corrections)
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        result["browser"] = browser.version
        context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
        page = context.new_page()
        page.add_init_script(WATCH)
        visit(page, address)  # loads the files of the page
        visits = [visit(page, address) for _ in range(arguments.visits)]
        browser.close()
    result["times"] = {name: summary([each[name] for each in visits]) for name in visits[0]}
    result["load_after"] = load_average()
    write_result("correction_page", result, table=table(result), folder=arguments.results)


def fill(address: str, count: int) -> None:
    """Import so many corrections."""
    chance = np.random.default_rng(0)
    for begin in range(0, count, BATCH):
        size = min(BATCH, count - begin)
        glyphs = chance.integers(0, 256, (size, 28, 28)).astype(np.uint8)
        numbers = np.arange(begin, begin + size)
        examples = Examples(
            ids=numbers + 1,
            labels=numbers % len(LABELS),
            glyphs=glyphs,
            writers=[f"writer {number % WRITERS}" for number in numbers],
            glyph_sha256=[glyph_hash(glyph) for glyph in glyphs],
        )
        data = correction_files.export(examples, "idx")
        content = {"Content-Type": "application/zip"}
        request = urllib.request.Request(f"{address}api/corrections/import", data, content)
        urllib.request.urlopen(request, timeout=120).close()


def visit(page: Page, address: str) -> dict[str, float]:
    """The times of one visit, ms."""
    page.goto(f"{address}corrections")
    times = {"first page": page.evaluate("window.firstShown")}
    times["older page"] = page.evaluate(OLDER)
    times["filter"] = page.evaluate(FILTER)
    return times


def summary(times_ms: Sequence[float]) -> dict[str, float]:
    """Median and slowest."""
    return {"median_ms": round(statistics.median(times_ms), 1), "slowest_ms": round(max(times_ms), 1)}


def table(result: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{result['corrections']} corrections{'':6}{'median ms':>12}{'slowest':>10}"]
    for name, row in result["times"].items():
        lines.append(f"{name:24}{row['median_ms']:12}{row['slowest_ms']:10}")
    lines.append(f"goal: {GOAL_MS:.0f} ms")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
