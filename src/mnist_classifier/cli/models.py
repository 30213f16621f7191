"""`mnist models`: list and manage model versions."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from mnist_classifier.cli.command import COMMAND_LINE, Group, data_dir_option, registry_from_environment
from mnist_classifier.cli.display import model_as_text, model_line, side_by_side
from mnist_classifier.core.errors import LessAccurate
from mnist_classifier.core.settings import Settings
from mnist_classifier.data.splits import MEASURED_SPLITS, TEST, VALIDATION, load_split
from mnist_classifier.evaluation import comparison, promotion
from mnist_classifier.evaluation.acceptance import archive
from mnist_classifier.evaluation.acceptance.unpacking import check_size
from mnist_classifier.evaluation.explore.explorer import Explorer
from mnist_classifier.registry.aliases import BOX
from mnist_classifier.registry.folders import copy_to_box
from mnist_classifier.registry.versions import Registry

SHOWN_IMAGES = 20
Answer = TypeVar("Answer")

yes_option = click.option("--yes", is_flag=True, help="Accept a less accurate version without asking.")


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List, show, compare, promote, roll back, rename, delete, export and import model versions."""
    if context.invoked_subcommand is None:
        context.invoke(list_versions)


@models.command(name="list")
def list_versions() -> None:
    """List the model versions, newest first; * marks production."""
    with registry_from_environment() as registry:
        aliases = registry.aliases.all()
        for version in registry.versions():
            click.echo(model_line(version, aliases, registry.robustness(version)))
        for name, reason in registry.set_aside(names_hosts=True).items():
            click.echo(f"! {name:>4}  cannot be read: {reason}")


