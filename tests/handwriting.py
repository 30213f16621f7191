"""Digits that are made here, so that the suite can be tested without MNIST and without files of pen strokes."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from mnist_classifier.data import mnist
from mnist_classifier.data.pen_digits import CHARACTERS_FILE, DIGITS_FILE
from mnist_classifier.evaluation.robustness.drawing import draw
from mnist_classifier.recognition.imaging.preprocess import make_glyph

# Each stroke is a list of points x, y.
Strokes = list[list[list[float]]]

STROKES: dict[int, Strokes] = {
    0: [[[500 + 350 * math.sin(t / 5), 500 - 500 * math.cos(t / 5)] for t in range(33)]],
    1: [[[480, 0], [500, 500], [500, 1000]]],
    7: [[[0, 0], [300, 0], [650, 0], [500, 500], [350, 1000]]],
}
LETTER_X: Strokes = [[[0, 0], [1000, 1000]], [[1000, 0], [0, 1000]]]


def glyphs(count: int) -> mnist.Images:
    """So many glyphs of 0, 1 and 7 in turn, no two alike."""
    labels = [sorted(STROKES)[i % len(STROKES)] for i in range(count)]
    images = [
        make_glyph(draw(STROKES[label], pen_px=18, rng=np.random.default_rng(i))) for i, label in enumerate(labels)
    ]
    return mnist.Images(np.array(images, np.uint8), np.array(labels, np.uint8))


def write_lines(path: Path, rows: list[Any]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def write_pen_sets(folder: Path) -> Path:
    """Fill a new folder with both sets: six digits, and three characters of which one is a look-alike.

    Writer "a" is of the test split, "f" of the validation split.
    """
    folder.mkdir()
    rows = [
        {"label": label, "writer": writer, "strokes": strokes} for writer in "af" for label, strokes in STROKES.items()
    ]
    write_lines(folder / DIGITS_FILE, rows)
    characters = [
        {"label": "X", "writer": "a", "strokes": LETTER_X, "lookalike": False},
        {"label": "x", "writer": "b", "strokes": LETTER_X, "lookalike": False},
        {"label": "O", "writer": "a", "strokes": STROKES[0], "lookalike": True},
    ]
    write_lines(folder / CHARACTERS_FILE, characters)
    return folder
