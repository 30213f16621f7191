"""Read many pictures and glyphs, and name those that cannot be read."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.core.errors import DataError, ImageTooLarge, InvalidImage, InvalidInput, MnistError
from mnist_classifier.core.files import disk_errors
from mnist_classifier.core.records import NumberReading, Reading
from mnist_classifier.recognition.imaging.decode import decode_with_scale, encode_png
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare, prepared_glyph
from mnist_classifier.recognition.numbers.expected import Expected, Field
from mnist_classifier.recognition.numbers.looks import NUMBER_SIDE_PX
from mnist_classifier.recognition.numbers.several import lightened
from mnist_classifier.recognition.recogniser import Recogniser

# What is read in a picture.
DIGIT, NUMBER, FORM = "digit", "number", "form"
# Pictures that the network reads together, and how long to wait for them.
BATCH, BATCH_S = 256, 0.5
# Read them earlier if the kept pictures, those that may show several digits, have more than this many bytes.
MOST_HELD_BYTES = 16_000_000
Result = TypeVar("Result")


@dataclass(frozen=True)
class Item:
    """A picture (the bytes of its file), a glyph, or an error.

    index: counts the glyphs of a file from 0; file_number: counts the files from 1.
    """

    name: str
    content: bytes | Bytes | MnistError
    index: int | None = None
    file_number: int = 0


@dataclass(frozen=True)
class FormReading:
    """The readings of the fields of a form."""

    fields: Sequence[Field]
    readings: Sequence[NumberReading]

    def pairs(self) -> Iterator[tuple[Field, NumberReading]]:
        """Each field with its reading."""
        return zip(self.fields, self.readings, strict=True)


Answer = Reading | NumberReading | FormReading


@dataclass(frozen=True)
class Task:
    """What to read in each picture: a digit, a number that is like `expected`, or the fields of a form."""

    mode: str
    expected: Expected
    fields: Sequence[Field]


@dataclass(frozen=True)
class Outcome:
    """An item with its reading, or the reason why it was not read."""

    item: Item
    answer: Answer | MnistError


@dataclass(frozen=True)
class Reader:
    """Reads items in this process."""

    recogniser: Recogniser
    task: Task
    thresholds: Mapping[str, float]
    max_pixels: int
    steps_dir: Path | None

    def read(self, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read each item as the task says; the outcomes have the order of the items."""
        return self.digits(items) if self.task.mode == DIGIT else self.numbers(items)

    def digits(self, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read one digit per item, in batches."""
        batch: list[tuple[Item, Prepared | MnistError]] = []
        started, held_bytes = time.monotonic(), 0
        for item in items:
            ready = attempt(self._prepare, item)
            if isinstance(ready, Prepared) and ready.picture is not None:
                held_bytes += ready.picture.nbytes
            # Drop the file's bytes, because a batch of large files would fill the memory.
            batch.append((dataclasses.replace(item, content=b""), ready))
            if len(batch) >= BATCH or held_bytes > MOST_HELD_BYTES or time.monotonic() - started > BATCH_S:
                yield from self._batch(batch)
                batch, started, held_bytes = [], time.monotonic(), 0
        yield from self._batch(batch)

    def _batch(self, batch: Sequence[tuple[Item, Prepared | MnistError]]) -> Iterator[Outcome]:
        prepared = [ready for _, ready in batch if isinstance(ready, Prepared)]
        readings = iter(self.recogniser.read_many_prepared(prepared, self.thresholds))
        for item, ready in batch:
            yield Outcome(item, next(readings) if isinstance(ready, Prepared) else ready)

    def _prepare(self, item: Item) -> Prepared:
        if isinstance(item.content, np.ndarray):
            return prepared_glyph(item.content)
        pixels, _ = decode_with_scale(whole_picture(item), max_pixels=self.max_pixels)
        prepared = prepare(pixels, keep_steps=self.steps_dir is not None)
        if self.steps_dir is not None:
            _write_steps(self.steps_dir, f"{item.file_number}-{Path(item.name).stem}", prepared)
        return lightened(prepared)

    def numbers(self, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read several digits per item."""
        read = self._form if self.task.mode == FORM else self._number
        for item in items:
            yield Outcome(item, attempt(read, item))

    def _number(self, item: Item) -> Answer:
        picture = whole_picture(item)
        pixels, scale = decode_with_scale(picture, max_pixels=self.max_pixels, side_px=NUMBER_SIDE_PX)
        reading = self.recogniser.read_number(pixels, thresholds=self.thresholds, expected=self.task.expected)
        return reading.scaled(scale)

    def _form(self, item: Item) -> Answer:
        fields = self.task.fields
        readings = self.recogniser.each_field(whole_picture(item), fields, self.thresholds, self.max_pixels)
        return FormReading(fields, list(readings))


def attempt(read: Callable[[Item], Result], item: Item) -> Result | MnistError:
    """The result of `read`, or the error if the item is no readable picture."""
    try:
        return read(item)
    except (InvalidImage, ImageTooLarge, DataError) as error:
        return error
    except InvalidInput as error:
        # The form is right, but this picture is too small or too large for it.
        if not (error.field or "").startswith("fields"):
            raise
        return error


def _write_steps(folder: Path, prefix: str, prepared: Prepared) -> None:
    """Write the preprocessing steps as PREFIX-1-grey.png and so on."""
    with disk_errors(f"the steps were not written to {folder}", MnistError):
        folder.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(prepared.steps, 1):
            (folder / f"{prefix}-{number}-{step.name}.png").write_bytes(encode_png(step.picture))


def whole_picture(item: Item) -> bytes:
    """The bytes of the picture; a glyph becomes a PNG.  Raises the error of the item, if it has one."""
    if isinstance(item.content, MnistError):
        raise item.content
    return item.content if isinstance(item.content, bytes) else encode_png(item.content)
