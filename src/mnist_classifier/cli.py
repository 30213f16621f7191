"""The command line: `mnist train | predict | evaluate | serve | export-web | models | openapi | runs | data`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from mnist_classifier import __version__
from mnist_classifier.config import Settings, TrainConfig
from mnist_classifier.shell import Group, data_dir_option

# Loaded when they are called for: each brings its own half of the program.
COMMANDS = {
    "train": "cli_train:train",
    "predict": "cli_predict:predict",
    "evaluate": "cli_evaluate:evaluate",
    "serve": "cli_serve:serve",
    "export-web": "cli_export:export_web",
    "models": "cli_models:models",
    "openapi": "cli_openapi:openapi",
    "runs": "cli_runs:runs",
}


class Commands(Group):
    """A group whose commands live in modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted([*COMMANDS, *self.commands])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(f"mnist_classifier.{module}"), name)
        return command


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """Read handwritten digits, and train the network that does."""


@main.command()
@data_dir_option
@click.option("--verbose", is_flag=True, help="Show every address that failed, and why.")
def data(data_dir: Path | None, verbose: bool) -> None:
    """Fetch the MNIST files, unless they are there, and check them."""
    from mnist_classifier import dataset, logs
    from mnist_classifier.terminal import TrainingDisplay

    settings = Settings.from_environment(data_dir=data_dir)
    if verbose:
        logs.configure(settings)
    display = TrainingDisplay(TrainConfig())
    try:
        dataset.ensure(settings.data_dirs(), settings.download_to, progress=display.on_download)
    finally:
        display.close()
    for split in (dataset.TRAIN, dataset.TEST):
        images = dataset.load(settings.data_dirs(), split)
        click.echo(f"{split}: {len(images.labels):,} images in {dataset.find(settings.data_dirs(), split)}")
