"""`mnist sheet` and `mnist collect`: write the sheet for handwriting, and read a photograph of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import click

from mnist_classifier.cli.command import Command, opened_store
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.sheet_layout import A4, COLUMNS, PAPERS, sheet_svg


@click.command(cls=Command)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("sheet.svg"),
    show_default=True,
    help="File to write.",
)
@click.option("--paper", type=click.Choice(tuple(PAPERS)), default=A4, show_default=True, help="Size of the paper.")
def sheet(output: Path, paper: str) -> None:
    """Write the sheet for handwriting as an SVG file.  Print it at its actual size."""
    try:
        output.write_text(sheet_svg(paper), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    click.echo(f"{output}: print it, fill it in, photograph it, then run: mnist collect PHOTO --writer NAME")


@click.command(cls=Command)
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--writer", default="", help="Name of the person who wrote the digits.")
@click.option("--dry-run", is_flag=True, help="Show what is read, and store nothing.")
@click.option("--url", help="Send the photograph to a running server; MNIST_TOKEN has its token.")
def collect(photo: Path, writer: str, dry_run: bool, url: str | None) -> None:
    """Read a filled-in sheet and store its digits.

    PHOTO is a photograph or scan of the sheet that `mnist sheet` writes. Its digits become corrections. A box is not
    stored if the model reads something other than its label. The page /collect lets you confirm it.
    """
    if url is not None:
        _send(photo, writer, url, dry_run=dry_run)
        return
    # Imported here, because `mnist sheet` reads no picture.
    from mnist_classifier.learning import sheet as reader
    from mnist_classifier.learning.corrections import Corrections
    from mnist_classifier.learning.writers import checked_writer
    from mnist_classifier.recognition.imaging.sources import as_pixels
    from mnist_classifier.recognition.recogniser import Recogniser

    settings = Settings.from_environment()
    name = checked_writer(writer)
    pixels, _ = as_pixels(photo, max_pixels=settings.max_image_pixels, side_px=reader.SHEET_SIDE_PX)
    recogniser = Recogniser.load(settings=settings)
    cells = reader.read_sheet(pixels, recogniser)
    for each in cells:
        if each.reason:
            click.echo(_remark(each.cell, str(each.label), each.reason))
    click.echo(_counted(Counter(each.state.value for each in cells)))
    if dry_run:
        return
    new = reader.to_corrections(cells, None, writer=name, model_version=recogniser.manifest.get("version"))
    with opened_store(settings) as store:
        added = Corrections(store).add_many(list(new.values()))
    merged = sum(each.merged for each in added)
    click.echo(_stored(len(added) - merged, merged, name))


def _send(photo: Path, writer: str, url: str, *, dry_run: bool) -> None:
    from mnist_classifier.client.client import Client

    with Client(url, token=Settings.from_environment().token or None) as client:
        found = client.read_sheet(photo, writer=writer, store=None if dry_run else "ready")
    for each in found.cells:
        if each.reason:
            click.echo(_remark(each.cell, str(each.label), each.reason))
    click.echo(_counted(found.counts))
    if not dry_run:
        click.echo(_stored(found.stored, found.merged, writer))


def _remark(cell: int, label: str, reason: str) -> str:
    row, column = divmod(cell, COLUMNS)
    return f"row {row + 1}, column {column + 1} ({label}): {reason}"


def _counted(counts: Mapping[str, int]) -> str:
    words = {"ready": "ready", "check": "to check", "spoilt": "spoilt", "empty": "empty"}
    return ", ".join(f"{counts.get(state, 0)} {word}" for state, word in words.items())


def _stored(count: int, merged: int, writer: str) -> str:
    known = f"; {merged} already stored" if merged else ""
    by = f" by {writer}" if writer else ""
    return f"stored {count} digit{'' if count == 1 else 's'}{by}{known}"
