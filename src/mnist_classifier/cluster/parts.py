"""Divide the inputs into parts: the unit of work, of repetition and of output.

A part is some hundred pictures of a folder, a tar archive, some row groups of a
Parquet file, or a slice of a file of glyphs.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow.parquet as pq

from mnist_classifier.cluster.storage import Place, described
from mnist_classifier.core.errors import MnistError
from mnist_classifier.data import glyph_files
from mnist_classifier.recognition.imaging.sources import ENDINGS as PICTURES

GLYPHS = glyph_files.ENDINGS
TARS = (".tar", ".tar.gz", ".tgz")
PARQUET = (".parquet",)
# A core reads this many drawings in half a second, photographs in 20 s.  Smaller parts cost Ray more time: for 1,000
# drawings in a part, 15 % of the processor's time were Ray's.
PICTURES_PER_PART = 2000
ROWS_PER_PART = 2000
GLYPHS_PER_PART = 20_000

Kind = Literal["pictures", "tar", "parquet", "glyphs"]


@dataclass(frozen=True)
class Part:
    """A part of the inputs.

    urls: its pictures, or the one file.  versions: the size and the time, or the
    ETag, of each of them.  first, stop: its row groups or glyphs; without a
    stop, all of the file.  first_row: the number of its first row in the file.
    problem: why an input cannot be divided; such a part has no contents.
    """

    kind: Kind
    urls: Sequence[str]
    versions: Sequence[str]
    first: int = 0
    stop: int | None = None
    first_row: int = 0
    problem: str = ""

    @property
    def key(self) -> str:
        """A name that changes with the contents of the part and with nothing else."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:24]

    def to_json(self) -> str:
        """The part as text.  ASCII, because file names may have bytes that are not UTF-8."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Part:
        """The part that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class File:
    """A file of the input; its version is looked up when it is needed, if the listing does not have it.

    error: why this file or folder cannot be listed.
    """

    place: Place
    version: str | None = None
    error: Exception | None = None

    def facts(self) -> tuple[str, str]:
        """URL and version.  Raises any exception."""
        if self.error is not None:
            raise self.error
        return self.place.url, self.version or _version(self.place.system.info(self.place.path))


def parts_of(source: str) -> Iterator[Part]:
    """The parts of an input: a file, a folder or a pattern.  They are found one after the other.

    A file or folder that cannot be listed becomes a part with a `problem`, so that the others are read.
    """
    try:
        is_empty = True
        for part in _divided(_files(source)):
            is_empty = False
            yield part
        if is_empty:
            yield _failed(source, MnistError("it holds no picture, tar, Parquet or glyph file"))
    except Exception as error:  # file systems have no common class of exceptions
        yield _failed(source, error)


def _failed(url: str, error: Exception) -> Part:
    problem = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {described(error)}"
    return Part("pictures", (url,), (), problem=f"{url} {problem}")


def kind_of(path: str) -> Kind:
    """What a file holds, judged by its name."""
    name = path.lower()
    if name.endswith(TARS):
        return "tar"
    if name.endswith(PARQUET):
        return "parquet"
    return "glyphs" if name.endswith(GLYPHS) else "pictures"


# --- listing ------------------------------------------------------------------------------------------


def _files(source: str) -> Iterator[File]:
    place = Place.of(source)
    if glob.has_magic(place.path) and not place.system.exists(place.path):
        matches = [path for path in sorted(place.system.glob(place.path)) if not _is_hidden(path, place.path)]
        if not matches:
            raise MnistError("no file matches this pattern")
        for path in matches:
            if "**" not in place.path or place.system.isfile(path):
                yield from _below(place.at(path))
    else:
        yield from _below(place)


def _is_hidden(path: str, pattern: str) -> bool:
    """Whether a name that `pattern` does not spell out begins with a dot; fsspec's patterns match those too."""
    first = fixed_folder(pattern).count("/") + 1
    found, wanted = path.split("/")[first:], pattern.split("/")[first:]
    return any(map(_begins_with_dot, found)) and not any(map(_begins_with_dot, wanted))


def _begins_with_dot(name: str) -> bool:
    return name.startswith(".")


