"""The command line: `mnist train | predict | evaluate | serve | export-web | models | openapi | runs | data`."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from mnist_classifier import __version__, dataset
from mnist_classifier.cli_evaluate import evaluate
from mnist_classifier.cli_export import export_web
from mnist_classifier.cli_models import models
from mnist_classifier.cli_openapi import openapi
from mnist_classifier.cli_runs import runs
from mnist_classifier.cli_train import train
from mnist_classifier.config import Settings, TrainConfig
from mnist_classifier.decode import decode_with_scale, encode_png
from mnist_classifier.errors import InvalidInput
from mnist_classifier.preprocess import Step, prepare
from mnist_classifier.recogniser import Recogniser
from mnist_classifier.registry import Registry
from mnist_classifier.shell import Group, data_dir_option, opened_store
from mnist_classifier.terminal import (
    TrainingDisplay,
    number_as_json,
    number_as_text,
    reading_as_json,
    reading_as_text,
)

DEFAULT_PORT = Settings.__dataclass_fields__["port"].default


@click.group(cls=Group)
@click.version_option(__version__)
def main() -> None:
    """Read handwritten digits, and train the network that does."""


@main.command()
@click.option("--host", help="Address to listen on.  [env: MNIST_HOST; default 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [env: MNIST_PORT; default 5000]")
@click.option("--token", help="What a request must bring to change anything.  [env: MNIST_TOKEN]")
@click.option("--insecure", is_flag=True, help="Listen for other computers without a token.  [env: MNIST_INSECURE=1]")
@data_dir_option
def serve(host: str | None, port: int | None, token: str | None, insecure: bool, data_dir: Path | None) -> None:
    """Start the web application."""
    from mnist_classifier.web.server import serve as serve_application

    settings = Settings.from_environment(
        host=host, port=port, token=token, insecure=1 if insecure else None, data_dir=data_dir
    )
    # Who names a port wants that one; who does not is well served by the next.
    serve_application(settings, strict_port=settings.port != DEFAULT_PORT)


@main.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--model-version", type=int, help="Version to read with; default: the one in production.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--steps",
    "steps_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write each stage of the preprocessing to, as PNG files.",
)
@click.option("--number", "as_number", is_flag=True, help="Read several digits in each image.")
def predict(
    files: Sequence[str], model_version: int | None, as_json: bool, steps_dir: Path | None, as_number: bool
) -> None:
    """Read the digit in each image file; patterns such as *.png work, - is standard input."""
    if as_number and steps_dir is not None:
        raise click.UsageError("--steps shows how one digit is made ready; leave out --number")
    settings = Settings.from_environment()
    with opened_store(settings) as store:
        registry = Registry(settings.models_dir, store)
        version = registry.production() if model_version is None else model_version
        recogniser = Recogniser.open(registry.folder(version))
    failures = 0
    for number, path in enumerate(_expanded(files), 1):
        try:
            pixels, scale = decode_with_scale(_read_bytes(path), max_pixels=settings.max_image_pixels)
        except InvalidInput as error:
            failures += 1
            click.echo(f"{path}: {error.message}", err=True)
            continue
        if as_number:
            found = recogniser.read_number(pixels).scaled(scale)
            click.echo(number_as_json(path, found) if as_json else f"{path}\t{number_as_text(found)}")
            continue
        prepared = prepare(pixels, keep_steps=steps_dir is not None)
        reading = recogniser.read_prepared(prepared)
        click.echo(reading_as_json(path, reading) if as_json else f"{path}\t{reading_as_text(reading)}")
        if steps_dir is not None:
            _write_steps(steps_dir, f"{number}-{Path(path).stem}", prepared.steps)
    if failures:
        raise click.ClickException(f"{failures} of the files could not be read")


def _write_steps(folder: Path, prefix: str, steps: Sequence[Step]) -> None:
    """Write the stages as PREFIX-1-grey.png and so on."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(steps, 1):
            (folder / f"{prefix}-{number}-{step.name}.png").write_bytes(encode_png(step.picture))
    except OSError as error:
        raise click.ClickException(f"the steps cannot be written to {folder}: {error.strerror}") from error


def _expanded(files: Sequence[str]) -> Iterator[str]:
    for name in files:
        # Windows shells leave patterns to the program.
        matches = sorted(glob.glob(name)) if glob.has_magic(name) and not Path(name).exists() else []
        yield from matches or [name]


def _read_bytes(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be opened: {error.strerror}") from error


for command in (train, evaluate, export_web, models, openapi, runs):
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
