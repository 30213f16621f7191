"""Measure how numbers are read as people bring them, and how long a large page takes.

    python bench/numbers_on_pages.py [--kinds table,dates_slashes] [--pictures 40] [--split validation|test]
                                     [--save FOLDER] [--folder FOLDER] [--timed 5]

A row for each kind of picture: right, right but in doubt, wrong and sure, text with marks right, all cells right.
Generated writers take the place of the pen data (--pen-dir, MNIST_PEN_DIR or ../shared/pen_digits) if it is missing.
--folder scores pictures of your own instead: its labels.tsv has the columns file, mode (digit or number) and right (the
digits, `|` between lines); the kind is the part of the file's name before the last `_`.
--save writes the pictures that were read wrong, with the right digits and those read in their names.

--document writes the figures of the model in the box, as stored with it, into docs/evaluation.md and measures nothing.

Then pages of 2300x1740 px with 20 numbers are read, in lines and in a table, drawn and photographed; --timed 0 skips
them.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from measuring import RESULTS, ROOT, machine, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import pen_digits
from mnist_classifier.evaluation.robustness.pages import furniture
from mnist_classifier.evaluation.robustness.pages.kinds import KINDS, some_digits
from mnist_classifier.evaluation.robustness.pages.rows import page_rows
from mnist_classifier.evaluation.robustness.pages.sample import Mode, Sample
from mnist_classifier.evaluation.robustness.pages.scene import Scene, photographed, unchanged
from mnist_classifier.evaluation.robustness.pages.scoring import Score, answer, read, score
from mnist_classifier.evaluation.robustness.pages.sheet import Sheet
from mnist_classifier.evaluation.robustness.pages.source import make
from mnist_classifier.evaluation.robustness.pages.table import page_table, page_table_as_markdown
from mnist_classifier.evaluation.robustness.pages.writing import Writer, any_of, generated_writers, writers_of
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import ROBUSTNESS_FILE

LABELS = "labels.tsv"
# Where the documented table is.
DOCUMENT = ROOT / "docs" / "evaluation.md"
TABLE_BEGIN, TABLE_END = "<!-- pages: python bench/numbers_on_pages.py --document -->", "<!-- end of pages -->"
# Kinds of a folder for which only a doubt is right.
DOUBTED = ("struck", "cut_off")
# The large page: its size, its numbers by rows and columns, the height of its digits.
PAGE_PX, ROWS, COLUMNS, TABLE_HEIGHT_PX, LINES_HEIGHT_PX = (2300, 1740), 5, 4, 70.0, 52.0
PAGES: dict[str, tuple[bool, Callable[[Scene, np.random.Generator], Scene]]] = {
    "lines, drawn": (False, unchanged),
    "lines, photographed": (False, photographed),
    "table, drawn": (True, unchanged),
    "table, photographed": (True, photographed),
}


def main() -> None:
    """Measure, print, write JSON."""
    options = parsed()
    if options.document:
        document()
        return
    recogniser = Recogniser.open(options.model)
    scores: dict[str, list[Score]] = defaultdict(list)
    for index, sample in enumerate(samples_of(options)):
        reading = read(recogniser, sample)
        scores[sample.kind].append(score(sample, reading))
        if options.save and not scores[sample.kind][-1].right:
            save(options.save, index, sample, answer(reading))
    rows = [row.to_dict() for row in page_rows(scores)] if scores else []
    timed = [time_page(recogniser, name, options) for name in PAGES] if options.timed else []
    result = {"machine": machine(), "split": options.split, "seed": options.seed, "rows": rows, "pages": timed}
    table = "\n".join([*lines_of(rows), *map(time_as_text, timed)])
    write_result("numbers_on_pages", result, table=table, folder=options.results)


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", help="kinds of pictures, with commas between them")
    parser.add_argument("--pictures", type=int, default=40, help="pictures of each kind")
    parser.add_argument("--split", choices=("validation", "test"), default="validation", help="whose writers write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, default=PRETRAINED_DIR, help="folder of a model version")
    parser.add_argument("--pen-dir", type=Path, help="folder of the pen data")
    parser.add_argument("--folder", type=Path, help=f"a folder with pictures and {LABELS}")
    parser.add_argument("--save", type=Path, help="where to write the pictures that were read wrong")
    parser.add_argument("--timed", type=int, default=5, help="times to read each large page")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--document", action="store_true", help="only fill the table of docs/evaluation.md")
    return parser.parse_args()


def document() -> None:
    """Replace the table of docs/evaluation.md by the stored figures of the model in the box."""
    stored = json.loads((PRETRAINED_DIR / ROBUSTNESS_FILE).read_text("utf-8"))
    text = DOCUMENT.read_text("utf-8")
    before, begin, rest = text.partition(TABLE_BEGIN)
    _, end, after = rest.partition(TABLE_END)
    DOCUMENT.write_text(f"{before}{begin}\n{page_table_as_markdown(stored['rows'])}\n{end}{after}", "utf-8")


def samples_of(options: argparse.Namespace) -> Iterator[Sample]:
    """The pictures to score, kind by kind."""
    wanted = options.kinds.split(",") if options.kinds else None
    if options.folder:
        yield from (sample for sample in labelled(options.folder) if wanted is None or sample.kind in wanted)
        return
    writers = writers_for(options)
    for kind in wanted or KINDS:
        yield from (make(kind, index, writers, options.seed) for index in range(options.pictures))


def labelled(folder: Path) -> Iterator[Sample]:
    """The pictures of a folder with a file of labels."""
    with (folder / LABELS).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            kind = row["file"].rpartition("_")[0]
            lines = tuple(row["right"].split("|"))
            with Image.open(folder / row["file"]) as image:
                picture = np.asarray(image.convert("RGB"))
            yield Sample(
                kind, picture, cast(Mode, row["mode"]), lines, "\n".join(lines), doubt_is_right=kind in DOUBTED
            )


def writers_for(options: argparse.Namespace) -> Sequence[Writer]:
    """The writers of the split, or generated ones."""
    folders = Settings.from_environment(pen_dir=options.pen_dir).pen_dirs()
    if pen_digits.find(folders) is None:
        print("generated writers: there is no pen data (--pen-dir, MNIST_PEN_DIR)")
        return generated_writers(options.seed)
    return writers_of(pen_digits.load(folders).of_split(options.split))


def save(folder: Path, index: int, sample: Sample, found: str) -> None:
    """Write a picture that was read wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    right, wrong = (text.replace("\n", "-") or "nothing" for text in (sample.number, found))
    Image.fromarray(sample.picture).save(folder / f"{sample.kind}_{index:04}_{right}_read_{wrong}.png")


