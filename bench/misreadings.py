"""Measure how models read the ways of writing, and the pictures, that models are known to misread.

    python bench/misreadings.py [--models FOLDER ...] [--variants 36] [--save FOLDER]

The shapes in bench/misreadings.ini are varied as training varies its own, and drawn as the page draws them, each with
three pens.  Three kinds of pictures show digits of all shapes that train: large ones, from the top edge to the bottom
edge, and ones on a wavy background, paler and darker.

A digit is right whatever its verdict, and refused if it is called no digit.  `sure` are wrong ones with the verdict
`digit`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from configparser import ConfigParser
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from measuring import RESULTS, ROOT, machine, write_result
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.metrics import wilson_interval
from mnist_classifier.core.records import Reading, Verdict
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.evaluation.robustness.drawing import CANVAS_SIDE_PX, Placement, Points, draw, to_bytes
from mnist_classifier.recognition.imaging.normalise import ink_box
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.training.synthetic.handwriting import distort, trace
from mnist_classifier.training.synthetic.templates import DIGITS

SHAPES_FILE = ROOT / "bench" / "misreadings.ini"
PENS_PX = (10, 18, 28)
ASPECT = (0.5, 1.0)
# How much darker than the paper waves are, of 255.
PALE, DARK = (30.0, 80.0), (80.0, 130.0)
# Points that the page gets for one straight piece of a template; it rounds corners between distant points.
PIECES = 8

Sample: TypeAlias = tuple[int, Bytes]  # the digit and its picture
Make: TypeAlias = Callable[[list[Points], float, np.random.Generator], Bytes]


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, nargs="+", default=[PRETRAINED_DIR], help="folders of model versions")
    parser.add_argument("--variants", type=int, default=36, help="of each kind, each with three pens")
    parser.add_argument("--save", type=Path, help="save the pictures that the first model misreads in this folder")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    kinds = {name: make(options.variants) for name, make in all_kinds().items()}
    rows = []
    for folder in options.models:
        recogniser = Recogniser.open(folder)
        for name, samples in kinds.items():
            readings = [recogniser.read(picture) for _, picture in samples]
            rows.append({"model": folder.name, "kind": name, **score(samples, readings)})
            if options.save and folder == options.models[0]:
                save(options.save, name, samples, readings)
    write_result("misreadings", {"machine": machine(), "rows": rows}, table=table(rows), folder=options.results)


def all_kinds() -> Mapping[str, Callable[[int], list[Sample]]]:
    """What makes the samples of each kind, by name."""
    parser = ConfigParser(allow_no_value=True, delimiters="=", inline_comment_prefixes="#")
    parser.read_string(SHAPES_FILE.read_text("utf-8"))
    shapes = {name: _shapes(int(name[0]), tuple(parser[name])) for name in parser.sections()}
    pictures = {"fills the picture": filling, "on pale waves": on_waves(PALE), "on dark waves": on_waves(DARK)}
    return shapes | {name: _any_digit(make) for name, make in pictures.items()}


def _shapes(digit: int, ways: Sequence[str]) -> Callable[[int], list[Sample]]:
    return lambda variants: samples_of([(digit, ways[i % len(ways)]) for i in range(variants)], plain)


def _any_digit(make: Make) -> Callable[[int], list[Sample]]:
    ways = [(digit, way) for digit in range(10) for way in DIGITS[digit]]
    # A step that shares no divisor with their number, so that few variants have different digits.
    return lambda variants: samples_of([ways[i * 37 % len(ways)] for i in range(variants)], make)


def samples_of(ways: Sequence[tuple[int, str]], make: Make) -> list[Sample]:
    """Draw each way to write a digit with every pen; the variation has a seed of its own."""
    found = []
    for number, (digit, way) in enumerate(ways):
        for pen_px in PENS_PX:
            rng = np.random.default_rng((digit, number))
            strokes = [dense(points) for points in distort(trace(way, rng), rng, ASPECT)]
            found.append((digit, make(strokes, pen_px, rng)))
    return found


def dense(points: Points) -> Points:
    """Add points along straight pieces, as a slow hand does."""
    share = (np.arange(PIECES) / PIECES)[None, :, None]
    between = points[:-1, None] * (1 - share) + points[1:, None] * share
    return np.concatenate([between.reshape(-1, 2), points[-1:]])


def plain(strokes: list[Points], pen_px: float, rng: np.random.Generator) -> Bytes:
    """Somewhere on the canvas, as the robustness suite draws it."""
    return draw(strokes, pen_px=pen_px, rng=rng)


def filling(strokes: list[Points], pen_px: float, rng: np.random.Generator) -> Bytes:
    """From the top edge to the bottom edge, or from side to side if that is longer."""
    picture = draw(strokes, pen_px=pen_px, placement=Placement(CANVAS_SIDE_PX, 0, 0))
    top, bottom, left, right = ink_box(picture < 128)
    free = CANVAS_SIDE_PX - (right - left), CANVAS_SIDE_PX - (bottom - top)
    placement = Placement(CANVAS_SIDE_PX, rng.uniform(0, free[0]), rng.uniform(0, free[1]))
    return draw(strokes, pen_px=pen_px, placement=placement)


def on_waves(darker: tuple[float, float]) -> Make:
    """On paper with waves in any direction, between `darker` levels darker than the paper."""

    def make(strokes: list[Points], pen_px: float, rng: np.random.Generator) -> Bytes:
        share = draw(strokes, pen_px=pen_px, rng=rng) / 255
        y, x = np.mgrid[: share.shape[0], : share.shape[1]]
        angle = rng.uniform(0, np.pi)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        bend = rng.uniform(2, 12) * np.sin(across / rng.uniform(12, 50) + rng.uniform(0, 6))
        wave = np.sin((along + bend) * 2 * np.pi / rng.uniform(30, 100))
        paper = 235 - rng.uniform(*darker) * (wave > 0.3)
        return to_bytes(share * paper + (1 - share) * rng.uniform(10, 50))

    return make


def score(samples: Sequence[Sample], readings: Sequence[Reading]) -> dict[str, Any]:
    """Shares of right, refused, and wrong but sure readings."""
    pairs = [(digit, reading) for (digit, _), reading in zip(samples, readings, strict=True)]
    right = sum(reading.prediction == digit for digit, reading in pairs)
    wrong = [(digit, reading) for digit, reading in pairs if reading.prediction not in (digit, None)]
    sure = sum(reading.verdict is Verdict.DIGIT for _, reading in wrong)
    refused = [(digit, reading) for digit, reading in pairs if reading.prediction is None]
    likeliest = sum(int(np.argmax(reading.probabilities)) == digit for digit, reading in refused)
    return {
        "pictures": len(pairs),
        "right": right / len(pairs),
        "interval_95": wilson_interval(right, len(pairs)),
        "refused": len(refused) / len(pairs),
        "refused_but_likeliest_right": likeliest / len(pairs),
        "wrong_and_sure": sure / len(pairs),
    }


def save(folder: Path, kind: str, samples: Sequence[Sample], readings: Sequence[Reading]) -> None:
    """Save the pictures that were misread or refused."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, ((digit, picture), reading) in enumerate(zip(samples, readings, strict=True)):
        if reading.prediction != digit:
            name = f"{kind.replace(' ', '_')}_{number:03}_{digit}_read_{reading.prediction}.png"
            Image.fromarray(picture).save(folder / name)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures for people."""
    lines = [f"{'model':12}{'kind':34}{'pictures':>9}{'right':>9}{'refused':>9}{'sure':>9}"]
    lines += [
        f"{row['model']:12}{row['kind']:34}{row['pictures']:>9}{row['right']:>9.1%}{row['refused']:>9.1%}"
        f"{row['wrong_and_sure']:>9.1%}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
