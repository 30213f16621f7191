"""The command line: `mnist train | predict | evaluate | serve | models | runs | data`."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

from mnist_classifier import __version__, dataset
from mnist_classifier.config import Settings, TrainConfig
from mnist_classifier.decode import decode_with_scale
from mnist_classifier.errors import InvalidInput, MnistError, TrainingUnavailable
from mnist_classifier.metrics import measure_probabilities, spread, wilson_interval
from mnist_classifier.recipes import RECIPES
from mnist_classifier.recogniser import Recogniser
from mnist_classifier.records import ModelVersion, Run
from mnist_classifier.registry import Registry
from mnist_classifier.runs import Runs
from mnist_classifier.store import Store
from mnist_classifier.terminal import (
    TrainingDisplay,
    number_as_json,
    number_as_text,
    reading_as_json,
    reading_as_text,
    summary,
)

if TYPE_CHECKING:
    from mnist_classifier.worker import Outcome

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_PORT = Settings.__dataclass_fields__["port"].default


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
        help="Folder of the four MNIST files.  [env: MNIST_DATA_DIR]",
    )(function)


def config_options(function: Function) -> Function:
    """Add one flag for each field of TrainConfig."""
    for spec in reversed(dataclasses.fields(TrainConfig)):
        meta = spec.metadata
        unit = f" [{meta['unit']}]" if meta["unit"] else ""
        function = click.option(
            f"--{spec.name.replace('_', '-')}",
            type=click.Choice(meta["choices"]) if meta["choices"] else type(spec.default),
            default=None,
            help=f"{meta['help']}{unit}; default {spec.default}",
        )(function)
    return function


@click.group(cls=Group)
@click.version_option(__version__)
def main() -> None:
    """Read handwritten digits, and train the network that does."""


@main.command()
@click.option("--host", help="Address to listen on.  [env: MNIST_HOST; default 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [env: MNIST_PORT; default 5000]")
@data_dir_option
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Start the web application."""
    from mnist_classifier.web.server import serve as serve_application

    settings = Settings.from_environment(host=host, port=port, data_dir=data_dir)
    # Who names a port wants that one; who does not is well served by the next.
    serve_application(settings, strict_port=settings.port != DEFAULT_PORT)


def list_recipes(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    """Print the presets and leave."""
    if not asked:
        return
    for name, recipe in RECIPES.items():
        differing = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in recipe.values.items())
        click.echo(f"{name:10} {recipe.summary}\n{'':10} {differing or '(the defaults)'}")
    context.exit()


@main.command()
@config_options
@data_dir_option
@click.option(
    "--list-recipes",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_recipes,
    help="List the presets that --recipe may name.",
)
@click.option("--seeds", type=click.IntRange(1, 1000), help="Train so many seeds, from --seed on, and sum them up.")
def train(data_dir: Path | None, seeds: int | None, **flags: Any) -> None:
    """Train a network on MNIST, and put it into production.

    Ctrl-C keeps the best weights so far as a version that is not in production.
    """
    config = TrainConfig.from_mapping({name: value for name, value in flags.items() if value is not None})
    settings = Settings.from_environment(data_dir=data_dir)
    worker = _training_worker()
    versions = []
    for seed in range(config.seed, config.seed + (seeds or 1)):
        with opened_store(settings) as store:
            run = Runs(store).create(dataclasses.replace(config, seed=seed))
        versions.append(_carry_out(worker, settings, run))
    if seeds:
        _conclude_seeds(settings, versions)


def _conclude_seeds(settings: Settings, versions: Sequence[ModelVersion]) -> None:
    """Print mean and spread over the seeds; the best on the validation split goes into production."""
    for split in ("validation", "test"):
        accuracies = [version.metrics[split]["accuracy"] for version in versions]
        click.echo(f"{split:11} accuracy over {len(versions)} seeds: {spread(accuracies)}")
    best = min(versions, key=lambda version: float(version.metrics["validation"]["nll"]))
    with opened_store(settings) as store:
        Registry(settings.models_dir, store).promote(best.version)
    click.echo(f"version {best.version} has the least validation loss and is in production")


def _training_worker() -> ModuleType:
    """The worker; asked for before a run is queued, so that none is left behind without PyTorch."""
    try:
        from mnist_classifier import worker
    except ModuleNotFoundError as error:
        raise TrainingUnavailable(
            f"training needs {error.name}, which is not installed: pip install 'mnist-classifier[train]'"
        ) from error
    return worker


def _carry_out(worker: ModuleType, settings: Settings, run: Run) -> ModelVersion:
    """Do the work of a queued run in this process, and show it."""
    display = TrainingDisplay(TrainConfig.from_mapping(run.config))
    try:
        outcome: Outcome = worker.execute(
            settings,
            run.id,
            worker.Report(display.on_step, display.on_epoch, display.on_message, display.on_download),
        )
    except KeyboardInterrupt:
        raise click.ClickException("cancelled before there was anything to keep") from None
    finally:
        display.close()
    click.echo(summary(outcome.version, settings, outcome.promoted))
    if not outcome.promoted:
        raise click.exceptions.Exit(0)  # Ctrl-C ends the seeds to come as well
    return outcome.version


