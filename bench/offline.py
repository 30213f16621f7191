"""Compare the readings of the static site, in JavaScript, with those of Python, picture by picture.

    python bench/offline.py [--limit 200] [--rows mnist,pen] [--pens 18,3] [--pen-dir DIR]

Exports the model in the box, and reads the same pictures with Node and with Python: MNIST test images, the same
images enlarged, pen strokes on the page's canvas with five pens, photographs.  Counts glyphs that differ by more than
one grey level in any pixel, and readings with another verdict or digit.  The times are those of Node, including
preprocessing.  Needs Node.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from measuring import RESULTS, ROOT, load_average, machine, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.records import Reading
from mnist_classifier.core.settings import PRETRAINED_DIR, Settings
from mnist_classifier.data import mnist, pen_digits
from mnist_classifier.evaluation.robustness.drawing import draw
from mnist_classifier.evaluation.robustness.photographs import photograph
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.web.offline.export import MODEL_FILE, export_site

Pictures = Iterable[Bytes]

READER = ROOT / "bench" / "offline_reader.mjs"
# Widths of the page's pen, of the two other pens of the robustness suite, and of two that preprocessing redraws.
PENS = "18,10,28,3,60"
ENLARGED = 10
PHOTOGRAPHS = 1000
# Pictures in one call of Node.  A batch of photographs has 500 MB.
BATCH = 500
# Largest allowed difference of a glyph in grey levels: float32 sums depend on their order.
TOLERANCE = 1


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, help="pictures a row; default: all, and 1,000 photographs")
    parser.add_argument("--rows", default="mnist,enlarged,pen,photographs", help="which to compare")
    parser.add_argument("--pens", default=PENS, help="widths of the pens that strokes are drawn with, px")
    parser.add_argument("--pen-dir", type=Path, help="folder of the sets of pen strokes")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for offline.json")
    arguments = parser.parse_args()
    settings = Settings.from_environment(pen_dir=arguments.pen_dir)
    recogniser = Recogniser.open(PRETRAINED_DIR)
    result: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result["bytes"] = export_site(PRETRAINED_DIR, 0, folder / "site")
        result["rows"] = {
            title: compare(recogniser, folder, islice(pictures, arguments.limit))
            for title, pictures in rows(settings, arguments.rows.split(","), arguments.pens.split(","))
        }
    result["load_after"] = load_average()
    write_result("offline", result, table=table(result), folder=arguments.results)


def rows(settings: Settings, wanted: Sequence[str], pens: Sequence[str]) -> Iterator[tuple[str, Pictures]]:
    """The title and pictures of each row."""
    digits = pen_digits.load(settings.pen_dirs()).digits if "pen" in wanted else ()
    glyphs = mnist.load(settings.data_dirs(), mnist.TEST).images
    if "mnist" in wanted:
        yield "MNIST test images", glyphs
    if "enlarged" in wanted:
        yield f"enlarged {ENLARGED} times", (glyph.repeat(ENLARGED, 0).repeat(ENLARGED, 1) for glyph in glyphs)
    if "pen" in wanted:
        for pen_px in map(int, pens):
            yield f"pen strokes, {pen_px} px", drawings(digits, pen_px)
    if "photographs" in wanted:
        yield "photographs", photographs(glyphs[:PHOTOGRAPHS])


def drawings(digits: Sequence[pen_digits.PenCharacter], pen_px: int) -> Iterator[Bytes]:
    """Pen strokes on the page's canvas."""
    for number, digit in enumerate(digits):
        yield draw(digit.strokes, pen_px=pen_px, rng=np.random.default_rng((pen_px, number)))


def photographs(glyphs: Bytes) -> Iterator[Bytes]:
    """Photographs of test images, as in bench/photographs.py."""
    for number, glyph in enumerate(glyphs):
        yield photograph(glyph, np.random.default_rng((0, number)))