@models.command()
@click.argument("version", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the whole manifest as JSON.")
def show(version: int, as_json: bool) -> None:
    """Show one version: metrics, recipe, files and promotion check."""
    with registry_from_environment() as registry:
        found = registry.get(version)
        if as_json:
            click.echo(json.dumps({**found.manifest, "name": found.name, "note": found.note}, indent=1))
            return
        click.echo(model_as_text(found, registry.aliases.all(), registry.robustness(found)))
        champion = registry.aliases.production()
        if champion != version:
            check = promotion.compare(registry, registry.get(champion), found)
            click.echo(f"result         {check.summary}")
            click.echo(f"promotion      {'passes' if check.passed else 'fails'} the check: {check.reason}")
            click.echo(check.advice, nl=bool(check.advice))


@models.command()
@click.argument("first", type=int)
@click.argument("second", type=int)
@click.option("--split", type=click.Choice(MEASURED_SPLITS), default=VALIDATION, show_default=True)
@click.option("--images", "read_images", is_flag=True, help="Also list the images that they read differently.")
@data_dir_option
def compare(first: int, second: int, split: str, read_images: bool, data_dir: Path | None) -> None:
    """Compare two versions: metrics, confusions and promotion check."""
    with registry_from_environment() as registry:
        one, other = registry.get(first), registry.get(second)
        difference = comparison.confusion_difference(one, other, split)
        click.echo(side_by_side(one, other, split, difference))
        check = promotion.compare(registry, one, other)
        click.echo(f"promotion      {second} {'passes' if check.passed else 'fails'} the check: {check.reason}")
        click.echo(check.advice, nl=bool(check.advice))
        if read_images:
            found = comparison.disagreements(_explorer(registry, data_dir), first, second, split)
            click.echo(f"{len(found)} {split} images read differently")
            for each in found[:SHOWN_IMAGES]:
                click.echo(f"  image {each.index:5}  label {each.label}  read as {each.digits[0]} and {each.digits[1]}")


@models.command()
@click.argument("version", type=int)
@click.option("--reason", default="", help="Reason to record in the history.")
@yes_option
def promote(version: int, reason: str, yes: bool) -> None:
    """Promote a version to production; 0 is the model in the box."""
    with registry_from_environment() as registry:
        _confirmed(
            lambda sure: promotion.promote(registry, version, actor=COMMAND_LINE, reason=reason, is_confirmed=sure), yes
        )
    click.echo(f"version {version} is in production")


@models.command()
@click.option("--reason", default="", help="Reason to record in the history.")
@yes_option
def rollback(reason: str, yes: bool) -> None:
    """Roll production back by one promotion."""
    with registry_from_environment() as registry:
        version = _confirmed(
            lambda sure: promotion.roll_back(registry, actor=COMMAND_LINE, reason=reason, is_confirmed=sure), yes
        )
    click.echo(f"version {version} is in production again")


def _confirmed(move: Callable[[bool], Answer], yes: bool) -> Answer:
    """Call `move(yes)`.  If the new version is less accurate, ask the user, then call `move(True)`."""
    try:
        return move(yes)
    except LessAccurate as error:
        if not sys.stdin.isatty():
            raise click.ClickException(f"{error.message} with --yes") from error
        click.confirm(f"{error.message[0].upper()}{error.message[1:]}.\nPromote it anyway?", abort=True)
        return move(True)


@models.command()
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
def history(limit: int) -> None:
    """List all promotions and rollbacks, newest first."""
    with registry_from_environment() as registry:
        for move in registry.aliases.history(limit=limit):
            change = f"{move.alias} {move.previous} -> {move.version}"
            click.echo(f"{move.at:%Y-%m-%d %H:%M}  {change:24}  {move.actor:14}  {move.reason}".rstrip())


@models.command()
@click.argument("version", type=int)
@click.argument("name")
def rename(version: int, name: str) -> None:
    """Rename a version."""
    with registry_from_environment() as registry:
        renamed = registry.edit(version, name=name)
    click.echo(f"version {version} is now called {renamed.name}")


@models.command()
@click.argument("version", type=int)
@click.argument("text")
def note(version: int, text: str) -> None:
    """Set the note of a version; an empty text removes it."""
    with registry_from_environment() as registry:
        registry.edit(version, note=text)
    click.echo(f"version {version} has a new note")


@models.command()
@click.argument("version", type=int)
@click.confirmation_option(prompt="Delete this version and its files permanently?")
def delete(version: int) -> None:
    """Delete a version that is neither production nor challenger."""
    with registry_from_environment() as registry:
        registry.delete(version)
    click.echo(f"version {version} was deleted")


@models.command(name="export")
@click.argument("version", type=int)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
def export_version(version: int, file: Path | None) -> None:
    """Export a version as a zip file."""
    with registry_from_environment() as registry, _file_errors_as_one_line():
        file = file or Path(archive.archive_name(registry.get(version)))
        file.write_bytes(archive.export_version(registry, version))
    click.echo(f"exported version {version} to {file}")


@models.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_dir_option
def import_version(file: Path, data_dir: Path | None) -> None:
    """Import a version from a zip file, after checking it; this does not promote it."""
    with registry_from_environment() as registry, _file_errors_as_one_line():
        check_size(file.stat().st_size)
        imported = archive.import_version(registry, file.read_bytes(), _explorer(registry, data_dir).part)
    for remark in imported.remarks:
        click.echo(remark)
    number = imported.version.version
    click.echo(f"imported {file} as version {number}; to promote it, run `mnist models promote {number}`")


@models.command(hidden=True)
@click.argument("version", type=int)
@click.option("--measure", is_flag=True, help="Measure the weights again and rewrite the report.")
@data_dir_option
def box(version: int, measure: bool, data_dir: Path | None) -> None:
    """Make a version the model in the box of this checkout; 0 rewrites only the card."""
    from mnist_classifier.training.release.card import renew_card

    with registry_from_environment() as registry:
        if version != BOX:
            copy_to_box(registry.folder(version), registry.box_dir, registry.stored_robustness(version))
        if measure:
            _measure_box(registry.box_dir, Settings.from_environment(data_dir=data_dir))
        renew_card(registry.box_dir)
    click.echo(f"version {version} is now the model in the box")


def _measure_box(folder: Path, settings: Settings) -> None:
    from mnist_classifier.training.data import load_training_data
    from mnist_classifier.training.release.finished import renew_report

    renew_report(folder, load_training_data(settings), load_split(settings.data_dirs(), TEST))


def _explorer(registry: Registry, data_dir: Path | None) -> Explorer:
    return Explorer(Settings.from_environment(data_dir=data_dir), registry)


@contextmanager
def _file_errors_as_one_line() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
