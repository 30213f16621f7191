"""`mnist personalise`: learn how one person writes, from the corrections with that name."""

from __future__ import annotations

import click

from mnist_classifier.cli.command import Command, opened_store
from mnist_classifier.core.settings import Settings
from mnist_classifier.learning.personal_models import PersonalModelFacts, PersonalModels
from mnist_classifier.registry.versions import Registry


@click.command(cls=Command)
@click.argument("writer", required=False)
@click.option("--forget", is_flag=True, help="Delete the personal model; the corrections stay.")
def personalise(writer: str | None, forget: bool) -> None:
    """Learn how WRITER writes, from 10 corrections or more.  Without WRITER, list the personal models."""
    if forget and writer is None:
        raise click.UsageError("--forget needs the name of a writer")
    settings = Settings.from_environment()
    with opened_store(settings) as store:
        registry = Registry.of(settings, store)
        personal = PersonalModels(store, registry)
        if writer is None:
            found = personal.all()
            click.echo("\n".join(map(_line, found)) if found else "there are no personal models")
        elif forget:
            personal.forget(writer)
            click.echo(f"the personal model for {writer} was deleted; the corrections stay")
        else:
            click.echo(_line(personal.fit(writer, registry.aliases.production())))


def _line(found: PersonalModelFacts) -> str:
    figures = found.figures
    outdated = "; some were deleted or changed, so it is made again when it reads next" if found.is_outdated else ""
    return (
        f"{found.writer}: made from {len(found.corrections)} corrections for version {found.base_version}; "
        f"reads {figures['right_after']} of them right, the version alone {figures['right_before']}{outdated}"
    )
