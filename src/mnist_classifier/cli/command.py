"""What the commands have in common: errors as one line, shared options, the database opened and closed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.settings import Settings

if TYPE_CHECKING:
    from mnist_classifier.core.database import Store
    from mnist_classifier.registry.versions import Registry

# Who moved an alias, in its history.
COMMAND_LINE = "command line"

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose known errors are one clear line, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except MnistError as error:
            raise click.ClickException(error.message) from error


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def data_dir_option(function: Function) -> Function:
    """Add --data-dir."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, resolve_path=True),
        help="Folder with the four MNIST files.  [env: MNIST_DATA_DIR]",
    )(function)


@contextlib.contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """The database of an installation, closed afterwards."""
    from mnist_classifier.core.database import Store

    store = Store(settings.resolved_database_url)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def opened_registry() -> Iterator[Registry]:
    """The registry of this installation, crash leftovers adopted."""
    from mnist_classifier.registry.versions import Registry

    settings = Settings.from_environment()
    with opened_store(settings) as store:
        registry = Registry(settings.models_dir, store)
        registry.adopt()
        yield registry
