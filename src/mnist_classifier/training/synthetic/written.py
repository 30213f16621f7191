"""Digits and other characters that people wrote with a pen, drawn anew with pens of random width.

The strokes are those of the training writers of two public collections (NOTICE names their licences).
`python -m mnist_classifier.training.synthetic.written PEN_DIR...` packs them into `strokes/written.npz`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from mnist_classifier.core.arrays import Bytes, Integers
from mnist_classifier.data import pen_digits
from mnist_classifier.data.splits import TRAIN
from mnist_classifier.training.synthetic.handwriting import distort, draw_all, drawn_by, numpy_rng
from mnist_classifier.training.synthetic.templates import Points

FILE = "written.npz"
# The longer side of a character in the packed file.
UNITS = 255
# Positions of UNIPEN's training digits that people would misread or not read at all: ones like sevens, sevens like
# twos, broken ones.  We looked at the 61 that a network that knew none of them misread with at least two of three pens.
LEFT_OUT = frozenset(
    (222, 248, 258, 268, 278, 533, 866, 922, 930, 1176, 1177, 1472, 1502, 1840, 2872, 2969)
    + (3525, 4070, 4175, 4230, 4249, 4267, 4403, 4454, 4500, 4581, 4583, 4599, 4757, 4803, 5259, 5286)
)
# Smallest distance of two points, a third of a pixel of the glyph.
SPACING = 5
NO_DIGIT = 10
# How many characters are bent and slanted, so that a few writers stand for many; the others stay as they were written.
DISTORTED = 0.6
# Smallest and largest factor of the width of a distorted character.
ASPECT = (0.75, 1.3)


class Written(NamedTuple):
    """Characters as strokes.

    points: (P, 2) uint8, x and y, longer side 255.  starts: of each stroke, its first point; `strokes`: of each
    character, its first stroke (both with the end as last value).  labels: (N,) 0 to 9, or 10 for no digit.
    """

    points: Bytes
    starts: Integers
    strokes: Integers
    labels: Integers

    def traced(self, row: int) -> list[Points]:
        """The strokes of one character, each (P, 2)."""
        first, last = self.strokes[row : row + 2]
        starts = self.starts[first : last + 1]
        return [self.points[a:b].astype(np.float64) for a, b in zip(starts, starts[1:], strict=False)]

    def rows(self, *, digits: bool) -> Integers:
        """The rows of the digits, or of the other characters."""
        found: Integers = np.flatnonzero((self.labels < NO_DIGIT) == digits)
        return found


@lru_cache(maxsize=1)
def load() -> Written:
    """The packed strokes."""
    with (files(__package__) / "strokes" / FILE).open("rb") as file, np.load(file) as arrays:
        return Written(*(arrays[name] for name in Written._fields))


def written_digits(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw written digits, each class as often: (count, 28, 28) uint8 and (count,) int64 labels."""
    written, rng = load(), numpy_rng(generator)
    of_class = [np.flatnonzero(written.labels == digit) for digit in range(NO_DIGIT)]
    labels = rng.integers(0, NO_DIGIT, count)
    rows = [of_class[label][rng.integers(len(of_class[label]))] for label in labels]
    return _drawn(written, rows, rng), torch.from_numpy(labels)


def written_characters(count: int, rng: np.random.Generator) -> Tensor:
    """Draw written characters that are no digits: (count, 28, 28) uint8."""
    written = load()
    return _drawn(written, rng.choice(written.rows(digits=False), count), rng)


def _drawn(written: Written, rows: Sequence[int] | Integers, rng: np.random.Generator) -> Tensor:
    return draw_all([drawn_by(lambda _, row=row: _varied(written.traced(row), rng), rng) for row in rows])  # type: ignore[misc]


def _varied(strokes: list[Points], rng: np.random.Generator) -> list[Points]:
    """Distort a character as templates are, or leave it as it is."""
    if rng.random() >= DISTORTED:
        return strokes
    everything = np.concatenate(strokes)
    middle = (everything.min(axis=0) + everything.max(axis=0)) / 2
    return distort([(points - middle) * (100 / UNITS) + 50 for points in strokes], rng, ASPECT)


def pack(folders: Sequence[Path]) -> Written:
    """Take the strokes of the training writers: digits, and characters that do not look like one."""
    known: list[tuple[int, pen_digits.Strokes]] = []
    for folder in folders:
        sets = pen_digits.load_folder(folder).of_split(TRAIN)
        known += [(int(each.label), each.strokes) for row, each in enumerate(sets.digits) if row not in LEFT_OUT]
        known += [(NO_DIGIT, each.strokes) for each in sets.non_digits]
    strokes = [_thinned(stroke) for _, parts in known for stroke in parts]
    return Written(
        np.concatenate(strokes),
        np.cumsum([0, *map(len, strokes)]),
        np.cumsum([0, *(len(parts) for _, parts in known)]),
        np.array([label for label, _ in known]),
    )


def _thinned(stroke: Points) -> Bytes:
    """Leave out points that are close to the one before, but keep both ends."""
    points = np.round(np.clip(stroke, 0, 1000) * (UNITS / 1000))
    kept = [points[0]]
    for point in points[1:-1]:
        if np.hypot(*(point - kept[-1])) >= SPACING:
            kept.append(point)
    return np.array([*kept, points[-1]], np.uint8)


if __name__ == "__main__":
    packed = pack([Path(name) for name in sys.argv[1:]])
    np.savez_compressed(Path(__file__).parent / "strokes" / FILE, **packed._asdict())
    print(f"{(packed.labels < NO_DIGIT).sum():,} digits and {(packed.labels == NO_DIGIT).sum():,} other characters")
