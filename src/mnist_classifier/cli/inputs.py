"""The input of `mnist predict`: files, folders, patterns, lists of paths and standard input."""

from __future__ import annotations

import glob
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import DataError, InvalidImage, MnistError
from mnist_classifier.data import glyph_files
from mnist_classifier.recognition.bulk import Item
from mnist_classifier.recognition.imaging.sources import ENDINGS as PICTURES
from mnist_classifier.recognition.imaging.sources import read_file

STDIN = "-"
GLYPHS = glyph_files.ENDINGS
# Files that only Ray's engine reads.
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".parquet")


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
        """The number of pictures and glyphs; walks all folders and opens files of glyphs."""
        return sum(glyph_files.count(Path(found.name)) if _has_glyphs(found) else 1 for found in self)


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
        yield Found(name, "" if name == STDIN else _needs_ray(name))
        return
    is_empty = True
    for found in _walk(name):
        is_empty = False
        yield found
    if is_empty:
        yield Found(name, f"the folder has no pictures ({', '.join(PICTURES)}) and no glyphs ({', '.join(GLYPHS)})")


def _needs_ray(name: str) -> str:
    """Why only Ray's engine reads this; empty if every engine may."""
    is_url = "://" in name and not os.path.lexists(name)
    what = "a URL" if is_url else "an archive" if name.lower().endswith(ARCHIVES) else ""
    return f"is {what}; add --engine ray and a folder for --output to read it" if what else ""


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


@dataclass(frozen=True)
class Part:
    """A picture, or some glyphs of a file.

    content: None for a picture file that is still to be opened; the bytes of a
    picture; (N, 28, 28) uint8 glyphs; or an error.  index: of the first glyph
    in its file.  file_number: counts the files from 1.
    """

    name: str
    file_number: int
    content: None | bytes | Bytes | MnistError = None
    index: int | None = None

    def __len__(self) -> int:
        """The number of pictures or glyphs."""
        return len(self.content) if isinstance(self.content, np.ndarray) else 1


def stamp(part: Part) -> bytes:
    """Name, place, size and time of a part: they differ if its file has changed."""
    content = part.content
    try:
        facts = os.stat(part.name)
        state = f"{facts.st_size} {facts.st_mtime_ns}".encode()
    except (OSError, ValueError):  # ValueError: a null byte in the name
        state = b"-"
    if part.name == STDIN and isinstance(content, bytes | np.ndarray):
        state = hashlib.sha256(bytes(content)).digest()
    return b"%b\0%d\0%b\n" % (os.fsencode(part.name), part.index or 0, state)


def parts_of(inputs: Inputs, glyphs_at_once: int = glyph_files.GLYPHS_AT_ONCE) -> Iterator[Part]:
    """The pictures in the files, and their glyphs, at most `glyphs_at_once` together; pictures are not opened."""
    for number, found in enumerate(inputs, 1):
        if found.problem:
            yield Part(found.name, number, InvalidImage(found.problem))
        elif found.name == STDIN:
            data = sys.stdin.buffer.read()
            is_picture = not glyph_files.is_glyphs(data)
            yield from (Part(STDIN, number, data),) if is_picture else _glyphs(STDIN, data, number, glyphs_at_once)
        elif _has_glyphs(found):
            yield from _glyphs(found.name, Path(found.name), number, glyphs_at_once)
        else:
            yield Part(found.name, number)


def _has_glyphs(found: Found) -> bool:
    """Whether a file holds glyphs, which go to the processes in blocks.

    Pictures are not opened here: on several cores that would take as long as reading them.
    """
    is_file = not found.problem and found.name != STDIN
    return is_file and not found.name.lower().endswith(PICTURES) and glyph_files.is_glyph_file(Path(found.name))


def _glyphs(name: str, source: Path | bytes, file_number: int, at_once: int) -> Iterator[Part]:
    index = 0
    try:
        for block in glyph_files.blocks(source, name):
            for start in range(0, len(block), at_once):
                glyphs = block[start : start + at_once]
                yield Part(name, file_number, glyphs, index)
                index += len(glyphs)
    except DataError as error:
        yield Part(name, file_number, error)


def items_of(part: Part) -> Iterator[Item]:
    """The items of a part; opens its file."""
    if isinstance(part.content, np.ndarray):
        for index, glyph in enumerate(part.content, part.index or 0):
            yield Item(part.name, glyph, index, part.file_number)
        return
    content = _picture(part.name) if part.content is None else part.content
    # The name of the file says picture, but its first bytes say glyphs.
    if part.content is None and isinstance(content, bytes) and glyph_files.is_glyphs(content):
        for glyphs in _glyphs(part.name, content, part.file_number, glyph_files.GLYPHS_AT_ONCE):
            yield from items_of(glyphs)
    else:
        yield Item(part.name, content, file_number=part.file_number)


def _picture(name: str) -> bytes | MnistError:
    try:
        return read_file(name)
    except InvalidImage as error:
        return error
