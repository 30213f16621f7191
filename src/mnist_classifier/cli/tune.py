"""`mnist tune`: search for better settings of a recipe, and save them as a recipe file."""

from __future__ import annotations

import os
import signal
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mnist_classifier.cli.command import Command, data_dir_option, opened_store, setting_options
from mnist_classifier.cli.display import TrainingDisplay
from mnist_classifier.cli.train import train
from mnist_classifier.core.errors import InvalidConfig
from mnist_classifier.core.processors import usable_cores
from mnist_classifier.core.recipe_files import check_file_name, config_of, write_recipe
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.records import Run
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.data import mnist
from mnist_classifier.runs.jobs import check_torch
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.runs.search.plan import RECIPE_TRIAL, Candidate, Plan, has_failed
from mnist_classifier.runs.search.proposals import check_optuna
from mnist_classifier.runs.search.search import Search
from mnist_classifier.runs.search.space import FIXED, default_space, parse_axis

# Rows of the table at the end.
SHOWN = 5
LEARNS_CORRECTIONS = (
    "a search judges by the validation images, which do not show what corrections teach; "
    "name another recipe, or learn the corrections with `mnist retrain`"
)


@click.command(cls=Command)
@setting_options(TrainConfig, note="default: {default}")
@data_dir_option
@click.option("--trials", type=click.IntRange(2, 10_000), default=20, show_default=True, help="Configurations to try.")
@click.option(
    "--vary",
    multiple=True,
    metavar="NAME=VALUES",
    help="Vary this setting instead of the default ones: NAME=LOW..HIGH or NAME=a,b,c. You may repeat the option.",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Trainings at a time.")
@click.option("--minutes", type=click.FloatRange(0.1), default=None, help="Start no training after this time.")
@click.option(
    "--final-seeds",
    type=click.IntRange(0, 20),
    default=2,
    show_default=True,
    help="Train the best three and the recipe with this many other seeds; their mean decides.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Recipe file to write.  [default: the name of the search with .json, in this folder]",
)
@click.option("--train", "trains", is_flag=True, help="Then train the best configuration, as `mnist train` does.")
@click.pass_context
def tune(context: click.Context, /, data_dir: Path | None, trains: bool, **flags: Any) -> None:
    """Search for better settings of a recipe.

    Each trial is a training that you can watch with `mnist runs` and on the page
    Training. It learns from the training images and is judged by the validation
    images; the test images are not used. After Ctrl-C or a crash, the same
    command continues the search.
    """
    names = ("trials", "vary", "jobs", "minutes", "final_seeds", "output")
    options = {name: flags.pop(name) for name in names}
    settings = Settings.from_environment(data_dir=data_dir)
    given = {name: value for name, value in flags.items() if value is not None}
    plan = _plan(given, options)
    output: Path = options["output"] or Path(f"{plan.name}.json")
    _check_folder(output)
    runs = _search(settings, plan, options)
    best = plan.candidates(runs)
    if not best:
        raise click.ClickException("no trial succeeded, so there is nothing to save")
    _show(plan, runs)
    base, fixed = _base(plan.config)
    write_recipe(
        output, base, {**fixed, **best[0].values}, f"the best of {plan.tried(runs)} trials of search {plan.name}"
    )
    click.echo(f"saved as {output}; train it with `mnist train --recipe {output}`")
    if trains:
        alike = {name: given[name] for name in FIXED if name in given}
        context.invoke(train, data_dir=data_dir, **{**alike, "recipe": str(output)})


def _plan(given: dict[str, Any], options: dict[str, Any]) -> Plan:
    """The plan of the search.  Raises InvalidConfig, TrainingUnavailable, SearchUnavailable."""
    check_optuna()
    check_torch()
    config = config_of(given)
    if config.corrections_share:
        raise InvalidConfig(LEARNS_CORRECTIONS, field="recipe")
    axes = [parse_axis(text) for text in options["vary"]] or default_space(config, tuple(given))
    names = [axis.name for axis in axes]
    for name in names:
        if options["vary"] and name in given or names.count(name) > 1:
            raise InvalidConfig(f"{name} is given twice; either set it or vary it", field=name)
    if not axes:
        raise InvalidConfig("nothing varies; leave out some flags, or name settings with --vary")
    replace(config, seed=config.seed + options["final_seeds"])  # raises if the finalists would have no seeds left
    return Plan(config, tuple(axes), options["trials"], options["final_seeds"])


def _check_folder(output: Path) -> None:
    """Refuse a file that cannot be written before hours of search, not after.  Raises InvalidConfig."""
    check_file_name(output)
    folder = output.absolute().parent
    if not os.access(folder, os.W_OK | os.X_OK) or output.is_dir():
        raise click.ClickException(f"{output} cannot be written to; name another file with --output")


def _search(settings: Settings, plan: Plan, options: dict[str, Any]) -> list[Run]:
    display = TrainingDisplay(plan.config)
    try:
        mnist.ensure(settings.data_dirs(), settings.download_to, progress=display.on_download)
    finally:
        display.close()
    with opened_store(settings) as store:
        runs = Runs(store, settings.claims_dir)
        _announce(plan, runs.of_search(plan.name))
        search = Search(
            settings,
            runs,
            plan,
            jobs=options["jobs"],
            threads=plan.config.threads or _threads(options["jobs"]),
            minutes=options["minutes"] or 0.0,
            on_end=lambda run: click.echo(_line(plan, run)),
        )
        # End the trainings also when a service manager or `kill` ends the search.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return search.run()
        except KeyboardInterrupt:
            raise click.ClickException("stopped; the same command continues the search") from None
        finally:
            signal.signal(signal.SIGTERM, before)


def _threads(jobs: int) -> int:
    """CPU threads of each training; 0 lets PyTorch choose if there is only one at a time."""
    return 0 if jobs == 1 else max(1, usable_cores() // jobs)


def _announce(plan: Plan, runs: Sequence[Run]) -> None:
    click.echo(f"search {plan.name}: {plan.trials} trials of `{plan.config.recipe}`; trial 1 is the recipe itself")
    click.echo("varies " + "  ".join(map(str, plan.axes)))
    if runs:
        ended = sum(run.status.is_final and not has_failed(run) for run in runs)
        click.echo(f"continues: {ended} trainings of this search have ended already")


def _line(plan: Plan, run: Run) -> str:
    """A training of the search as one line."""
    trial = run.trial
    assert trial is not None
    is_final = trial["stage"] == "final"
    name = f"trial {trial['number']:3}/{plan.trials}" + (f", seed {run.config['seed']}" if is_final else "")
    took = (
        ""
        if not run.started_at or not run.finished_at
        else f"{(run.finished_at - run.started_at).total_seconds():.0f} s"
    )
    accuracy = (run.summary or {}).get("validation_accuracy")
    figures = f"{run.status.value:9}  {run.message}"
    if trial["loss"] is not None and accuracy is not None:
        figures = f"loss {trial['loss']:.4f}  accuracy {accuracy:.2%}"
    return f"{name}  run {run.id}  {figures}  {took}  {'' if is_final else _settings(trial['values'])}".rstrip()


def _settings(values: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value}" for name, value in values.items())


def _show(plan: Plan, runs: Sequence[Run]) -> None:
    """Print the best configurations, and how far their figures can be trusted."""
    best = plan.candidates(runs)
    click.echo(f"\n{'TRIAL':>6}  {'LOSS':>7}  {'OTHER SEEDS':11}  SETTINGS")
    for candidate in best[:SHOWN]:
        loss = "stopped" if candidate.loss is None else f"{candidate.loss:.4f}"
        others = f"{candidate.figure:.4f}" if candidate.final_losses else "-"
        click.echo(f"{candidate.number:6}  {loss:>7}  {others:11}  {_settings(candidate.values)}")
    click.echo(_comparison(best))
    if shortfall := plan.shortfall(runs):
        click.echo(shortfall)
    click.echo(
        "The loss is the calibrated cross entropy on the validation images. The best of "
        f"{plan.tried(runs)} trials was chosen on them, so its figure is optimistic. No test image was used."
    )


def _comparison(best: Sequence[Candidate]) -> str:
    """The winner beside the recipe, or the recipe beside the next best."""
    winner = best[0]
    # Only figures that were measured in the same way can be compared.
    alike = [other for other in best[1:] if len(other.final_losses) == len(winner.final_losses)]
    if winner.number == RECIPE_TRIAL:
        rival = f", the next {alike[0].figure:.4f}" if alike else ""
        return f"no trial is better than the recipe itself: it has {winner.figure:.4f}{rival}{_noise(best)}"
    recipe = "".join(f", the recipe {other.figure:.4f}" for other in alike if other.number == RECIPE_TRIAL)
    return f"trial {winner.number} is the best: it has {winner.figure:.4f}{recipe}{_noise(best)}"


def _noise(best: Sequence[Candidate]) -> str:
    """How much the seeds alone change the loss of one configuration."""
    groups = [candidate.final_losses for candidate in best if len(candidate.final_losses) > 1]
    if not groups:
        return " (one seed each)"
    deviation = statistics.fmean(statistics.variance(losses) for losses in groups) ** 0.5
    return f" (means of {len(groups[0])} seeds; seeds alone change a loss by {deviation:.4f}, one standard deviation)"


def _base(config: TrainConfig) -> tuple[str, dict[str, Any]]:
    """The built-in recipe that a file starts from, and the settings of this search that differ from it."""
    base = config.recipe if config.recipe in RECIPES else "classic"
    preset = TrainConfig.from_mapping({"recipe": base}).to_dict()
    return base, {
        name: value for name, value in config.to_dict().items() if name not in FIXED and value != preset[name]
    }
