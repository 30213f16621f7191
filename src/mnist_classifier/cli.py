"""The command line: `mnist train | predict | evaluate | serve | models | runs | data`."""

from __future__ import annotations

import dataclasses
import glob
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from mnist_classifier import __version__, dataset
from mnist_classifier.cli_evaluate import evaluate
from mnist_classifier.config import Settings, TrainConfig
from mnist_classifier.decode import decode_with_scale, encode_png
from mnist_classifier.errors import InvalidInput, TrainingUnavailable
from mnist_classifier.metrics import spread
from mnist_classifier.preprocess import Step, prepare
from mnist_classifier.recipes import RECIPES
from mnist_classifier.recogniser import Recogniser
from mnist_classifier.records import ModelVersion, Run
from mnist_classifier.registry import BOX, Registry
from mnist_classifier.runs import Runs
from mnist_classifier.shell import Function, Group, data_dir_option, opened_registry, opened_store
from mnist_classifier.terminal import (
    TrainingDisplay,
    number_as_json,
    number_as_text,
    reading_as_json,
    reading_as_text,
    robustness_in_short,
    summary,
)

if TYPE_CHECKING:
    from mnist_classifier.worker import Outcome

DEFAULT_PORT = Settings.__dataclass_fields__["port"].default


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
@click.option("--ensemble", type=click.IntRange(2, 100), help="Train so many seeds and serve them together.")
def train(data_dir: Path | None, seeds: int | None, ensemble: int | None, **flags: Any) -> None:
    """Train a network on MNIST, and put it into production.

    Ctrl-C keeps the best weights so far as a version that is not in production.
    """
    if seeds and ensemble:
        raise click.UsageError("--ensemble names the number of seeds already; leave out --seeds")
    config = TrainConfig.from_mapping({name: value for name, value in flags.items() if value is not None})
    settings = Settings.from_environment(data_dir=data_dir)
    worker = _training_worker()
    versions = []
    for seed in range(config.seed, config.seed + (seeds or ensemble or 1)):
        with opened_store(settings) as store:
            run = Runs(store).create(dataclasses.replace(config, seed=seed))
        versions.append(_carry_out(worker, settings, run))
    if ensemble:
        _show_spread(versions)
        combined = worker.combine(settings, versions)
        _promote(settings, combined)
        click.echo(summary(combined, settings, promoted=True))
    elif seeds:
        _show_spread(versions)
        best = min(versions, key=lambda version: float(version.metrics["validation"]["nll"]))
        _promote(settings, best)
        click.echo(f"version {best.version} has the least validation loss and is in production")


def _show_spread(versions: Sequence[ModelVersion]) -> None:
    """Print mean and spread over the seeds."""
    for split in ("validation", "test"):
        accuracies = [version.metrics[split]["accuracy"] for version in versions]
        click.echo(f"{split:11} accuracy over {len(versions)} seeds: {spread(accuracies)}")


def _promote(settings: Settings, version: ModelVersion) -> None:
    with opened_store(settings) as store:
        Registry(settings.models_dir, store).promote(version.version)


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


main.add_command(evaluate)


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
