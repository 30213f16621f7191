"""Parts that all commands use: errors as one line, options, the database and the registry."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mnist_classifier.core.errors import MnistError
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig

if TYPE_CHECKING:
    from mnist_classifier.core.database import Store
    from mnist_classifier.registry.versions import Registry

# Who moved an alias, in its history.
COMMAND_LINE = "command line"

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(click.Command):
    """A command that prints a known error as one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _errors_on_one_line():
            return super().invoke(ctx)


class Group(click.Group):
    """A group that prints known errors as one line, as its commands do."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command of the group, or the one that stands for the group alone."""
        with _errors_on_one_line():
            return super().invoke(ctx)


@contextlib.contextmanager
def _errors_on_one_line() -> Iterator[None]:
    try:
        yield
    except MnistError as error:
        raise click.ClickException(error.message) from error


def setting_options(owner: type, *names: str, note: str) -> Callable[[Function], Function]:
    """Add a command-line option for each of the fields `names` of a settings class, by default for all fields.

    note: the text about the default value, with the placeholders {name} and {default}.
    """
    specs = [spec for spec in dataclasses.fields(owner) if not names or spec.name in names]

    def add(function: Function) -> Function:
        for spec in reversed(specs):
            meta = spec.metadata
            unit = f" ({meta['unit']})" if meta["unit"] else ""
            remark = note.format(name=spec.name.upper(), default=spec.default)
            choices, help = meta["choices"], meta["help"]
            if owner is TrainConfig and spec.name == "recipe":
                choices, help = (), f"{help}: {', '.join(choices)}, or a recipe file"
            function = click.option(
                f"--{spec.name.replace('_', '-')}",
                type=click.Choice(choices) if choices else type(spec.default),
                default=None,
                help=f"{help[0].upper()}{help[1:]}{unit}.  [{remark}]",
            )(function)
        return function

    return add


def data_dir_option(function: Function) -> Function:
    """Add --data-dir."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, resolve_path=True),
        help="Folder of the four MNIST files.  [env: MNIST_DATA_DIR]",
    )(function)


@contextlib.contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """Open the database, and close it afterwards."""
    from mnist_classifier.core.database import Store

    with contextlib.closing(Store(settings.resolved_database_url)) as store:
        yield store


@contextlib.contextmanager
def registry_from_environment() -> Iterator[Registry]:
    """Open the registry that the environment names, and register complete versions that a crash left out."""
    from mnist_classifier.registry.versions import Registry

    settings = Settings.from_environment()
    with opened_store(settings) as store:
        registry = Registry.of(settings, store)
        registry.adopt()
        yield registry
