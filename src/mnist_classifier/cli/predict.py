"""`mnist predict`: read pictures and glyphs, in this process or with a server."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
from tqdm import tqdm

from mnist_classifier.cli import output as listing
from mnist_classifier.cli.command import Command
from mnist_classifier.cli.engines import RAY, OutputPath, engine_options, read_with_ray, refuse_options_of_ray
from mnist_classifier.cli.inputs import STDIN, Inputs, Part, items_of, parts_of
from mnist_classifier.cli.reading import Result, Work, read_parts, result_of
from mnist_classifier.cli.saving import Destination, opened
from mnist_classifier.cli.servers import ask_server
from mnist_classifier.client.client import Client
from mnist_classifier.core.errors import InvalidInput
from mnist_classifier.core.files import disk_errors
from mnist_classifier.core.processors import usable_cores
from mnist_classifier.core.settings import Settings
from mnist_classifier.data.glyph_files import GLYPHS_AT_ONCE
from mnist_classifier.recognition.bulk import DIGIT, FORM, NUMBER, Task
from mnist_classifier.recognition.numbers import form
from mnist_classifier.recognition.numbers.expected import ANYTHING, LONGEST, Expected
from mnist_classifier.registry.versions import version_folder

MODES = (DIGIT, NUMBER)
MOST_JOBS = 1024
# Glyphs that are read together as numbers: each takes as long as hundreds do as digits.
NUMBERS_AT_ONCE = 4


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
    type=OutputPath(dir_okay=False, path_type=Path),
    help="Write to this file, once all pictures are read; with --engine ray, to this folder or URL. After an "
    "interruption, the same command continues.",
)
@click.option("--restart", is_flag=True, help="With --output: discard what an interrupted command has read.")
@click.option(
    "--errors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="List the files that could not be read in this file, for --files-from.",
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
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    help="Read in this many processes, and glyphs in as many threads.  [default: one for each core]",
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
    restart: bool,
    errors: Path | None,
    jobs: int | None,
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
    refuse_options_of_ray(click.get_current_context())
    if steps_dir is not None and (task.mode != DIGIT or url is not None):
        raise click.UsageError("--steps does not work with --number, --fields or --url; leave them out")
    if url is not None and (jobs is not None or restart):
        raise click.UsageError("--jobs and --restart do not work with --url, where the server reads; leave them out")
    if errors is not None and output is not None and os.path.realpath(errors) == os.path.realpath(output):
        raise click.UsageError("--errors and --output name the same file; choose two files")
    if restart and output is None:
        raise click.UsageError("--restart needs --output: only a file can be continued after an interruption")
    if not files and files_from is None:
        raise click.UsageError("no files given; name files, folders or patterns, or - for standard input")
    if files_from == STDIN and STDIN in files:
        raise click.UsageError("standard input cannot be both a picture (-) and a list (--files-from -)")
    with contextlib.ExitStack() as stack:
        inputs = Inputs(files, stack.enter_context(_opened_list(files_from)))
        bar = stack.enter_context(_progress_bar(inputs, output, counts=files_from is None))
        settings = Settings.from_environment()
        format = format or _format(output)
        header = listing.encoded(listing.header(format, task.mode))
        if url is not None:
            client = stack.enter_context(Client(url, token=settings.token or None))
            destination = stack.enter_context(opened(output, errors, None))
            parts = destination.begin(header, parts_of(inputs))
            results = _ask(client, parts, task, {"version": model_version, **chosen}, format)
        else:
            folder = version_folder(model_version, settings)
            reader = Work(folder, task, chosen, settings.max_image_pixels, steps_dir, format).open()
            destination = stack.enter_context(opened(output, errors, reader.settings(), restart=restart))
            parts = destination.begin(header, parts_of(inputs, _glyphs_at_once(task)))
            results = read_parts(parts, reader, jobs or usable_cores())
        _write(results, destination, bar)
    failures = destination.failures
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


def _glyphs_at_once(task: Task) -> int:
    return GLYPHS_AT_ONCE if task.mode == DIGIT else NUMBERS_AT_ONCE


def _format(output: Path | None) -> str:
    if output is not None:
        return listing.SUFFIXES.get(output.suffix.lower(), listing.JSON_LINES)
    return listing.TABLE if sys.stdout.isatty() else listing.JSON_LINES


def _ask(
    client: Client, parts: Iterable[Part], task: Task, options: Mapping[str, Any], format: str
) -> Iterator[Result]:
    """The results of a server."""
    items = itertools.chain.from_iterable(map(items_of, parts))
    for outcome in ask_server(client, items, task, options):
        yield result_of([outcome], format)


def _write(results: Iterable[Result], destination: Destination, bar: tqdm[Any]) -> None:
    """Write the readings, and errors to standard error."""
    bar.initial = bar.n = destination.done
    for result in results:
        destination.add(result)
        for name, message in result.errors:
            named = message if message.startswith(name) else f"{name}: {message}"
            tqdm.write(listing.shown(named), file=sys.stderr)
        bar.update(result.size)


def _progress_bar(inputs: Inputs, output: Path | None, *, counts: bool) -> tqdm[Any]:
    """A bar of pictures and glyphs, hidden if the readings go to the same terminal."""
    shows = sys.stderr.isatty() and (output is not None or not sys.stdout.isatty())
    total = inputs.count() if shows and counts else None
    return tqdm(total=total, unit=" pictures", leave=False, disable=not shows, file=sys.stderr)


@contextlib.contextmanager
def _opened_list(files_from: str | None) -> Iterator[Iterable[str]]:
    if files_from is None:
        yield ()
        return
    with disk_errors(f"could not read {files_from}", click.ClickException):
        file = click.open_file(files_from, "rb")
    # A file name may have bytes that are not UTF-8, and a carriage return.
    with file, io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        yield lines
