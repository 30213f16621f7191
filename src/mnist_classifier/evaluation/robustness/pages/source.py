"""Make the pictures of a kind.

    for sample in itertools.islice(samples("table", seed=1, split="validation"), 40): ...

The same seed makes the same pictures; those of two splits have no writer in common.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from mnist_classifier.core.errors import DataMissing
from mnist_classifier.core.settings import Settings
from mnist_classifier.data import pen_digits
from mnist_classifier.data.splits import VALIDATION
from mnist_classifier.evaluation.robustness.pages.kinds import KINDS, Kind
from mnist_classifier.evaluation.robustness.pages.sample import Sample, WrittenCell, WrittenMark
from mnist_classifier.evaluation.robustness.pages.sheet import Sheet
from mnist_classifier.evaluation.robustness.pages.writing import Writer, any_of, writers_of


def samples(kind: str, seed: int, split: str = VALIDATION) -> Iterator[Sample]:
    """Pictures of a kind without end, by writers of a split of the pen data.  Raises DataMissing, DataCorrupt."""
    writers = writers_in(split)
    return (make(kind, index, writers, seed) for index in itertools.count())


@lru_cache(maxsize=2)
def writers_in(split: str) -> tuple[Writer, ...]:
    """The writers of a split of the pen data of this installation.  Raises DataMissing, DataCorrupt."""
    found = writers_of(pen_digits.load(Settings.from_environment().pen_dirs()).of_split(split))
    if not found:
        raise DataMissing(f"the pen data has no digits by writers of the split {split}")
    return found


def make(name: str, index: int, writers: Sequence[Writer], seed: int) -> Sample:
    """Make one picture; each has a random generator of its own."""
    rng = np.random.default_rng((seed, zlib.crc32(name.encode()), index))
    kind = KINDS[name]
    height = rng.uniform(*kind.heights_px) if kind.heights_px else 0.0
    sheet = Sheet(any_of(writers, rng), rng, height)
    return _seen(name, kind, sheet, kind.write(sheet))


def _seen(name: str, kind: Kind, sheet: Sheet, lines: Sequence[str]) -> Sample:
    """What the camera sees of a sheet that is written."""
    scene = kind.surround(sheet.finish(size=kind.size), sheet.rng)
    return Sample(
        kind=name,
        picture=scene.picture,
        mode=kind.mode,
        lines=tuple("".join(character for character in line if character.isdigit()) for line in lines),
        text="\n".join(lines),
        marks=tuple(WrittenMark(mark, scene.box(*extent.sides)) for mark, extent in sheet.marks),
        cells=tuple(
            WrittenCell(row, column, scene.box(*extent.sides), number) for row, column, extent, number in sheet.cells
        ),
        doubt_is_right=kind.doubt_is_right,
    )
