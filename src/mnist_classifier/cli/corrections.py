"""`mnist correct` and `mnist corrections`: say what a picture shows, and manage what people said."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from mnist_classifier.cli.command import Command, Group, opened_store
from mnist_classifier.core.errors import CorrectionMissing
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation.acceptance.unpacking import check_size
from mnist_classifier.learning import correction_files
from mnist_classifier.learning.correction_queries import Correction, Filters
from mnist_classifier.learning.corrections import (
    LABELS,
    NOT_A_DIGIT,
    NOT_A_DIGIT_NAME,
    SOURCES,
    Added,
    Corrections,
    NewCorrection,
    reading_facts,
)
from mnist_classifier.learning.lineage import rebuild_without, versions_that_saw
from mnist_classifier.learning.writers import checked_writer
from mnist_classifier.registry.versions import Registry

Function = TypeVar("Function", bound=Callable[..., Any])
NAMES = [NOT_A_DIGIT_NAME if label == NOT_A_DIGIT else str(label) for label in LABELS]
LABEL = click.Choice(NAMES)


@contextlib.contextmanager
def opened_corrections() -> Iterator[Corrections]:
    """Open the corrections of this installation, and close the database afterwards."""
    with opened_store(Settings.from_environment()) as store:
        yield Corrections(store)


def filter_options(function: Function) -> Function:
    """Add the options that choose corrections."""
    options = (
        click.option("--label", type=LABEL, help="Only this label."),
        click.option("--writer", help="Only this writer; an empty name selects those without a name."),
        click.option("--source", type=click.Choice(SOURCES), help="Only this source."),
        click.option("--contradictions", is_flag=True, help="Only those that contradict another one."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command(cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("label", type=LABEL)
@click.option("--writer", default="", help="Name of the person who wrote it.")
@click.option("--url", help="Send the correction to a running server; MNIST_TOKEN has its token.")
def correct(file: Path, label: str, writer: str, url: str | None) -> None:
    """Say what a picture shows: 0 to 9, or not_a_digit.  This stores the picture."""
    if url is not None:
        from mnist_classifier.client.client import Client

        with Client(url, token=Settings.from_environment().token or None) as client:
            sent = client.correct(file, int(label) if label.isdigit() else "not_a_digit", writer=writer)
        click.echo(_stored(sent.id, label, sent.merged, list(sent.contradicts)))
        return
    with opened_corrections() as corrections:
        added = corrections.add(_new(file, label, writer))
    click.echo(_stored(added.correction.id, label, added.merged, added.contradicts))


def _new(file: Path, label: str, writer: str) -> NewCorrection:
    """Make a correction from a file, with the reading of the model in production."""
    # Imported here, because the other commands read no picture.
    from mnist_classifier.core.errors import InvalidImage
    from mnist_classifier.learning.pictures import glyph_and_image
    from mnist_classifier.recognition.imaging.sources import read_file
    from mnist_classifier.recognition.recogniser import Recogniser

    settings = Settings.from_environment()
    glyph, image = glyph_and_image(read_file(file), max_pixels=settings.max_image_pixels)
    if glyph is None:
        raise InvalidImage(f"{file} is blank, so there is nothing to learn from it")
    recogniser = Recogniser.load(settings=settings)
    reading, version = reading_facts(recogniser.read_glyph(glyph)), recogniser.manifest.get("version")
    return NewCorrection(glyph, _label(label), "cli", writer, image, reading=reading, model_version=version)


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def corrections(context: click.Context) -> None:
    """List, relabel, delete, purge, export and import corrections."""
    if context.invoked_subcommand is None:
        context.invoke(list_corrections)


@corrections.command(name="list")
@filter_options
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="List at most so many.")
def list_corrections(limit: int = 20, **filters: Any) -> None:
    """List corrections, newest first."""
    with opened_corrections() as store:
        found = store.find(_filters(**filters), limit=limit)
        others = store.contradictions(found)
        for each in found:
            click.echo(_line(each, others.get(each.id, [])))
        click.echo(f"{len(found)} of {_counted(store.count(_filters(**filters)))}")


@corrections.command()
@click.argument("number", type=int)
@click.argument("label", type=LABEL)
def relabel(number: int, label: str) -> None:
    """Give a correction another label."""
    with opened_corrections() as store:
        changed = store.edit(number, label=_label(label))
    click.echo(_relabelled(number, label, changed))


@corrections.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
def delete(numbers: tuple[int, ...]) -> None:
    """Delete corrections by their numbers.  Names the model versions that have seen them."""
    settings, faults = Settings.from_environment(), list[str]()
    with opened_store(settings) as store:
        for number in numbers:
            try:
                Corrections(store).delete(number)
                click.echo(f"correction {number} was deleted")
            except CorrectionMissing as error:
                faults.append(error.message)
        saw = versions_that_saw(Registry.of(settings, store), numbers)
    if saw:
        without = " ".join(f"--without {number}" for number in numbers)
        it = _it(numbers)
        click.echo(f"model versions that have seen {it}: {', '.join(map(str, saw))}")
        click.echo(f"to train one without {it}, run: mnist corrections rebuild {saw[-1]} {without}")
    if faults:
        raise click.ClickException("\n".join(faults))


@corrections.command()
@click.argument("version", type=int)
@click.option(
    "--without",
    "numbers",
    type=int,
    multiple=True,
    required=True,
    help="Number of a correction to leave out; repeat it for more.",
)
def rebuild(version: int, numbers: tuple[int, ...]) -> None:
    """Train a version without some corrections.  Seed, settings and all other corrections stay the same."""
    from mnist_classifier.cli.retrain import train_on_corrections
    from mnist_classifier.core.train_config import TrainConfig

    settings = Settings.from_environment()
    with opened_store(settings) as store:
        plan = rebuild_without(Registry.of(settings, store), version, numbers)
    config = TrainConfig.from_record(plan.config)
    train_on_corrections(settings, config, {"base": plan.base, "ids": list(plan.ids)})


@corrections.command()
@click.option("--writer", help="Delete only the corrections and the personal model of this writer.")
@click.confirmation_option(prompt="Delete them for good?")
def purge(writer: str | None) -> None:
    """Delete everything that people gave.

    These are the corrections, the personal models and the readings to label.
    """
    settings = Settings.from_environment()
    with opened_store(settings) as store:
        numbers = Corrections(store).purge(None if writer is None else checked_writer(writer))
        saw = versions_that_saw(Registry.of(settings, store), numbers)
    click.echo(f"deleted {_counted(len(numbers))}")
    if saw:
        click.echo(f"model versions that have seen {_it(numbers)}: {', '.join(map(str, saw))}")
        click.echo(f"to delete one that is not in use, run: mnist models delete {saw[-1]}")


@corrections.command(name="export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "kind", type=click.Choice(correction_files.FORMATS), default="idx", show_default=True)
@filter_options
def export_corrections(file: Path, kind: str, **filters: Any) -> None:
    """Export corrections as a zip file.  It has an IDX pair, folders of PNG by label, or Parquet."""
    with opened_corrections() as store, _file_errors_as_one_line():
        examples = store.examples(_filters(**filters))
        file.write_bytes(correction_files.export(examples, kind))
    click.echo(f"exported {_counted(len(examples.ids))} to {file}")


@corrections.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--writer", default="", help="Name for corrections that have none in the file.")
def import_corrections(file: Path, writer: str) -> None:
    """Import a zip, tar or Parquet file.  If any part of it is wrong, nothing is imported."""
    limit = Settings.from_environment().max_image_pixels
    with opened_corrections() as store, _file_errors_as_one_line():
        check_size(file.stat().st_size)
        added = store.add_many(correction_files.read(file.read_bytes(), writer=writer, max_pixels=limit))
    merged = sum(each.merged for each in added)
    click.echo(f"imported {_counted(len(added))}: {len(added) - merged} new, {merged} already stored")
    if count := len({each.correction.id for each in added if each.contradicts}):
        contradict = "contradicts" if count == 1 else "contradict"
        click.echo(f"{count} {contradict} another one; to see them, run: mnist corrections list --contradictions")


def _it(numbers: Sequence[int]) -> str:
    return "it" if len(numbers) == 1 else "them"


def _filters(
    label: str | None = None, writer: str | None = None, source: str | None = None, contradictions: bool = False
) -> Filters:
    return Filters(
        label=None if label is None else _label(label),
        writer=None if writer is None else checked_writer(writer),
        source=source,
        contradictions=contradictions,
    )


def _counted(number: int) -> str:
    return f"{number} correction{'' if number == 1 else 's'}"


def _label(name: str) -> int:
    return NAMES.index(name)


def _line(found: Correction, contradicts: list[int]) -> str:
    read = "" if found.reading is None else f"read as {_read(found.reading)}"
    remark = f"contradicts {', '.join(map(str, contradicts))}" if contradicts else ""
    began = f"{found.created_at:%Y-%m-%d %H:%M}"
    facts = f"{found.id:6}  {NAMES[found.label]:11}  {began}  {found.source:6}  {found.writer:12}"
    return f"{facts}  {read:20}  {remark}".rstrip()


def _read(reading: dict[str, Any]) -> str:
    return str(reading.get("verdict") if reading.get("prediction") is None else reading["prediction"])


def _stored(number: int, label: str, merged: bool, contradicts: list[int]) -> str:
    known = ", already stored" if merged else ""
    against = f"; it contradicts {', '.join(map(str, contradicts))}" if contradicts else ""
    return f"correction {number}: {label}{known}{against}"


def _relabelled(number: int, label: str, changed: Added) -> str:
    if changed.merged:
        return f"correction {number} became the same as correction {changed.correction.id} and was merged into it"
    return f"correction {number} is now labelled {label}"


@contextlib.contextmanager
def _file_errors_as_one_line() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
