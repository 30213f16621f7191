"""`mnist predict --engine ray`: its options, and the call of the engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from tqdm import tqdm

from mnist_classifier.cli.output import shown
from mnist_classifier.core.settings import Settings
from mnist_classifier.recognition.bulk import Task

Function = TypeVar("Function", bound=Callable[..., Any])

LOCAL, RAY = ENGINES = ("local", "ray")
# Options of `mnist predict` that belong to the engine on this machine.
LOCAL_OPTIONS = {
    "files_from": "--files-from",
    "url": "--url",
    "steps_dir": "--steps",
    "format": "--format",
    "errors": "--errors",
    "restart": "--restart",
}


class OutputPath(click.Path):
    """A file; with --engine ray, a folder or a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or the URL as it is."""
        if ctx is not None and ctx.params.get("engine") == RAY:
            return value
        return super().convert(value, param, ctx)


def engine_options(function: Function) -> Function:
    """Add --engine and the options of Ray."""
    for option in (
        click.option(
            "--column",
            help="With --engine ray: the column of Parquet files that holds the pictures.  "
            "[default: the first of image, bytes, png, jpg, content]",
        ),
        click.option(
            "--ray-address",
            envvar="RAY_ADDRESS",
            default="local",
            show_default="start Ray on this machine",
            show_envvar=True,
            help="With --engine ray: the Ray cluster to use, such as 10.0.0.1:6379.",
        ),
        click.option(
            "--engine",
            type=click.Choice(ENGINES),
            default=LOCAL,
            show_default=True,
            is_eager=True,
            help="Read on this machine, or with Ray, on one machine or many; see docs/scale.md.",
        ),
    ):
        function = option(function)
    return function


def refuse_options_of_ray(context: click.Context) -> None:
    """Raise UsageError for options that only Ray takes; RAY_ADDRESS may be set for other programs."""
    for name in ("column", "ray_address"):
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --engine ray; add it")


def read_with_ray(
    inputs: Sequence[str],
    task: Task,
    thresholds: Mapping[str, float],
    options: Mapping[str, Any],
) -> None:
    """Read files, archives and URLs into OUT, a folder of Parquet files.  Raises UsageError, ClickException."""
    if given := [option for name, option in LOCAL_OPTIONS.items() if options.get(name)]:
        raise click.UsageError(f"{given[0]} does not work with --engine ray; leave it out")
    if not inputs or options["output"] is None:
        raise click.UsageError("--engine ray needs files, folders or URLs, and --output with a folder or a URL")
    from mnist_classifier.cluster.installed import check_installed

    check_installed()
    from mnist_classifier.cluster import engine
    from mnist_classifier.cluster.job import Job, checked_inputs, opened_model
    from mnist_classifier.cluster.storage import Place

    settings = Settings.from_environment()
    output = Place.of(options["output"]).url
    column = options["column"]
    job = Job(checked_inputs(inputs, output), output, task, thresholds, settings.max_image_pixels, column)
    with tqdm(unit=" readings", leave=False, disable=not sys.stderr.isatty(), file=sys.stderr) as bar:

        def show(totals: engine.Totals) -> None:
            bar.set_postfix_str(f"{len(totals.keys):,} parts, {totals.errors:,} errors", refresh=False)
            bar.update(totals.readings - bar.n)

        model = opened_model(options["model_version"], settings)
        try:
            totals = engine.run(job, model, options["ray_address"], options.get("jobs"), show)
        except KeyboardInterrupt:
            raise click.ClickException("stopped; run the same command again to continue") from None
    _report(output, totals)


def _report(output: str, totals: Any) -> None:
    skipped = f"; {totals.skipped:,} of {len(totals.keys):,} parts were complete before" if totals.skipped else ""
    machines = f" by {len(totals.hosts)} machines" if len(totals.hosts) > 1 else ""
    readings = totals.all_readings if totals.is_complete else totals.readings
    click.echo(f"{output}: {readings:,} readings{machines}{skipped}")
    for message in (*totals.shown_errors, *totals.problems[:10]):
        click.echo(shown(message), err=True)
    if not totals.is_complete:
        count = len(totals.problems) + totals.retries
        parts = "part" if count == 1 else "parts"
        raise click.ClickException(
            f"{count:,} {parts} could not be finished; remove the cause and run the same command again"
        )
    if totals.all_errors:
        pictures = "picture" if totals.all_errors == 1 else "pictures"
        raise click.ClickException(f"{totals.all_errors:,} {pictures} could not be read; {output}/errors lists them")
