"""Read the input of `mnist predict`: glyphs in threads; pictures in this process, and in several if there are many.

The network takes nearly all of the time of a glyph, and runs without Python's lock; most of a picture's time needs it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnist_classifier.cli import output
from mnist_classifier.cli.block_lines import FORMATS, block_lines
from mnist_classifier.cli.inputs import Part, items_of, stamp
from mnist_classifier.cli.output import Row
from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.version import __version__
from mnist_classifier.recognition.batch import read_glyphs
from mnist_classifier.recognition.bulk import DIGIT, Outcome, Reader, Task
from mnist_classifier.recognition.numbers.line_reader import FOLDER as LINE_READER_DIR
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.line_manifest import read_line_manifest

# Starting a process costs about half a second of processor time, so only longer work is shared.
ALONE_S = 0.5
# How long a chunk of the input should take.  Shorter ones would cost more than a hundredth of the time to hand over.
CHUNK_S = 0.1
# Blocks of glyphs for each thread that are being read, or wait to be written.
WAITING_BLOCKS = 4
# The most pictures in a chunk, and how long to wait for them.
MOST_AT_ONCE, WAIT_S = 256, 0.5


@dataclass(frozen=True)
class Result:
    """What came of some parts.

    text: lines of output in UTF-8.  errors: name and message of each picture or
    file that could not be read.  file_number: of the last file, from 1.
    size: the number of pictures and glyphs.  stamps:
    those of the parts, one after the other.
    """

    text: bytes
    errors: Sequence[tuple[str, str]]
    file_number: int
    size: int = 1
    parts: int = 1
    stamps: bytes = b""


@dataclass(frozen=True)
class Work:
    """What to do with each part; may be sent to another process.

    folder: of the model version.
    """

    folder: Path
    task: Task
    thresholds: Mapping[str, float]
    max_pixels: int
    steps_dir: Path | None
    format: str

    def open(self) -> PartReader:
        """Load the model.  Raises ModelMissing, ModelCorrupt."""
        return PartReader(self)


class PartReader:
    """Reads parts in this process."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._recogniser = Recogniser.open(work.folder)
        self._reader = Reader(self._recogniser, work.task, work.thresholds, work.max_pixels, work.steps_dir)
        self._takes_blocks = work.task.mode == DIGIT and work.format in FORMATS

    def settings(self) -> dict[str, Any]:
        """Everything that decides the output besides the input, by names for messages."""
        work = self.work
        # One digit too: a picture that shows several is read as a number.
        line_reader = read_line_manifest(LINE_READER_DIR)
        return {
            "program version": __version__,
            "model version": (self._recogniser.manifest["name"], _digest(self._recogniser.manifest)),
            "task (--number, --fields, --length, --pattern, --allowed)": (work.task, _digest(line_reader)),
            "threshold": dict(work.thresholds),
            "limit of image sizes": work.max_pixels,
            "format": work.format,
        }

    def read(self, parts: Sequence[Part]) -> Result:
        """Read some parts, at least one, in their order."""
        stamps = b"".join(map(stamp, parts))  # first, so that a file that changes meanwhile is noticed
        results = [
            result
            for is_block, some in itertools.groupby(parts, self.is_block)
            for result in (map(self._read_block, some) if is_block else [self._read_items(some)])
        ]
        errors = [error for result in results for error in result.errors]
        text = b"".join(result.text for result in results)
        return Result(text, errors, parts[-1].file_number, sum(map(len, parts)), len(parts), stamps)

    def is_block(self, part: Part) -> bool:
        """Whether a part has glyphs that are read together."""
        return self._takes_blocks and isinstance(part.content, np.ndarray)

    def _read_items(self, parts: Iterable[Part]) -> Result:
        items = itertools.chain.from_iterable(map(items_of, parts))
        return result_of(self._reader.read(items), self.work.format)

    def _read_block(self, part: Part) -> Result:
        assert isinstance(part.content, np.ndarray)
        # Another thread uses the next core.
        batch = read_glyphs(self._recogniser, part.content, self.work.thresholds, most_threads=1)
        text = block_lines(self.work.format, part.name, part.index or 0, part.content, batch)
        return Result(text, (), part.file_number)


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def result_of(outcomes: Iterable[Outcome], format: str) -> Result:
    """Outcomes as lines and errors."""
    lines: list[str] = []
    errors: list[tuple[str, str]] = []
    file_number = 0
    for outcome in outcomes:
        item, answer = outcome.item, outcome.answer
        file_number = item.file_number
        if isinstance(answer, MnistError):
            errors.append((item.name, answer.message))
        else:
            lines += output.lines(format, Row(item.name, answer, item.index))
    return Result(output.encoded(lines), errors, file_number)


class Chunks:
    """Parts, some at a time: as many as take about CHUNK_S together."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = iter(parts)
        self._size = 1

    def __iter__(self) -> Iterator[list[Part]]:
        while chunk := self._next():
            yield chunk

    def _next(self) -> list[Part]:
        chunk: list[Part] = []
        size, started = 0, time.monotonic()
        for part in self._parts:
            chunk.append(part)
            size += len(part)
            if size >= self._size or time.monotonic() - started > WAIT_S:
                break
        return chunk

    def learn(self, chunk: Sequence[Part], elapsed_s: float) -> None:
        """Adapt the size to the time that a chunk took."""
        size = sum(map(len, chunk))
        wanted = int(size * CHUNK_S / max(elapsed_s, 1e-6))
        self._size = min(max(1, wanted), 4 * size, MOST_AT_ONCE)


def read_parts(parts: Iterable[Part], here: PartReader, jobs: int) -> Iterator[Result]:
    """Read parts with at most `jobs` threads or processes; yields results in the order of the parts.

    here: reads glyphs and the first pictures, in this process.
    Raises MnistError if the steps cannot be written, or processes keep dying.
    """
    for is_block, some in itertools.groupby(parts, here.is_block):
        yield from (_read_blocks if is_block else _read_pictures)(some, here, jobs)


def _read_blocks(parts: Iterable[Part], here: PartReader, jobs: int) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(jobs, "glyphs")
    try:
        for part in parts:
            waiting.append(pool.submit(here.read, [part]))
            if len(waiting) >= WAITING_BLOCKS * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, nobody wants the blocks that wait


def _read_pictures(parts: Iterable[Part], here: PartReader, jobs: int) -> Iterator[Result]:
    chunks = Chunks(parts)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        pool = None
        for chunk in (waiting := iter(chunks)):
            if pool is None and jobs > 1 and time.monotonic() - started > ALONE_S:
                # Imported here, because most commands read one picture.
                from mnist_classifier.cli.pool import Pool

                pool = stack.enter_context(Pool(here.work, jobs))
            if pool is not None and pool.is_ready():
                yield from pool.read(itertools.chain([chunk], waiting), chunks.learn)
                return
            begun = time.perf_counter()
            result = here.read(chunk)
            chunks.learn(chunk, time.perf_counter() - begun)
            yield result