def lines_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The table for people."""
    return ["".join(part.ljust(22) for part in line).rstrip() for line in page_table(rows)]


# --- a large page -------------------------------------------------------------------------------------


def time_page(recogniser: Recogniser, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Read a large page several times on one core; the time is the processor's, decoding included."""
    in_table, surround = PAGES[name]
    lines, picture = large_page(writers_for(options), np.random.default_rng(options.seed), in_table, surround)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG" if surround is unchanged else "JPEG", quality=90)
    megapixels = picture.shape[0] * picture.shape[1] / 1e6
    times_ms = []
    with on_one_core():
        for _ in range(options.timed):
            started = time.process_time()
            reading = recogniser.read_number(file.getvalue())
            times_ms.append((time.process_time() - started) * 1000 / megapixels)
    found = (reading.number or "").split("\n")
    return {
        "page": name,
        "megapixels": round(megapixels, 2),
        "ms_a_megapixel_p50": round(statistics.median(times_ms), 1),
        "ms_a_megapixel_best": round(min(times_ms), 1),
        "lines": len(lines),
        "lines_right": sum(line in found for line in lines),
        "processor": machine()["processor"],
    }


class on_one_core:  # noqa: N801 - used as a context manager, like a function
    """Keep this process on one core, where the system allows it."""

    def __enter__(self) -> None:
        self._cores: Iterable[int] = ()
        if hasattr(os, "sched_setaffinity"):
            self._cores = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {min(self._cores)})

    def __exit__(self, *error: object) -> None:
        if self._cores:
            os.sched_setaffinity(0, self._cores)


def large_page(
    writers: Sequence[Writer],
    rng: np.random.Generator,
    in_table: bool,
    surround: Callable[[Scene, np.random.Generator], Scene],
) -> tuple[list[str], Bytes]:
    """A page with 20 numbers of 3 to 6 digits; returns the digits of each line, and the picture."""
    sheet = Sheet(any_of(writers, rng), rng, TABLE_HEIGHT_PX if in_table else LINES_HEIGHT_PX)
    count = ROWS * COLUMNS
    numbers = [some_digits(sheet, 3, 6) for _ in range(count)]
    if in_table:
        rows = [numbers[start : start + COLUMNS] for start in range(0, count, COLUMNS)]
        furniture.table(sheet, [list(row) for row in rows])
        numbers = ["".join(row) for row in rows]
    else:
        for index, number in enumerate(numbers):
            sheet.write(number, left=rng.uniform(0, 4) * sheet.height, middle=index * PAGE_PX[1] * 0.9 / count)
    return numbers, surround(sheet.finish(size=PAGE_PX), rng).picture


def time_as_text(page: dict[str, Any]) -> str:
    """The time of a large page in words."""
    return (
        f"page of 20 numbers, {page['page']}: {page['ms_a_megapixel_p50']} ms per megapixel on one core (best "
        f"{page['ms_a_megapixel_best']}), {page['lines_right']} of {page['lines']} lines right; {page['processor']}"
    )


if __name__ == "__main__":
    main()
