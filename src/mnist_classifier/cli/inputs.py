"""The input of `mnist predict`: files, folders, patterns, lists of paths and standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_classifier.core.errors import DataError, InvalidImage, MnistError
from mnist_classifier.data import glyph_files
from mnist_classifier.recognition.bulk import Item
from mnist_classifier.recognition.imaging.sources import read_file

STDIN = "-"
# Endings of the files to read in a folder; a file named by the user may have any.
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
GLYPHS = (".npy", "idx3-ubyte", ".npy.gz", "idx3-ubyte.gz")


@dataclass(frozen=True)
class Found:
    """A file to read, or the reason why there is none."""

    name: str
    problem: str = ""


@dataclass(frozen=True)
class Inputs:
    """The files that the arguments and a list name, in that order; those of a folder sorted by name.

    Names are not kept in memory, so there may be any number. Only arguments may
    be patterns. A list from a pipe can be iterated only once.
    """

    arguments: Sequence[str]
    listed: Iterable[str] = ()

    def __iter__(self) -> Iterator[Found]:
        for argument in self.arguments:
            # Windows shells leave patterns to the program.
            is_pattern = argument != STDIN and glob.has_magic(argument) and not os.path.lexists(argument)
            yield from _matches(argument) if is_pattern else _files(argument)
        for line in self.listed:
            if name := line.rstrip("\r\n"):
                yield from _files(name)

    def count(self) -> int:
        """The number of files; walks all folders."""
        return sum(1 for _ in self)


def _matches(pattern: str) -> Iterator[Found]:
    """The files of a pattern.  `**` matches the files in subfolders, so the subfolders themselves are skipped."""
    names = sorted(glob.glob(pattern, recursive=True))
    if "**" in pattern:
        names = [name for name in names if not os.path.isdir(name)]
    if not names:
        yield Found(pattern, "no file matches this pattern")
    for name in names:
        yield from _files(name)


def _files(name: str) -> Iterator[Found]:
    if name == STDIN or not os.path.isdir(name):
        yield Found(name)
        return
    is_empty = True
    for found in _walk(name):
        is_empty = False
        yield found
    if is_empty:
        yield Found(name, f"the folder has no pictures ({', '.join(PICTURES)}) and no glyphs ({', '.join(GLYPHS)})")


def _walk(folder: str) -> Iterator[Found]:
    problems: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=problems.append):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for file in sorted(files):
            # Skip hidden files: macOS writes `._seven.png` beside seven.png.
            if not file.startswith(".") and file.lower().endswith(PICTURES + GLYPHS):
                yield Found(str(Path(parent, file)))
    for problem in problems:
        yield Found(str(problem.filename), f"cannot be opened: {problem.strerror}")


# --- contents ----------------------------------------------------------------------------------------


def items_of(inputs: Inputs) -> Iterator[Item]:
    """The pictures and glyphs in the files; a file may hold many glyphs."""
    for number, found in enumerate(inputs, 1):
        if found.problem:
            yield Item(found.name, InvalidImage(found.problem), file_number=number)
        elif found.name == STDIN:
            data = sys.stdin.buffer.read()
            if glyph_files.is_glyphs(data):
                yield from _glyphs(STDIN, data, number)
            else:
                yield Item(STDIN, data, file_number=number)
        elif glyph_files.is_glyph_file(Path(found.name)):
            yield from _glyphs(found.name, Path(found.name), number)
        else:
            yield Item(found.name, _picture(found.name), file_number=number)


def _picture(name: str) -> bytes | MnistError:
    try:
        return read_file(name)
    except InvalidImage as error:
        return error


def _glyphs(name: str, source: Path | bytes, file_number: int) -> Iterator[Item]:
    index = 0
    try:
        for block in glyph_files.blocks(source, name):
            for glyph in block:
                yield Item(name, glyph, index, file_number)
                index += 1
    except DataError as error:
        yield Item(name, error, file_number=file_number)
