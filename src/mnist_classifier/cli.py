"""The command line: `mnist train | predict | evaluate | serve | export-web | models | runs | data`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mnist_classifier import __version__, dataset
from mnist_classifier.cli_evaluate import evaluate
from mnist_classifier.cli_export import export_web
from mnist_classifier.cli_models import models
from mnist_classifier.cli_predict import predict
from mnist_classifier.cli_runs import runs
from mnist_classifier.cli_train import train
from mnist_classifier.config import LOG_FORMATS, LOG_LEVELS, Settings, TrainConfig
from mnist_classifier.shell import Group, data_dir_option
from mnist_classifier.terminal import TrainingDisplay

DEFAULT_PORT = Settings.__dataclass_fields__["port"].default


@click.group(cls=Group)
@click.version_option(__version__)
def main() -> None:
    """Read handwritten digits, and train the network that does."""


@main.command()
@click.option("--host", help="Address to listen on.  [env: MNIST_HOST; default 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [env: MNIST_PORT; default 5000]")
@click.option("--workers", type=int, help="Processes that serve.  [env: MNIST_WORKERS; default 1]")
@data_dir_option
@click.option(
    "--log-format", type=click.Choice(LOG_FORMATS), help="Log lines.  [env: MNIST_LOG_FORMAT; default console]"
)
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="Least level.  [env: MNIST_LOG_LEVEL; default info]")
@click.option("--access-log", is_flag=True, default=None, help="Log every request.  [env: MNIST_ACCESS_LOG=on]")
def serve(access_log: bool | None, **options: Any) -> None:
    """Start the web application."""
    from mnist_classifier.web.server import serve as serve_application

    settings = Settings.from_environment(**options, access_log="on" if access_log else None)
    # Who names a port wants that one; who does not is well served by the next.
    serve_application(settings, strict_port=settings.port != DEFAULT_PORT)


for command in (train, predict, evaluate, export_web, models, runs):
    main.add_command(command)


@main.command()
@data_dir_option
def data(data_dir: Path | None) -> None:
    """Fetch the MNIST files, unless they are there, and check them."""
    settings = Settings.from_environment(data_dir=data_dir)
    display = TrainingDisplay(TrainConfig())
    try:
        dataset.ensure(settings.data_dirs(), settings.download_to, progress=display.on_download)
    finally:
        display.close()
    for split in (dataset.TRAIN, dataset.TEST):
        images = dataset.load(settings.data_dirs(), split)
        click.echo(f"{split}: {len(images.labels):,} images in {dataset.find(settings.data_dirs(), split)}")
