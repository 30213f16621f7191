"""The command `mnist` and its subcommands."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import click

from mnist_classifier.cli.command import Group, data_dir_option
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.core.version import __version__

# Imported on use, because each command needs other parts of the program.
COMMANDS = {
    "train": "train:train",
    "correct": "corrections:correct",
    "corrections": "corrections:corrections",
    "sheet": "collect:sheet",
    "collect": "collect:collect",
    "personalise": "personalise:personalise",
    "predict": "predict:predict",
    "evaluate": "evaluate:evaluate",
    "serve": "serve:serve",
    "export-web": "export_web:export_web",
    "models": "models:models",
    "openapi": "openapi:openapi",
    "retrain": "retrain:retrain",
    "runs": "runs:runs",
    "tune": "tune:tune",
}
# Commands that prepare many pictures. OpenBLAS's threads would only spin: the matrices are small, and with two threads
# 600 canvas pictures took 7.1 s of processor time instead of 1.1. The variable works before NumPy is imported.
SMALL_MATRICES = ("predict", "evaluate", "train", "retrain", "corrections")


class Commands(Group):
    """A group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted([*COMMANDS, *self.commands])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None if there is none."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        if cmd_name in SMALL_MATRICES:
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(f"mnist_classifier.cli.{module}"), name)
        return command


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """Read handwritten digits, and train and serve the networks that read them."""


@main.command()
@data_dir_option
@click.option("--verbose", is_flag=True, help="Show each failed download and its reason.")
def data(data_dir: Path | None, verbose: bool) -> None:
    """Download the MNIST files if they are missing, and check them."""
    from mnist_classifier.cli.display import TrainingDisplay
    from mnist_classifier.core import logs
    from mnist_classifier.data import mnist

    settings = Settings.from_environment(data_dir=data_dir)
    if verbose:
        logs.configure(settings)
    display = TrainingDisplay(TrainConfig())
    try:
        mnist.ensure(settings.data_dirs(), settings.download_to, progress=display.on_download)
    finally:
        display.close()
    for split in (mnist.TRAIN, mnist.TEST):
        images = mnist.load(settings.data_dirs(), split)
        click.echo(f"{split}: {len(images.labels):,} images in {mnist.find(settings.data_dirs(), split)}")