@main.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--model-version", type=int, help="Version to read with; default: the one in production.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--number", "as_number", is_flag=True, help="Read several digits in each image.")
def predict(files: Sequence[str], model_version: int | None, as_json: bool, as_number: bool) -> None:
    """Read the digit in each image file; patterns such as *.png work, - is standard input."""
    settings = Settings.from_environment()
    with opened_store(settings) as store:
        registry = Registry(settings.models_dir, store)
        version = registry.production() if model_version is None else model_version
        recogniser = Recogniser.open(registry.folder(version))
    failures = 0
    for path in _expanded(files):
        try:
            pixels, scale = decode_with_scale(_read_bytes(path), max_pixels=settings.max_image_pixels)
        except InvalidInput as error:
            failures += 1
            click.echo(f"{path}: {error.message}", err=True)
            continue
        if as_number:
            number = recogniser.read_number(pixels).scaled(scale)
            click.echo(number_as_json(path, number) if as_json else f"{path}\t{number_as_text(number)}")
        else:
            reading = recogniser.read(pixels)
            click.echo(reading_as_json(path, reading) if as_json else f"{path}\t{reading_as_text(reading)}")
    if failures:
        raise click.ClickException(f"{failures} of the files could not be read")


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


@main.command()
@click.option("--model-version", type=int, help="Version to measure; default: the one in production.")
@data_dir_option
def evaluate(model_version: int | None, data_dir: Path | None) -> None:
    """Score a model on the 10,000 MNIST test images, as the server reads them."""
    settings = Settings.from_environment(data_dir=data_dir)
    with opened_store(settings) as store:
        registry = Registry(settings.models_dir, store)
        number = registry.production() if model_version is None else model_version
        version, recogniser = registry.get(number), Recogniser.open(registry.folder(number))
    test = dataset.load(settings.data_dirs(), dataset.TEST)
    started = time.perf_counter()
    readings = [recogniser.read(image) for image in test.images]
    elapsed_s = time.perf_counter() - started
    count = len(readings)
    # A reading without a prediction is no right answer, whatever digit is likeliest.
    right = sum(r.prediction == label for r, label in zip(readings, test.labels, strict=True))
    doubtful = sum(r.verdict.value != "digit" for r in readings)
    figures = measure_probabilities(np.array([r.probabilities for r in readings]), test.labels)
    low, high = wilson_interval(right, count)
    click.echo(
        f"version {number} ({version.name}): {right} of {count} right, {right / count:.2%} "
        f"(95 % interval {low:.2%} to {high:.2%})\n"
        f"calibrated: negative log-likelihood {figures.nll:.4f}, calibration error {figures.ece:.2%}\n"
        f"{doubtful} called doubtful; {elapsed_s / count * 1000:.3f} ms an image"
    )


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


@main.group(cls=Group, invoke_without_command=True)
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
                f"test {test.get('accuracy', 0):.2%}"
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
    """Make a version the model in the box of this checkout (for maintainers)."""
    with opened_registry() as registry:
        registry.copy_to_box(version)
    click.echo(f"version {version} is now the model in the box")


@main.group(cls=Group, invoke_without_command=True)
@click.pass_context
def runs(context: click.Context) -> None:
    """List trainings; cancel or resume one."""
    if context.invoked_subcommand is not None:
        return
    with opened_store(Settings.from_environment()) as store:
        found = Runs(store)
        found.mark_interrupted()
        for run in found.recent():
            click.echo(f"{run.id:4}  {run.status.value:11}  {run.created_at:%Y-%m-%d %H:%M}  {run.message}")


@runs.command()
@click.argument("run_id", type=int)
def cancel(run_id: int) -> None:
    """Ask a training to stop; its best weights so far are kept."""
    with opened_store(Settings.from_environment()) as store:
        run = Runs(store).request_cancel(run_id)
    click.echo(f"run {run_id} was {run.status.value}" + ("" if run.status.is_final else "; it will stop soon"))


@runs.command()
@click.argument("run_id", type=int)
@data_dir_option
def resume(run_id: int, data_dir: Path | None) -> None:
    """Go on with a training that broke off, from its last whole epoch."""
    settings = Settings.from_environment(data_dir=data_dir)
    worker = _training_worker()
    with opened_store(settings) as store:
        run = Runs(store).reopen(run_id)
    _carry_out(worker, settings, run)


@contextlib.contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """The database of an installation, closed afterwards."""
    store = Store(settings.resolved_database_url)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def opened_registry() -> Iterator[Registry]:
    """The registry of this installation, crash leftovers adopted."""
    settings = Settings.from_environment()
    with opened_store(settings) as store:
        registry = Registry(settings.models_dir, store)
        registry.adopt()
        yield registry
