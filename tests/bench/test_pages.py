"""The budget of the pages, measured in Chromium by bench/pages.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnist_classifier.data import mnist
from tests.bench.scripts import run_script
from tests.checkout import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.mnist]

# The goals hold on a quiet machine (bench/pages.py); one that is busy with other tests may take so many times as long.
PATIENCE = 10


def test_the_home_page_is_small_and_quick_and_no_page_shifts(
    mnist_dirs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = next(directory for directory in mnist_dirs if mnist.is_available([directory]))
    monkeypatch.setenv("MNIST_DATA_DIR", str(data_dir))
    script = ROOT / "bench" / "pages.py"
    run_script(script, "--visits", "1", "--strokes", "8", "--results", str(tmp_path))
    result = json.loads((tmp_path / "pages.json").read_text("utf-8"))
    goals, home, pen = result["goals"], result["pages"]["home"], result["pen"]
    assert home["bytes"] <= goals["bytes"]
    assert {name: page["layout_shift"] for name, page in result["pages"].items()} == dict.fromkeys(result["pages"], 0)
    assert pen["layout_shift"] <= goals["layout_shift"]
    assert home["first_paint_ms"] <= goals["first_paint_ms"] * PATIENCE
    assert pen["strokes"] == 8
    for live in result["live"]:
        assert live["answers"] > 20  # the answer changes during a stroke, not only at its end
        # Chromium slows the page down by keeping the processor busy, which other tests slow down once more.
        assert live["answer_p50_ms"] <= goals["live_p95_ms"] * PATIENCE * live["throttle"]
    assert pen["shown_p50_ms"] <= goals["shown_p95_ms"] * PATIENCE  # the slowest of 8 says more of other processes


def test_the_page_of_corrections_is_timed(tmp_path: Path) -> None:
    script = ROOT / "bench" / "correction_page.py"
    run_script(script, "--corrections", "150", "--visits", "1", "--results", str(tmp_path))
    result = json.loads((tmp_path / "correction_page.json").read_text("utf-8"))
    assert result["corrections"] == 150
    assert set(result["times"]) == {"first page", "older page", "filter"}
    for row in result["times"].values():
        assert 0 < row["median_ms"] <= result["goal_ms"] * PATIENCE
