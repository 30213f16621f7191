"""Read a part and write its readings, in a process that holds the model."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mnist_classifier.cluster import contents, tables
from mnist_classifier.cluster.job import Job, Model, Output
from mnist_classifier.cluster.parts import Part
from mnist_classifier.cluster.storage import described
from mnist_classifier.cluster.tables import Columns, Origin, PartWriter
from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import (
    ClusterUnavailable,
    DataCorrupt,
    MnistError,
    ModelCorrupt,
    StorageFull,
    StorageUnreachable,
)
from mnist_classifier.core.version import __version__
from mnist_classifier.recognition import batch
from mnist_classifier.recognition.bulk import BATCH, DIGIT, Item, Reader
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import ONNX_FILE

Errors: TypeAlias = "list[tuple[Origin, MnistError]]"


@dataclass(frozen=True)
class Summary:
    """The result of one part.

    first_error: the first picture that could not be read.  problem: why the part was
    not finished.  is_fatal: no other part could be written either.
    """

    key: str
    readings: int = 0
    errors: int = 0
    skipped: bool = False
    needs_retry: bool = False
    first_error: str = ""
    problem: str = ""
    is_fatal: bool = False


class PartReader:
    """Reads parts one after the other, on one core.  Ray makes one for each core.

    Raises ClusterUnavailable if this machine has another version of the program, ModelCorrupt.
    """

    def __init__(self, job: Job, model: Model, program: str) -> None:
        if program != __version__:
            raise ClusterUnavailable(
                f"{socket.gethostname()} has version {__version__} of this program, but version {program} started the "
                "job; install the same version on all machines"
            )
        if model.sha256 != model.manifest["files"][ONNX_FILE]["sha256"]:
            raise ModelCorrupt(f"the model arrived damaged at {socket.gethostname()}; run the same command again")
        self._job = job
        self._output = Output.of(job.output)
        self._columns = Columns(job.task.mode, model)
        self._recogniser = Recogniser(model.onnx_bytes, model.manifest)
        self._reader = Reader(self._recogniser, job.task, job.thresholds, job.max_pixels, None)

    def read(self, part: Part) -> Summary:
        """Read a part, unless its readings are there already."""
        key = part.key
        if part.problem:
            return Summary(key, problem=part.problem)
        try:
            if self._output.is_complete(key):
                return Summary(key, skipped=True)
            return self._read(part, key)
        except (StorageFull, StorageUnreachable) as error:
            return Summary(key, problem=error.message, is_fatal=True)
        except Exception as error:  # one broken part must not stop the others, and file systems raise anything
            return Summary(key, problem=f"{part.urls[0]}: {described(error)}")

    def _read(self, part: Part, key: str) -> Summary:
        errors: Errors = []
        with tables.written(self._output.readings(key), self._columns.schema) as writer:
            if part.kind == "glyphs" and self._job.task.mode == DIGIT:
                self._read_glyphs(writer, part, errors)
            else:
                self._read_pictures(writer, part, errors)
            # The storage is to blame, not a picture: the part is read again next time.
            needs_retry = any(isinstance(error, StorageUnreachable) for _, error in errors)
            # The errors are written before the readings, which are the sign that the part is complete.
            self._write_errors(key, errors, needs_retry)
        if not needs_retry:
            self._output.retry(key).remove()
        return Summary(key, writer.rows, len(errors), False, needs_retry, _first(errors))

    def _write_errors(self, key: str, errors: Errors, needs_retry: bool) -> None:
        if errors:
            place = (self._output.retry if needs_retry else self._output.errors)(key)
            with tables.written(place, tables.ERRORS_SCHEMA) as writer:
                writer.add(tables.errors_table(errors))

    def _read_pictures(self, writer: PartWriter, part: Part, errors: Errors) -> None:
        items = _items(part, self._job.column, errors)
        outcomes = self._reader.digits(items) if self._job.task.mode == DIGIT else self._reader.numbers(items)
        while some := list(itertools.islice(outcomes, BATCH)):
            answers = []
            for each in some:
                origin = _origin(part, each.item)
                if isinstance(each.answer, MnistError):
                    errors.append((origin, each.answer))
                else:
                    answers.append((origin, each.answer))
            writer.add(self._columns.of_answers(answers))

    def _read_glyphs(self, writer: PartWriter, part: Part, errors: Errors) -> None:
        (url,) = part.urls
        index = part.first
        for block in _until_damage(part, errors):
            # More at once would be read on several threads, but every core has a process already.
            for start in range(0, len(block), batch.GLYPHS_PER_CALL):
                some = block[start : start + batch.GLYPHS_PER_CALL]
                readings = batch.read_glyphs(self._recogniser, some, self._job.thresholds)
                writer.add(self._columns.of_batch(url, index, some, readings))
                index += len(some)


def _items(part: Part, column: str | None, errors: Errors) -> Iterator[Item]:
    """The pictures and glyphs of a part; those that cannot be opened are added to `errors` instead."""
    if part.kind == "glyphs":
        every = itertools.chain.from_iterable(_until_damage(part, errors))
        yield from (Item(part.urls[0], glyph, index) for index, glyph in enumerate(every, part.first))
        return
    for picture in contents.pictures(part, column):
        if isinstance(picture.content, MnistError):
            errors.append((Origin(picture.source, picture.member, picture.index), picture.content))
        else:
            in_file = part.kind != "pictures"
            yield Item(picture.member or "" if in_file else picture.source, picture.content, picture.index)


def _until_damage(part: Part, errors: Errors) -> Iterator[Bytes]:
    try:
        yield from contents.glyphs(part)
    except (DataCorrupt, StorageUnreachable) as error:
        errors.append((Origin(part.urls[0]), error))


def _first(errors: Errors) -> str:
    if not errors:
        return ""
    origin, error = errors[0]
    return error.message if error.message.startswith(origin.source) else f"{origin.source}: {error.message}"


def _origin(part: Part, item: Item) -> Origin:
    if part.kind in ("tar", "parquet"):
        return Origin(part.urls[0], item.name or None, item.index)
    return Origin(item.name, None, item.index)
