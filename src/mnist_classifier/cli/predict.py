"""`mnist predict`: read pictures and glyphs, in this process or with a server."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
from tqdm import tqdm

from mnist_classifier.cli import output as listing
from mnist_classifier.cli.command import Command
from mnist_classifier.cli.inputs import STDIN, Inputs, Item, items_of
from mnist_classifier.cli.output import Answer, Row
from mnist_classifier.client.client import Client
from mnist_classifier.core.errors import (
    DataError,
    ImageTooLarge,
    InvalidImage,
    MnistError,
    ServerError,
    ServerUnreachable,
)
from mnist_classifier.core.files import disk_errors
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.imaging.decode import decode_with_scale, encode_png
from mnist_classifier.recognition.imaging.preprocess import Prepared, prepare, prepared_glyph
from mnist_classifier.recognition.recogniser import Recogniser

# Pictures that the network reads together, and how long to wait for them.
BATCH, BATCH_S = 256, 0.5
DIGIT, NUMBER = MODES = ("digit", "number")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """An item with its reading, or the reason why it was not read."""

    item: Item
    answer: Answer | MnistError


@click.command(cls=Command)
@click.argument("files", nargs=-1)
@click.option("--files-from", metavar="FILE", help="Read the files listed in FILE, one per line; - for standard input.")
@click.option(
    "--mode", type=click.Choice(MODES), default=DIGIT, show_default=True, help="Read one digit per picture, or several."
)
@click.option("--number", "mode", flag_value=NUMBER, help="Short for --mode number.")
@click.option(
    "--format",
    type=click.Choice(listing.FORMATS),
    help="Output format.  [default: table on a terminal, else jsonl; with --output, from its suffix]",
)
@click.option("--json", "format", flag_value=listing.JSON_LINES, help="Short for --format jsonl.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, once all pictures are read.",
)
@click.option("--model-version", type=click.IntRange(0), help="Model version to use.  [default: production]")
@click.option(
    "--ambiguous-below",
    type=click.FloatRange(0, 1),
    help="Answer `ambiguous` if the confidence is lower than this.",
)
@click.option(
    "--not-a-digit-above",
    type=click.FloatRange(0, 1),
    help="Answer `not_a_digit` if the probability of no digit is higher than this.",
)
@click.option("--url", help="Send the pictures to this server, such as http://127.0.0.1:5000.")
@click.option(
    "--steps",
    "steps_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write each preprocessing step to this folder, as PNG files.",
)
def predict(
    files: Sequence[str],
    files_from: str | None,
    mode: str,
    format: str | None,
    output: Path | None,
    url: str | None,
    steps_dir: Path | None,
    model_version: int | None,
    **thresholds: float | None,
) -> None:
    """Read the digit in each picture.

    FILES are pictures, folders (searched recursively), patterns such as
    "scans/**/*.png", or files of 28x28 glyphs (IDX or .npy, also .gz). Use -
    to read one picture or glyph file from standard input.

    Exit status: 0 if all files were read, 1 if some were not or the command
    failed, 2 if the arguments are wrong.
    """
    if steps_dir is not None and (mode == NUMBER or url is not None):
        raise click.UsageError("--steps does not work with --number or --url; leave them out")
    if not files and files_from is None:
        raise click.UsageError("no files given; name files, folders or patterns, or - for standard input")
    if files_from == STDIN and STDIN in files:
        raise click.UsageError("standard input cannot be both a picture (-) and a list (--files-from -)")
    chosen = {name: value for name, value in thresholds.items() if value is not None}
    with contextlib.ExitStack() as stack:
        inputs = Inputs(files, stack.enter_context(_opened_list(files_from)))
        bar = stack.enter_context(_progress_bar(inputs, output, counts=files_from is None))
        items = _watched(items_of(inputs), bar)
        settings = Settings.from_environment()
        if url is not None:
            client = stack.enter_context(Client(url, token=settings.token or None))
            outcomes = _ask_server(client, items, mode, {"version": model_version, **chosen})
        else:
            reader = _Reader(Recogniser.load(model_version, settings), chosen, settings.max_image_pixels, steps_dir)
            outcomes = reader.numbers(items) if mode == NUMBER else reader.digits(items)
        failures = _write(outcomes, format or _format(output), output, numbers=mode == NUMBER)
    if failures:
        files = "file" if failures == 1 else "files"
        raise click.ClickException(f"{failures:,} {files} could not be read")


def _format(output: Path | None) -> str:
    if output is not None:
        return listing.SUFFIXES.get(output.suffix.lower(), listing.JSON_LINES)
    return listing.TABLE if sys.stdout.isatty() else listing.JSON_LINES


def _write(outcomes: Iterable[Outcome], format: str, output: Path | None, *, numbers: bool) -> int:
    """Write the readings, and errors to standard error; returns the number of errors."""
    failures = 0
    with listing.opened(output) as write:
        if first := listing.header(format, numbers=numbers):
            write(first)
        for outcome in outcomes:
            item, answer = outcome.item, outcome.answer
            if isinstance(answer, MnistError):
                failures += 1
                named = answer.message if answer.message.startswith(item.name) else f"{item.name}: {answer.message}"
                tqdm.write(listing.shown(named), file=sys.stderr)
            else:
                write(listing.line(format, Row(item.name, answer, item.index)))
    return failures


def _progress_bar(inputs: Inputs, output: Path | None, *, counts: bool) -> tqdm[Any]:
    """A bar of files, hidden if the readings go to the same terminal."""
    shows = sys.stderr.isatty() and (output is not None or not sys.stdout.isatty())
    total = inputs.count() if shows and counts else None
    return tqdm(total=total, unit=" files", leave=False, disable=not shows, file=sys.stderr)


def _watched(items: Iterable[Item], bar: tqdm[Any]) -> Iterator[Item]:
    """The items; each moves the bar."""
    for item in items:
        bar.update(item.file_number - bar.n)
        yield item


@contextlib.contextmanager
def _opened_list(files_from: str | None) -> Iterator[Iterable[str]]:
    if files_from is None:
        yield ()
        return
    with disk_errors(f"could not read {files_from}", click.ClickException):
        # A file name may have bytes that are not UTF-8.
        lines = click.open_file(files_from, encoding="utf-8", errors="surrogateescape")
    with lines:
        yield lines


# --- in this process --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reader:
    """Reads items in this process."""

    recogniser: Recogniser
    thresholds: Mapping[str, float]
    max_pixels: int
    steps_dir: Path | None

    def digits(self, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read one digit per item, in batches."""
        batch: list[tuple[Item, Prepared | MnistError]] = []
        started = time.monotonic()
        for item in items:
            ready = _attempt(self._prepare, item)
            # Drop the file's bytes, because a batch of large files would fill the memory.
            batch.append((dataclasses.replace(item, content=b""), ready))
            if len(batch) >= BATCH or time.monotonic() - started > BATCH_S:
                yield from self._batch(batch)
                batch, started = [], time.monotonic()
        yield from self._batch(batch)

    def _batch(self, batch: Sequence[tuple[Item, Prepared | MnistError]]) -> Iterator[Outcome]:
        prepared = [ready for _, ready in batch if isinstance(ready, Prepared)]
        readings = iter(self.recogniser.read_many_prepared(prepared, self.thresholds))
        for item, ready in batch:
            yield Outcome(item, next(readings) if isinstance(ready, Prepared) else ready)

    def _prepare(self, item: Item) -> Prepared:
        if isinstance(item.content, np.ndarray):
            return prepared_glyph(item.content)
        pixels, _ = decode_with_scale(_whole_picture(item), max_pixels=self.max_pixels)
        prepared = prepare(pixels, keep_steps=self.steps_dir is not None)
        if self.steps_dir is not None:
            _write_steps(self.steps_dir, f"{item.file_number}-{Path(item.name).stem}", prepared)
        return dataclasses.replace(prepared, steps=())

    def numbers(self, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read several digits per item."""
        for item in items:
            yield Outcome(item, _attempt(self._number, item))

    def _number(self, item: Item) -> Answer:
        pixels, scale = decode_with_scale(_whole_picture(item), max_pixels=self.max_pixels)
        return self.recogniser.read_number(pixels, thresholds=self.thresholds).scaled(scale)


def _attempt(read: Callable[[Item], Result], item: Item) -> Result | MnistError:
    """The result of `read`, or the error if the item is no readable picture."""
    try:
        return read(item)
    except (InvalidImage, ImageTooLarge, DataError) as error:
        return error


def _write_steps(folder: Path, prefix: str, prepared: Prepared) -> None:
    """Write the preprocessing steps as PREFIX-1-grey.png and so on."""
    with disk_errors(f"the steps were not written to {folder}", click.ClickException):
        folder.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(prepared.steps, 1):
            (folder / f"{prefix}-{number}-{step.name}.png").write_bytes(encode_png(step.picture))


def _whole_picture(item: Item) -> bytes:
    """The bytes of the picture; a glyph becomes a PNG.  Raises the error of the item, if it has one."""
    if isinstance(item.content, MnistError):
        raise item.content
    return item.content if isinstance(item.content, bytes) else encode_png(item.content)


# --- with a server ----------------------------------------------------------------------------------


def _ask_server(client: Client, items: Iterable[Item], mode: str, options: Mapping[str, Any]) -> Iterator[Outcome]:
    def ask(item: Item) -> Answer:
        if mode == NUMBER:
            return client.number(_whole_picture(item), **options)
        if isinstance(item.content, np.ndarray):
            return client.predict_glyph(item.content, **options)
        return client.predict(_whole_picture(item), **options)

    def outcome(item: Item) -> Outcome:
        try:
            return Outcome(item, _attempt(ask, item))
        except ServerError as error:
            # 413 (too large) and 500 (a failure) concern this picture; any other error would meet all pictures.
            if isinstance(error, ServerUnreachable) or error.status not in (413, 500):
                raise
            return Outcome(item, error)

    return client.ask_many(outcome, items)
