"""The robustness suite: every measure on one model, as one table.

settings = Settings.from_environment()
report = run_suite(recogniser, load_data(settings, "validation"), limit=300)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist, pen_digits
from mnist_classifier.data.pen_digits import PenSets
from mnist_classifier.data.splits import load_split
from mnist_classifier.evaluation.robustness.measures import MEASURES, Bench
from mnist_classifier.evaluation.robustness.report import RobustnessReport, Row
from mnist_classifier.recognition.recogniser import Recogniser

# Pictures a row in a quick look: seconds rather than minutes, intervals some percent wide.
QUICK_LIMIT = 500

# Gets the name of the part that is being read, parts done, parts in all.
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class SuiteData:
    """What is measured with: MNIST images of a split, and the pen sets where there are any."""

    split: str
    digits: mnist.Images
    pen: PenSets | None = None
    pen_missing: str = "there are no pen sets"


def load_data(settings: Settings, split: str) -> SuiteData:
    """Read MNIST and the pen sets.

    Without pen sets it goes on, unless their folder was named.
    Raises DataMissing, DataCorrupt.
    """
    digits = load_split(settings.data_dirs(), split)
    directories = settings.pen_dirs()
    if settings.pen_dir is None and pen_digits.find(directories) is None:
        looked_in = ", ".join(map(str, directories)) or "any folder"
        reason = f"no pen sets in {looked_in}; --pen-dir or MNIST_PEN_DIR names their folder"
        return SuiteData(split, digits, pen_missing=reason)
    return SuiteData(split, digits, pen_digits.load(directories))


def run_suite(
    recogniser: Recogniser,
    data: SuiteData,
    *,
    limit: int | None = None,
    progress: Progress = lambda name, done, total: None,
) -> RobustnessReport:
    """Make every measure that the data allow; limit: so many pictures a row at most."""
    started = time.perf_counter()
    possible = {name: m for name, m in MEASURES.items() if data.pen is not None or not m.needs_pen}
    left_out = {name: data.pen_missing for name in MEASURES if name not in possible}
    # The images as they are count for several measures and are read by whichever comes first.
    total = sum(m.parts for m in possible.values()) + (data.pen is None)
    done = 0

    def on_part(name: str) -> None:
        nonlocal done
        progress(name, done, total)
        done += 1

    bench = Bench(recogniser, data.digits, data.pen, limit, on_part)
    rows: list[Row] = []
    for measure in possible.values():
        rows += measure.make(bench)
    return RobustnessReport(data.split, limit, tuple(rows), left_out, time.perf_counter() - started)