def compare(recogniser: Recogniser, folder: Path, pictures: Iterable[Bytes]) -> dict[str, Any]:
    """Read pictures in both ways and count the differences."""
    waiting = iter(pictures)
    differences, confidences, ms, python_ms, others = [], [], [], [], 0
    while batch := list(islice(waiting, BATCH)):
        glyphs, answer = read_in_node(folder, batch)
        ms += answer["ms"]
        for picture, glyph, (verdict, prediction, confidence) in zip(batch, glyphs, answer["readings"], strict=True):
            started = time.perf_counter()
            prepared = prepare(picture)
            reading = recogniser.read_prepared(prepared)
            python_ms.append((time.perf_counter() - started) * 1000)
            differences.append(difference(prepared, glyph))
            others += not is_same(reading, verdict, prediction)
            confidences.append(abs(reading.confidence - confidence))
    return {
        "pictures": len(differences),
        "glyphs_not_equal": int(np.count_nonzero(differences)),
        "glyphs_beyond_tolerance": int((np.array(differences) > TOLERANCE).sum()),
        "largest_difference": int(max(differences)),
        "readings_not_equal": others,
        "largest_confidence_difference": float(max(confidences)),
        "p50_ms": round(float(np.median(ms)), 2),
        "p99_ms": round(float(np.quantile(ms, 0.99)), 2),
        "python_p50_ms": round(float(np.median(python_ms)), 2),
    }


def is_same(reading: Reading, verdict: str, prediction: int | None) -> bool:
    """Whether a reading has this verdict and digit."""
    return (reading.verdict.value, reading.prediction) == (verdict, prediction)


def difference(prepared: Prepared, found: Bytes) -> int:
    """Largest difference of two glyphs in grey levels; 255 if only one is blank."""
    if bool(found[0]) != (prepared.glyph is not None):
        return 255
    return 0 if prepared.glyph is None else int(np.abs(prepared.glyph.astype(int).ravel() - found[1:]).max())


def read_in_node(folder: Path, pictures: Sequence[Bytes]) -> tuple[Bytes, dict[str, Any]]:
    """Read pictures in Node: (N, 785) glyphs, each after a byte that is 0 for a blank picture, and its output."""
    write_pictures(folder / "pictures.bin", pictures)
    model, glyphs = folder / "site" / MODEL_FILE, folder / "glyphs.bin"
    command = ["node", str(READER), str(model), str(folder / "pictures.bin"), str(glyphs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return np.fromfile(glyphs, np.uint8).reshape(len(pictures), -1), json.loads(done.stdout)


def write_pictures(path: Path, pictures: Iterable[Bytes]) -> None:
    """Write pictures in the form that offline_pictures.mjs reads."""
    with path.open("wb") as file:
        for picture in pictures:
            levels = picture if picture.ndim == 2 else np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
            channels = 1 if levels.ndim == 2 else levels.shape[2]
            file.write(struct.pack("<3I", levels.shape[1], levels.shape[0], channels) + levels.tobytes())


def table(result: dict[str, Any]) -> str:
    """The rows as text."""
    total, network = sum(result["bytes"].values()), result["bytes"][MODEL_FILE]
    titles = ("n", "glyphs > 1", "largest", "readings", "confidence", "p50 ms", "p99 ms", "Python")
    widths = (7, 12, 9, 10, 12, 8, 8, 8)
    head = " " * 24 + "".join(f"{title:>{width}}" for title, width in zip(titles, widths, strict=True))
    lines = [f"{len(result['bytes'])} files, {total:,} bytes, {network:,} of them the network", head]
    for title, row in result["rows"].items():
        lines.append(
            f"{title:24}{row['pictures']:7,}{row['glyphs_beyond_tolerance']:12}{row['largest_difference']:9}"
            f"{row['readings_not_equal']:10}{row['largest_confidence_difference']:12.1e}"
            f"{row['p50_ms']:8.2f}{row['p99_ms']:8.2f}{row['python_p50_ms']:8.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
