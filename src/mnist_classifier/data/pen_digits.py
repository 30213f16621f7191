"""Digits and other characters as pen strokes of real people, to measure with.

The sets are not part of the project: they are looked for in `--pen-dir`,
`MNIST_PEN_DIR`, or `../shared/pen_digits` beside the checkout.
Source: UNIPEN train_r01_v07 (Guyon et al. 1994), CC BY 4.0, doi 10.5281/zenodo.1195803.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.errors import DataCorrupt, DataMissing

Strokes: TypeAlias = "tuple[npt.NDArray[np.float64], ...]"

DIGITS_FILE = "digits.jsonl.gz"
CHARACTERS_FILE = "characters.jsonl.gz"
# Unpacked, the larger file has 4.2 MB; more than this is something else.
LARGEST_CONTENTS = 200_000_000


@dataclass(frozen=True, eq=False)
class PenCharacter:
    """One character: strokes of (N, 2) points, x right, y down, longer side 1000 units."""

    label: str
    writer: str
    strokes: Strokes
    lookalike: bool = False


@dataclass(frozen=True, eq=False)
class PenSets:
    """Both sets: digits, whose label is 0 to 9, and other characters."""

    digits: tuple[PenCharacter, ...]
    characters: tuple[PenCharacter, ...]

    @property
    def non_digits(self) -> tuple[PenCharacter, ...]:
        """The characters that nobody takes for a digit."""
        return tuple(character for character in self.characters if not character.lookalike)


def find(directories: Sequence[Path]) -> Path | None:
    """The first directory that holds both files."""
    for directory in directories:
        if all((directory / name).is_file() for name in (DIGITS_FILE, CHARACTERS_FILE)):
            return directory
    return None


def load(directories: Sequence[Path]) -> PenSets:
    """Read both sets.

    Raises DataMissing when no directory has them, DataCorrupt, naming file
    and line, when one is damaged.
    """
    directory = find(directories)
    if directory is None:
        looked_in = ", ".join(map(str, directories)) or "any folder"
        raise DataMissing(
            f"there is no {DIGITS_FILE} with {CHARACTERS_FILE} in {looked_in}; "
            "--pen-dir or MNIST_PEN_DIR names the folder that has them"
        )
    return PenSets(
        tuple(read(directory / DIGITS_FILE, _digit)),
        tuple(read(directory / CHARACTERS_FILE, _character)),
    )


def read(path: Path, parse: Callable[[dict[str, Any]], PenCharacter]) -> Iterator[PenCharacter]:
    """Read one file, a JSON object a line.  Raises DataCorrupt."""
    lines = _unpack(path).splitlines()
    if not lines:
        raise DataCorrupt(f"{path} is empty")
    for number, line in enumerate(lines, start=1):
        try:
            yield parse(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise DataCorrupt(f"{path}, line {number}: {_reason(error)}; restore the file from a copy") from None


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _unpack(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            contents = file.read(LARGEST_CONTENTS + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataCorrupt(f"{path} is damaged: {error}; restore it from a copy") from None
    if len(contents) > LARGEST_CONTENTS:
        raise DataCorrupt(f"{path} holds more than {LARGEST_CONTENTS:,} bytes: this is no set of pen strokes")
    return contents


def _digit(row: dict[str, Any]) -> PenCharacter:
    label = row["label"]
    if type(label) is not int or not 0 <= label <= 9:
        raise ValueError(f"the label must be a digit, not {label!r}")
    return PenCharacter(str(label), str(row["writer"]), _strokes(row["strokes"]))


def _character(row: dict[str, Any]) -> PenCharacter:
    if type(row["lookalike"]) is not bool:
        raise ValueError(f"lookalike must be true or false, not {row['lookalike']!r}")
    return PenCharacter(str(row["label"]), str(row["writer"]), _strokes(row["strokes"]), row["lookalike"])


def _strokes(value: Any) -> Strokes:
    """Check that there are strokes, and that each is a list of points."""
    if not isinstance(value, list) or not value:
        raise ValueError("there are no strokes")
    strokes = []
    for stroke in value:
        points = np.asarray(stroke, np.float64)  # ragged lists are a ValueError
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise ValueError("a stroke must be a list of points [x, y]")
        strokes.append(points)
    return tuple(strokes)
