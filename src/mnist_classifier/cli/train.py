"""`mnist train`: train a network in this process and show its progress."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from mnist_classifier.cli.command import COMMAND_LINE, Command, data_dir_option, opened_store, setting_options
from mnist_classifier.cli.display import TrainingDisplay, rough_duration, summary
from mnist_classifier.core.errors import TrainingUnavailable
from mnist_classifier.core.metrics import spread
from mnist_classifier.core.recipe_files import config_of
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.records import ModelVersion, Run
from mnist_classifier.core.settings import TRACKERS, Launch, Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.evaluation import promotion
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.corrections_check import check_corrections
from mnist_classifier.runs.run_log import Runs

if TYPE_CHECKING:
    from mnist_classifier.runs.progress import Report
    from mnist_classifier.runs.worker import Outcome

# The exit status after Ctrl-C, as shells have it, so that scripts do not go on with half-trained weights.
CANCELLED = 130


def list_recipes(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    """Print the recipes and exit."""
    if not asked:
        return
    for name, recipe in RECIPES.items():
        flags = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in recipe.values.items())
        click.echo(f"{name:10} {recipe.summary}\n{'':10} {flags or '(the defaults)'}")
    context.exit()


@click.command(cls=Command)
@setting_options(TrainConfig, note="default: {default}")
@data_dir_option
@click.option(
    "--list-recipes",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_recipes,
    help="List the recipes and their settings.",
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), help="Train this many seeds, starting at --seed, and report the spread."
)
@click.option(
    "--ensemble", type=click.IntRange(2, 100), help="Train this many seeds and combine them into an ensemble."
)
@click.option("--log-to", type=click.Choice(TRACKERS), help="Also log to this experiment tracker.  [env: MNIST_LOG_TO]")
def train(data_dir: Path | None, seeds: int | None, ensemble: int | None, log_to: str | None, **flags: Any) -> None:
    """Train a network on MNIST.

    The new version is promoted if it passes the promotion check. Ctrl-C stops
    the training and saves its best weights as a version, without promoting it.
    """
    if seeds and ensemble:
        raise click.UsageError("--ensemble already sets the number of seeds; leave out --seeds")
    config = config_of({name: value for name, value in flags.items() if value is not None})
    if config.corrections_share and (seeds or ensemble):
        raise click.UsageError(
            "each training on corrections starts from the version in production, which the one before may be; "
            "leave out --seeds and --ensemble"
        )
    settings = Settings.from_environment(data_dir=data_dir, log_to=log_to)
    worker = training_worker()
    launch = Launch.from_environment()
    if launch.job:
        if config.corrections_share:
            raise click.UsageError("torchrun cannot train on corrections; run `mnist retrain`")
        if seeds or ensemble:
            raise click.UsageError("torchrun trains one network; leave out --seeds and --ensemble")
        _train_together(settings, config, launch)
        return
    with opened_store(settings) as store:
        check_corrections(store, config)
    # All of them first, because the last seeds may be too large.
    configs = [dataclasses.replace(config, seed=config.seed + more) for more in range(seeds or ensemble or 1)]
    _say_how_long(config, len(configs))
    versions = []
    for each in configs:
        with opened_store(settings) as store:
            run = Runs(store, settings.claims_dir).create(each)
        versions.append(carry_out(worker, settings, run))
    if ensemble:
        _show_spread(versions)
        combined = worker.combine(settings, versions)
        click.echo(summary(combined, settings, _promoted(settings, config, combined)))
    elif seeds:
        _show_spread(versions)
        best = min(versions, key=lambda version: float(version.metrics["validation"]["nll"]))
        click.echo(f"version {best.version} has the lowest validation loss:\n{_promoted(settings, config, best)}")


def _say_how_long(config: TrainConfig, trainings: int) -> None:
    """Print an estimate of the time of so many trainings, from a short measurement."""
    from mnist_classifier.training.pace import training_s

    try:
        seconds = trainings * training_s(config)
    except (MemoryError, RuntimeError, ValueError):
        return  # the training will say what is wrong
    bound = "at least" if config.teacher else "about"  # its answers take more
    click.echo(f"{bound} {rough_duration(seconds)} of training on this machine")


def _train_together(settings: Settings, config: TrainConfig, launch: Launch) -> None:
    """Train one network in all processes of torchrun; only the first one shows its progress."""
    from mnist_classifier.runs.distributed import train_together

    try:
        _shown(settings, config, lambda report: train_together(settings, config, launch, report))
    except click.ClickException as error:
        click.echo(error.message)  # cancelled; with an exit status of 1 torchrun would start the training again


def _show_spread(versions: Sequence[ModelVersion]) -> None:
    """Print the mean accuracy over the seeds and its spread."""
    for split in ("validation", "test"):
        accuracies = [version.metrics[split]["accuracy"] for version in versions]
        click.echo(f"{split:11} accuracy over {len(versions)} seeds: {spread(accuracies)}")


def _promoted(settings: Settings, config: TrainConfig, version: ModelVersion) -> str:
    """Promote a version if the settings allow it and it passes the promotion check; returns the message about it."""
    with opened_store(settings) as store:
        registry = Registry.of(settings, store)
        decision = promotion.after_training(registry, version.version, config, COMMAND_LINE)
        return f"{decision.summary}\n{decision.details}"


def training_worker() -> ModuleType:
    """The module that carries out runs.  Raises TrainingUnavailable without PyTorch.

    Call this before creating a run, which would otherwise stay in the queue.
    """
    try:
        from mnist_classifier.runs import worker
    except ModuleNotFoundError as error:
        raise TrainingUnavailable.without(error.name) from error
    return worker


def carry_out(worker: ModuleType, settings: Settings, run: Run) -> ModelVersion:
    """Carry out a run in this process and show its progress."""
    config = TrainConfig.from_record(run.config)
    outcome = _shown(settings, config, lambda report: worker.execute(settings, run.id, str(run.claim), report))
    assert outcome is not None
    if outcome.cancelled or outcome.version is None:
        raise click.exceptions.Exit(CANCELLED)  # skips the remaining seeds too
    return outcome.version


def _shown(settings: Settings, config: TrainConfig, train: Callable[[Report], Outcome | None]) -> Outcome | None:
    """Train and show the progress and the result."""
    from mnist_classifier.runs.progress import Report

    display = TrainingDisplay(config)
    try:
        outcome = train(Report(display.on_step, display.on_epoch, display.on_message, display.on_download))
    except KeyboardInterrupt:
        raise click.ClickException("cancelled before the first epoch ended, so nothing was saved") from None
    finally:
        display.close()
    if outcome is not None:
        version, message = outcome.version, f"{outcome.message}\n{outcome.details}".rstrip()
        click.echo(summary(version, settings, message) if version else f"trial of a search: {message}")
    return outcome