def fixed_folder(pattern: str) -> str:
    """The folder below which a pattern matches."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0]


def _below(place: Place) -> Iterator[File]:
    """The file itself, or the files in the folder: first its own, then those of its folders, each sorted by name."""
    try:
        is_folder = place.system.isdir(place.path)
        itself = None if is_folder else File(place, _version(place.system.info(place.path)))
        files, folders = _entries(place) if is_folder else ({}, [])
    except Exception as error:  # file systems have no common class of exceptions
        itself, files, folders = File(place, error=error), {}, []
    if itself is not None:
        yield itself
    yield from (File(place / name, files[name]) for name in sorted(files))
    for name in sorted(folders):
        yield from _below(place / name)


def _entries(folder: Place) -> tuple[dict[str, str | None], list[str]]:
    """The names of the visible files to read, with their versions if known, and of the visible folders.

    Links to folders are not followed.
    """
    entries: list[tuple[str, bool, str | None]]
    if folder.is_local:
        # fsspec would keep a kilobyte for each file, and a folder may have a million.
        with os.scandir(folder.path) as found:
            entries = [(each.name, each.is_dir(follow_symlinks=False), None) for each in found]
    else:
        facts = folder.system.ls(folder.path, detail=True)
        entries = [(_name(each["name"]), each["type"] == "directory", _version(each)) for each in facts]
    shown = [each for each in entries if each[0] and not _begins_with_dot(each[0])]
    files = {name: version for name, is_folder, version in shown if not is_folder and _is_readable(name)}
    return files, [name for name, is_folder, _ in shown if is_folder]


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _is_readable(name: str) -> bool:
    return name.lower().endswith(PICTURES + GLYPHS + TARS + PARQUET)


def _version(facts: dict[str, Any]) -> str:
    """Changes when the file does."""
    changed = next(
        (facts[name] for name in ("ETag", "etag", "mtime", "LastModified", "updated") if facts.get(name)), ""
    )
    return f"{facts.get('size')} {changed}"


# --- dividing -----------------------------------------------------------------------------------------


def _divided(files: Iterable[File]) -> Iterator[Part]:
    for is_picture, group in itertools.groupby(files, lambda file: kind_of(file.place.path) == "pictures"):
        if is_picture:
            while chunk := list(itertools.islice(group, PICTURES_PER_PART)):
                yield from _parts_of_pictures(chunk)
        else:
            for file in group:
                yield from _parts_of_file(file)


def _parts_of_pictures(files: Iterable[File]) -> Iterator[Part]:
    facts = []
    for file in files:
        try:
            facts.append(file.facts())
        except Exception as error:  # deleted since it was listed, for example
            yield _failed(file.place.url, error)
    if facts:
        urls, versions = zip(*facts, strict=True)
        yield Part("pictures", urls, versions)


def _parts_of_file(file: File) -> Iterator[Part]:
    try:
        url, version = file.facts()
    except Exception as error:
        yield _failed(file.place.url, error)
        return
    kind = kind_of(url)
    whole = Part(kind, (url,), (version,))
    if kind == "tar":
        yield whole
        return
    try:
        cuts = _row_groups(file.place) if kind == "parquet" else _slices(file.place)
    except Exception:  # whoever reads the part finds the same damage and reports it
        cuts = []
    for first, stop, first_row in cuts:
        yield dataclasses.replace(whole, first=first, stop=stop, first_row=first_row)
    if not cuts:
        yield whole


def _row_groups(place: Place) -> list[tuple[int, int, int]]:
    """Row groups from, to, and the first row; those of few rows are taken together."""
    with place.open() as file, pq.ParquetFile(file) as opened:
        rows = [opened.metadata.row_group(each).num_rows for each in range(opened.num_row_groups)]
    cuts, first, first_row = [], 0, 0
    for stop in range(1, len(rows) + 1):
        count = sum(rows[first:stop])
        if count >= ROWS_PER_PART or stop == len(rows):
            cuts.append((first, stop, first_row))
            first, first_row = stop, first_row + count
    return cuts


def _slices(place: Place) -> list[tuple[int, int, int]]:
    count = glyph_files.sliceable_count(place.open(), place.url)
    return [(first, min(first + GLYPHS_PER_PART, count), first) for first in range(0, count, GLYPHS_PER_PART)]
