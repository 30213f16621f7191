"""Read digits and other characters that people wrote with a pen, as strokes.

They measure models, and teach the line reader.

The files are not part of the project: `--pen-dir` or `MNIST_PEN_DIR` names their
folder; the default is `../shared/pen_digits` beside the checkout.
Source: UNIPEN train_r01_v07 (Guyon et al. 1994), CC BY 4.0, doi 10.5281/zenodo.1195803.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta

from mnist_classifier.core.arrays import Doubles
from mnist_classifier.core.decodable import decodable
from mnist_classifier.core.errors import DataCorrupt, DataMissing
from mnist_classifier.data.packed_files import open_packed
from mnist_classifier.data.splits import TEST, TRAIN, VALIDATION

Strokes: TypeAlias = tuple[Doubles, ...]

DIGITS_FILE = "digits.jsonl.gz"
CHARACTERS_FILE = "characters.jsonl.gz"
# The larger file has 4.2 MB, compressed.
LARGEST_CONTENTS = 200_000_000  # bytes, once unpacked
# Of a hundred writers, the first that are for validation and for test; those before are for training.
FIRST_VALIDATION, FIRST_TEST = 60, 80


class _Row(msgspec.Struct):
    writer: str
    strokes: Annotated[list[Annotated[list[tuple[float, float]], Meta(min_length=1)]], Meta(min_length=1)]


@decodable
class _Digit(_Row):
    label: Annotated[int, Meta(ge=0, le=9)]
    lookalike: bool = False


@decodable
class _Character(_Row):
    label: str
    lookalike: bool = False


@dataclass(frozen=True, eq=False)
class PenCharacter:
    """One character: strokes of (N, 2) points, x right, y down, longer side 1000 units.

    lookalike: a person could take it for a digit.
    """

    label: str
    writer: str
    strokes: Strokes
    lookalike: bool = False


@dataclass(frozen=True, eq=False)
class PenSets:
    """Both sets: digits, with labels 0 to 9, and other characters."""

    digits: tuple[PenCharacter, ...]
    characters: tuple[PenCharacter, ...]

    @property
    def non_digits(self) -> tuple[PenCharacter, ...]:
        """The characters that do not look like a digit."""
        return tuple(character for character in self.characters if not character.lookalike)

    def of_split(self, split: str) -> PenSets:
        """What the writers of one split wrote."""
        return PenSets(
            tuple(digit for digit in self.digits if split_of(digit.writer) == split),
            tuple(character for character in self.characters if split_of(character.writer) == split),
        )


def split_of(writer: str) -> str:
    """The split of a writer: nobody is in two, so that a model chosen on one split is new to the writers of another."""
    place = int(hashlib.sha256(writer.encode()).hexdigest(), 16) % 100
    return TRAIN if place < FIRST_VALIDATION else VALIDATION if place < FIRST_TEST else TEST


def find(directories: Sequence[Path]) -> Path | None:
    """The first directory that holds both files."""
    for directory in directories:
        if all((directory / name).is_file() for name in (DIGITS_FILE, CHARACTERS_FILE)):
            return directory
    return None


def load(directories: Sequence[Path]) -> PenSets:
    """Read both sets from the first directory that has them.

    Raises DataMissing, and DataCorrupt with the file and line.
    """
    directory = find(directories)
    if directory is None:
        looked_in = ", ".join(map(str, directories)) or "any folder"
        raise DataMissing(
            f"{DIGITS_FILE} and {CHARACTERS_FILE} are not in {looked_in}; "
            "set --pen-dir or MNIST_PEN_DIR to the folder that has them"
        )
    try:
        return PenSets(
            tuple(_read(directory / DIGITS_FILE, _Digit)), tuple(_read(directory / CHARACTERS_FILE, _Character))
        )
    except DataCorrupt as error:
        raise DataCorrupt(f"{error.message}; restore the file from a copy") from None


def load_folder(folder: Path) -> PenSets:
    """Read whatever of the sets a folder holds; another file of strokes holds characters.  Raises DataCorrupt."""
    digits: list[PenCharacter] = []
    characters: list[PenCharacter] = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        if path.name == DIGITS_FILE:
            digits += _read(path, _Digit)
        else:
            characters += _read(path, _Character)
    return PenSets(tuple(digits), tuple(characters))


def _read(path: Path, kind: type[_Digit] | type[_Character]) -> Iterator[PenCharacter]:
    """Read one file with a JSON object in each line.  Raises DataCorrupt."""
    with open_packed(path, str(path)) as file:
        contents = file.read(LARGEST_CONTENTS + 1)
    if len(contents) > LARGEST_CONTENTS:
        raise DataCorrupt(f"{path} holds more than {LARGEST_CONTENTS:,} bytes, far more than a set of pen strokes")
    if not contents:
        raise DataCorrupt(f"{path} is empty")
    for number, line in enumerate(contents.splitlines(), start=1):
        try:
            row = msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataCorrupt(f"{path}, line {number}: {error}") from None
        strokes = tuple(np.array(stroke, np.float64) for stroke in row.strokes)
        yield PenCharacter(str(row.label), row.writer, strokes, row.lookalike)
