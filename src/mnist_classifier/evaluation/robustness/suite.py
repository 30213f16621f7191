"""The robustness suite: all measures of one model as one table.

settings = Settings.from_environment()
report = run_suite(recogniser, load_data(settings, "validation"), limit=300)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mnist_classifier.core.settings import Settings
from mnist_classifier.data import mnist, pen_digits
from mnist_classifier.data.pen_digits import PenSets
from mnist_classifier.data.splits import load_split
from mnist_classifier.evaluation.robustness.bench import Bench
from mnist_classifier.evaluation.robustness.measures import MEASURES
from mnist_classifier.evaluation.robustness.report import SUMMARY_ROWS, RobustnessReport
from mnist_classifier.recognition.imaging.preprocess import Prepared
from mnist_classifier.recognition.recogniser import Recogniser

# Most pictures for one row in a quick run, which takes seconds; the intervals are some per cent wide.
QUICK_LIMIT = 500

# Called with the name of the set of pictures that is read now, the sets done, and all sets.
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class SuiteData:
    """The MNIST images of a split, and the pen strokes of its writers if there are files of strokes."""

    split: str
    digits: mnist.Images
    pen: PenSets | None = None
    pen_missing: str = "there are no pen strokes"


def load_data(settings: Settings, split: str) -> SuiteData:
    """Read MNIST and the pen strokes.  Missing strokes are an error only if the settings name their folder.

    Raises DataMissing, DataCorrupt.
    """
    digits = load_split(settings.data_dirs(), split)
    directories = settings.pen_dirs()
    if settings.pen_dir is None and pen_digits.find(directories) is None:
        looked_in = ", ".join(map(str, directories)) or "any folder"
        reason = f"no pen strokes in {looked_in}; set --pen-dir or MNIST_PEN_DIR to their folder"
        return SuiteData(split, digits, pen_missing=reason)
    pen = pen_digits.load(directories).of_split(split)
    if not pen.digits or not pen.non_digits:
        return SuiteData(
            split, digits, pen_missing=f"the writers of the {split} split wrote no digits or no other characters"
        )
    return SuiteData(split, digits, pen)


def promotion_rows(
    recognisers: Sequence[Recogniser], digits: mnist.Images, pen: PenSets, limit: int
) -> list[list[dict[str, Any]]]:
    """The rows that the promotion check compares, of each model, with at most `limit` digits each, as plain values.

    Corruptions read each digit fifteen times, so they have half of the digits.
    """
    tables: list[list[dict[str, Any]]] = [[] for _ in recognisers]
    for name, most in {"pen digits": limit, "pen characters": limit, "corruptions": limit // 2}.items():
        prepared: dict[str, list[Prepared]] = {}
        for recogniser, table in zip(recognisers, tables, strict=True):
            rows = MEASURES[name].make(Bench(recogniser, digits, pen, most, prepared=prepared))
            table += [row.to_dict() for row in rows if row.id in SUMMARY_ROWS]
    return tables


def run_suite(
    recogniser: Recogniser,
    data: SuiteData,
    *,
    limit: int | None = None,
    progress: Progress = lambda name, done, total: None,
) -> RobustnessReport:
    """Run every measure that the data allow; limit: most pictures for one row of the table."""
    started = time.perf_counter()
    possible = {name: m for name, m in MEASURES.items() if data.pen is not None or not m.needs_pen}
    left_out = {name: data.pen_missing for name in MEASURES if name not in possible}
    # The measure of pen characters counts the unchanged MNIST images.  Without strokes, another measure reads them.
    total = sum(m.parts for m in possible.values()) + (data.pen is None)
    done = 0

    def on_part(name: str) -> None:
        nonlocal done
        progress(name, done, total)
        done += 1

    bench = Bench(recogniser, data.digits, data.pen, limit, on_part)
    rows = [row for measure in possible.values() for row in measure.make(bench)]
    return RobustnessReport(data.split, limit, tuple(rows), left_out, time.perf_counter() - started)
