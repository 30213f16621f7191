"""`mnist models`: list and manage model versions."""

from __future__ import annotations

import click

from mnist_classifier.recogniser import Recogniser
from mnist_classifier.registry import BOX
from mnist_classifier.shell import Group, opened_registry
from mnist_classifier.terminal import robustness_in_short


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List model versions; promote one."""
    if context.invoked_subcommand is not None:
        return
    with opened_registry() as registry:
        serving = registry.production()
        for version in registry.versions():
            test, validation = version.metrics.get("test", {}), version.metrics.get("validation", {})
            click.echo(
                f"{'*' if version.version == serving else ' '} {version.version:4}  {version.name:20}  "
                f"{version.created_at:%Y-%m-%d %H:%M}  validation {validation.get('accuracy', 0):.2%}  "
                f"test {test.get('accuracy', 0):.2%}{robustness_in_short(registry.robustness(version))}"
            )


@models.command()
@click.argument("version", type=int)
def promote(version: int) -> None:
    """Put a version into production; 0 is the model in the box."""
    with opened_registry() as registry:
        Recogniser.open(registry.folder(version))  # it must load, not just be whole
        registry.promote(version)
    click.echo(f"version {version} is in production")


@models.command(hidden=True)
@click.argument("version", type=int)
def box(version: int) -> None:
    """Make a version the model in the box of this checkout (for maintainers); 0 renews the box's card."""
    from mnist_classifier.training.card import renew_card

    with opened_registry() as registry:
        if version != BOX:
            registry.copy_to_box(version)
        renew_card(registry.box_dir)
    click.echo(f"version {version} is now the model in the box")
