"""`mnist predict`: read pictures and glyphs, in this process or with a server."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
from tqdm import tqdm

from mnist_classifier.cli import output as listing
from mnist_classifier.cli.command import Command
from mnist_classifier.cli.engines import RAY, Destination, engine_options, read_with_ray
from mnist_classifier.cli.inputs import STDIN, Inputs, items_of
from mnist_classifier.cli.output import Row
from mnist_classifier.cli.servers import ask_server
from mnist_classifier.client.client import Client
from mnist_classifier.core.errors import (
    InvalidInput,
    MnistError,
)
from mnist_classifier.core.files import disk_errors
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.bulk import DIGIT, FORM, NUMBER, Item, Outcome, Reader, Task
from mnist_classifier.recognition.numbers import form
from mnist_classifier.recognition.numbers.expected import ANYTHING, LONGEST, Expected
from mnist_classifier.recognition.recogniser import Recogniser

MODES = (DIGIT, NUMBER)


@click.command(cls=Command)
@click.argument("files", nargs=-1)
@click.option("--files-from", metavar="FILE", help="Read the files listed in FILE, one per line; - for standard input.")
@click.option(
    "--mode", type=click.Choice(MODES), default=DIGIT, show_default=True, help="Read one digit per picture, or several."
)
@click.option("--number", "mode", flag_value=NUMBER, help="Short for --mode number.")
@click.option("--length", type=click.IntRange(1, LONGEST), help="The number has this many digits.")
@click.option("--pattern", help="The number is written like this, with d for any digit, such as dd/dd/dd.")
@click.option("--allowed", metavar="DIGITS", help="Only these digits occur in the number, such as 0123.")
@click.option(
    "--fields",
    "form_file",
    type=click.File("rb"),
    help="Read the numbers in these places of each picture; FILENAME is JSON, such as "
    '{"fields": [{"name": "day", "box": [40, 30, 200, 60], "length": 2}]}.',
)
@click.option(
    "--format",
    type=click.Choice(listing.FORMATS),
    help="Output format.  [default: table on a terminal, else jsonl; with --output, from its suffix]",
)
@click.option("--json", "format", flag_value=listing.JSON_LINES, help="Short for --format jsonl.")
@click.option(
    "--output",
    type=Destination(dir_okay=False, path_type=Path),
    help="Write to this file, once all pictures are read; with --engine ray, to this folder or URL.",
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
@engine_options
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
    form_file: BinaryIO | None,
    length: int | None,
    pattern: str | None,
    allowed: str | None,
    engine: str,
    ray_address: str,
    column: str | None,
    **thresholds: float | None,
) -> None:
    """Read the digit, the number or the fields of a form in each picture.

    FILES are pictures, folders (searched recursively), patterns such as
    "scans/**/*.png", or files of 28x28 glyphs (IDX or .npy, also .gz). Use -
    to read one picture or glyph file from standard input.

    Exit status: 0 if all files were read, 1 if some were not or the command
    failed, 2 if the arguments are wrong.
    """
    task = _task(mode, form_file, {"length": length, "pattern": pattern, "allowed": allowed})
    chosen = {name: value for name, value in thresholds.items() if value is not None}
    if engine == RAY:
        read_with_ray(files, task, chosen, click.get_current_context().params)
        return
    if steps_dir is not None and (task.mode != DIGIT or url is not None):
        raise click.UsageError("--steps does not work with --number, --fields or --url; leave them out")
    if not files and files_from is None:
        raise click.UsageError("no files given; name files, folders or patterns, or - for standard input")
    if files_from == STDIN and STDIN in files:
        raise click.UsageError("standard input cannot be both a picture (-) and a list (--files-from -)")
    with contextlib.ExitStack() as stack:
        inputs = Inputs(files, stack.enter_context(_opened_list(files_from)))
        bar = stack.enter_context(_progress_bar(inputs, output, counts=files_from is None))
        items = _watched(items_of(inputs), bar)
        settings = Settings.from_environment()
        if url is not None:
            client = stack.enter_context(Client(url, token=settings.token or None))
            outcomes = ask_server(client, items, task, {"version": model_version, **chosen})
        else:
            recogniser = Recogniser.load(model_version, settings)
            reader = Reader(recogniser, task, chosen, settings.max_image_pixels, steps_dir)
            outcomes = reader.digits(items) if task.mode == DIGIT else reader.numbers(items)
        failures = _write(outcomes, format or _format(output), output, task.mode)
    if failures:
        files = "file" if failures == 1 else "files"
        raise click.ClickException(f"{failures:,} {files} could not be read")


def _task(mode: str, form_file: BinaryIO | None, known: Mapping[str, Any]) -> Task:
    """The task that the options describe.  Raises UsageError."""
    try:
        expected = Expected(**{name: value for name, value in known.items() if value is not None})
        fields = form.parse_form(form_file.read()) if form_file is not None else ()
    except InvalidInput as error:
        option = "fields" if form_file is not None and error.field not in known else error.field
        raise click.BadParameter(error.message, param_hint=f"--{option}") from error
    if expected != ANYTHING and (form_file is not None or mode != NUMBER):
        advice = "write them into the file of --fields" if fields else "add --number"
        raise click.UsageError(f"--length, --pattern and --allowed describe one number; {advice}")
    return Task(FORM if fields else mode, expected, fields)


def _format(output: Path | None) -> str:
    if output is not None:
        return listing.SUFFIXES.get(output.suffix.lower(), listing.JSON_LINES)
    return listing.TABLE if sys.stdout.isatty() else listing.JSON_LINES


def _write(outcomes: Iterable[Outcome], format: str, output: Path | None, mode: str) -> int:
    """Write the readings, and errors to standard error; returns the number of errors."""
    failures = 0
    with listing.opened(output) as write:
        if first := listing.header(format, mode):
            write(first)
        for outcome in outcomes:
            item, answer = outcome.item, outcome.answer
            if isinstance(answer, MnistError):
                failures += 1
                named = answer.message if answer.message.startswith(item.name) else f"{item.name}: {answer.message}"
                tqdm.write(listing.shown(named), file=sys.stderr)
            else:
                for line in listing.lines(format, Row(item.name, answer, item.index)):
                    write(line)
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
