"""Compare numbers that the static site reads, in JavaScript, with those that the server reads.

    python bench/offline_numbers.py [--numbers 200] [--seed 0]

Three sets: numbers of 2 to 6 digits by the validation writers of the pen data, with their strokes and as plain
pictures, and numbers composed of MNIST's validation images.  `wrong and sure` counts numbers with the verdict "number"
that are not right.  The times are those of the processor; those of Node begin after ten numbers.  Needs Node, MNIST
and the pen data (MNIST_PEN_DIR).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import strings as bench
from measuring import RESULTS, ROOT, machine, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.data.splits import VALIDATION
from mnist_classifier.evaluation.robustness import strings
from mnist_classifier.evaluation.robustness.pages.source import writers_in
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.web.offline.pack import pack
from offline import write_pictures

READER = ROOT / "bench" / "offline_number_reader.mjs"
# The compiler of Node needs some numbers to warm up.
WARM_UP = 10


@dataclass(frozen=True)
class Sample:
    """A number, its picture, and its strokes; without strokes it is a plain picture."""

    number: str
    picture: Bytes
    strokes: Sequence[bench.Points] = ()


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", type=int, default=200, help="numbers in each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for offline_numbers.json")
    options = parser.parse_args()
    recogniser = Recogniser.open(PRETRAINED_DIR)
    rngs = bench.generators(options.seed, options.numbers)
    drawn = [drawing(rng) for rng in rngs]
    images = bench.split_images(VALIDATION)
    composed = [bench.compose(images, rng) for rng in bench.generators(options.seed, options.numbers)]
    sets = {
        "drawn, strokes sent": drawn,
        "drawn, as pictures": [Sample(each.number, each.picture) for each in drawn],
        "MNIST images": [Sample(each.number, each.picture) for each in composed],
    }
    rows = {title: compare(recogniser, samples) for title, samples in sets.items()}
    result = {"machine": machine(), "sets": rows}
    write_result("offline_numbers", result, table=table(rows), folder=options.results)


def drawing(rng: np.random.Generator) -> Sample:
    """A number in the hand of one writer."""
    writers = writers_in(VALIDATION)
    writer = writers[rng.integers(len(writers))]
    number = "".join(rng.choice(sorted(writer.digits), size=rng.integers(2, 7)))
    digits = [writer.digit(digit, rng) for digit in number]
    arranged = strings.arrange_strokes(digits, rng)
    strokes = [stroke for digit in arranged.digits for stroke in digit]
    return Sample(number, strings.draw(strokes, arranged.pen_px, arranged.size), strokes)


def compare(recogniser: Recogniser, samples: Sequence[Sample]) -> dict[str, Any]:
    """Read a set in both ways and count."""
    started = time.process_time()
    readings = [recogniser.read_number(each.picture, each.strokes or None) for each in samples]
    server_ms = (time.process_time() - started) * 1000 / len(samples)
    here = read_in_node(samples)
    return {
        "numbers": len(samples),
        "browser": counts(samples, [(verdict, number) for verdict, number, _ in here]),
        "server": counts(samples, [(reading.verdict.value, reading.number) for reading in readings]),
        "same": sum(reading.number == number for reading, (_, number, _) in zip(readings, here, strict=True)),
        "p50_ms": round(float(np.median([ms for *_, ms in here[WARM_UP:]])), 1),
        "p99_ms": round(float(np.quantile([ms for *_, ms in here[WARM_UP:]], 0.99)), 1),
        "server_mean_ms": round(server_ms, 1),
    }


def counts(samples: Sequence[Sample], read: Sequence[tuple[str, str | None]]) -> dict[str, int]:
    """How many are right, sure, and sure but wrong."""
    pairs = [
        (verdict == "number", number == each.number) for each, (verdict, number) in zip(samples, read, strict=True)
    ]
    return {
        "right": sum(right for _, right in pairs),
        "sure": sum(sure for sure, _ in pairs),
        "wrong_and_sure": sum(sure and not right for sure, right in pairs),
    }


def read_in_node(samples: Sequence[Sample]) -> list[tuple[str, str | None, float]]:
    """The verdict, the number and the time in ms of each sample."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder / "pictures.bin", [each.picture for each in samples])
        (folder / "strokes.json").write_text(
            json.dumps([[stroke.tolist() for stroke in each.strokes] for each in samples])
        )
        (folder / "model.bin").write_bytes(pack(PRETRAINED_DIR, 0))
        files = [str(folder / each) for each in ("model.bin", "pictures.bin", "strokes.json")]
        done = subprocess.run(["node", str(READER), *files], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return [(verdict, number, ms) for verdict, number, ms in json.loads(done.stdout)]


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The figures for people."""
    heads = ("right", "sure", "wrong_and_sure")
    lines = [f"{'':22}{'':>9}" + "".join(f"{head.replace('_', ' '):>16}" for head in heads) + f"{'ms':>10}"]
    for title, row in rows.items():
        for name, ms in (("browser", row["p50_ms"]), ("server", row["server_mean_ms"])):
            figures = "".join(f"{row[name][head]:>16}" for head in heads)
            lines.append(f"{title:22}{name:>9}{figures}{ms:>10}")
        lines.append(f"{'':22}the same number {row['same']} of {row['numbers']}; 99 % within {row['p99_ms']} ms")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
