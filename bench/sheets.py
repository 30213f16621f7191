"""Measure how much of a sheet of handwriting comes back right from a scan or a photograph.

    python bench/sheets.py [--sheets 10] [--split validation|test] [--views scan,turned] [--seed 0]

A row for each kind of picture, and one for each pen: sheets found, digits that can be stored at once, digits that a
person must confirm, digits that are wrongly refused or lost, and empty boxes that are taken for digits.  Each sheet is
by one writer, with five empty boxes.  Generated writers take the place of the pen data (--pen-dir, MNIST_PEN_DIR or
../shared/pen_digits) if it is missing.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from measuring import RESULTS, machine, write_result
from mnist_classifier.core.errors import InvalidImage
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import pen_digits
from mnist_classifier.evaluation.robustness.pages.writing import Writer, generated_writers, writers_of
from mnist_classifier.learning.filled_sheets import PENS, VIEWS, FilledSheet, filled_sheet
from mnist_classifier.learning.sheet import SHEET_SIDE_PX, CellState, read_sheet
from mnist_classifier.learning.sheet_layout import PAPERS
from mnist_classifier.recognition.imaging.sources import as_pixels
from mnist_classifier.recognition.recogniser import Recogniser

COLUMNS = ("sheets", "not found", "digits", "ready", "to check", "spoilt", "lost", "empty", "empty taken")


def main() -> None:
    """Measure, print a table and write JSON."""
    arguments = _arguments()
    writers, source = _writers(arguments.pen_dir, arguments.split)
    recogniser = Recogniser.open(PRETRAINED_DIR)
    rows: dict[str, Counter[str]] = {}
    times_s: list[float] = []
    for view, pen, sheet in _sheets(writers, arguments.views, arguments.sheets, arguments.seed):
        counted, seconds = _count(sheet, recogniser)
        times_s.append(seconds)
        for name in (view, f"pen: {pen}", "all"):
            rows.setdefault(name, Counter()).update(counted)
    names = [*arguments.views, *(f"pen: {pen}" for pen in PENS), "all"]
    median_s = float(np.median(times_s))
    result = {
        "arguments": {name: str(value) for name, value in vars(arguments).items()},
        "machine": machine(),
        "writers": {"source": source, "count": len(writers)},
        "rows": {name: dict(row) for name, row in rows.items()},
        "median_s": median_s,
    }
    table = _table([name for name in names if name in rows], rows)
    note = f"writers: {source}, {len(writers)} of them; a sheet takes {median_s:.2f} s (median)"
    write_result("sheets", result, table=f"{table}\n{note}", folder=arguments.results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", type=int, default=10, help="sheets of each kind of picture and pen")
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--views", type=lambda text: text.split(","), default=list(VIEWS), help="kinds of pictures")
    parser.add_argument("--pen-dir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for sheets.json")
    arguments = parser.parse_args()
    if unknown := set(arguments.views) - set(VIEWS):
        parser.error(f"--views knows {', '.join(VIEWS)}, not {', '.join(sorted(unknown))}")
    return arguments


def _writers(pen_dir: Path | None, split: str) -> tuple[Sequence[Writer], str]:
    directories = [pen_dir] if pen_dir else Settings.from_environment().pen_dirs()
    if pen_digits.find(directories) is None:
        return generated_writers(0), "generated"
    return writers_of(pen_digits.load(directories).of_split(split)), split


def _sheets(
    writers: Sequence[Writer], views: Sequence[str], count: int, seed: int
) -> Iterator[tuple[str, str, FilledSheet]]:
    for number in range(count):
        for view in views:
            for index, pen in enumerate(PENS):
                rng = np.random.default_rng([seed, number, list(VIEWS).index(view), index])
                writer = writers[int(rng.integers(len(writers)))]
                paper = tuple(PAPERS)[number % len(PAPERS)]
                yield view, pen, filled_sheet(writer, view, pen, rng, paper=paper)


def _count(sheet: FilledSheet, recogniser: Recogniser) -> tuple[Counter[str], float]:
    counted = Counter({"sheets": 1})
    started = time.perf_counter()
    try:
        cells = read_sheet(as_pixels(sheet.picture, side_px=SHEET_SIDE_PX)[0], recogniser)
    except InvalidImage:
        return counted + Counter({"not found": 1}), time.perf_counter() - started
    words = {
        CellState.READY: "ready",
        CellState.CHECK: "to check",
        CellState.SPOILT: "spoilt",
        CellState.EMPTY: "lost",
    }
    for each in cells:
        if each.cell in sheet.empty:
            counted["empty"] += 1
            counted["empty taken"] += each.state is not CellState.EMPTY
        else:
            counted["digits"] += 1
            counted[words[each.state]] += 1
    return counted, time.perf_counter() - started


def _table(names: Sequence[str], rows: Mapping[str, Counter[str]]) -> str:
    lines = [" " * 18 + "".join(f"{column:>12}" for column in COLUMNS)]
    lines += [f"{name:18}" + "".join(f"{rows[name][column]:12}" for column in COLUMNS) for name in names]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
