"""`mnist runs`: list and manage trainings."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import click

from mnist_classifier.cli.command import Group, data_dir_option, opened_store
from mnist_classifier.cli.display import epoch_line
from mnist_classifier.cli.train import carry_out, training_worker
from mnist_classifier.core.records import EpochResult, Run, RunEvent
from mnist_classifier.core.settings import Launch, Settings
from mnist_classifier.runs.run_log import Runs

FOLLOW_INTERVAL_S = 0.5


@contextlib.contextmanager
def opened_runs(settings: Settings) -> Iterator[Runs]:
    """Open the database of runs, and close it afterwards."""
    with opened_store(settings) as store:
        yield Runs(store, settings.claims_dir)


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def runs(context: click.Context) -> None:
    """List, show, follow, cancel and resume trainings."""
    if context.invoked_subcommand is None:
        context.invoke(list_runs)


@runs.command("list")
@click.option("--search", default="", help="Words to find in number, recipe, status, message or search.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="Largest number of trainings to list.",
)
def list_runs(search: str, limit: int) -> None:
    """List the trainings, newest first."""
    with opened_runs(Settings.from_environment()) as log:
        log.mark_interrupted()
        for run in log.recent(limit, search=search):
            click.echo(_line(run))


def _line(run: Run) -> str:
    accuracy = (run.summary or {}).get("validation_accuracy")
    validation = "" if accuracy is None else f"{accuracy:.2%}"
    recipe = str(run.config.get("recipe", ""))
    began = f"{run.created_at:%Y-%m-%d %H:%M}"
    return f"{run.id:4}  {run.status.value:11}  {began}  {recipe:11}  {validation:>7}  {_trial(run)}{run.message}"


def _trial(run: Run) -> str:
    """Which trial of a search the run is, before its message."""
    if run.trial is None:
        return ""
    seed = f", seed {run.config['seed']}" if run.trial["stage"] == "final" else ""
    return f"trial {run.trial['number']} of {run.trial['search']}{seed}: "


@runs.command()
@click.argument("run_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print everything, including the log, as JSON.")
def show(run_id: int, as_json: bool) -> None:
    """Show one training: status, settings, environment and epochs."""
    with opened_runs(Settings.from_environment()) as log:
        log.mark_interrupted()
        run = log.get(run_id)
        events = log.events(run_id) if as_json else log.events(run_id, kinds=("epoch", "message"))
    if as_json:
        click.echo(json.dumps(_as_json(run, events), indent=1))
        return
    click.echo(_line(run))
    for name, value in run.config.items():
        click.echo(f"  {name}: {value}")
    for name, value in (run.environment or {}).items():
        click.echo(f"  {name}: {json.dumps(value) if isinstance(value, dict) else value}")
    for event in events:
        _print_event(event)


@runs.command()
@click.argument("run_id", type=int)
def follow(run_id: int) -> None:
    """Follow a training until it ends; Ctrl-C stops following, not training."""
    last = 0
    with opened_runs(Settings.from_environment()) as log:
        while True:
            log.mark_interrupted()
            # Read the run before its events, so that none from before its end is missed.
            run = log.get(run_id)
            for event in log.events(run_id, after=last):
                last = event.sequence
                _print_event(event)
            if run.status.is_final:
                click.echo(_line(run))
                return
            time.sleep(FOLLOW_INTERVAL_S)


@runs.command()
@click.argument("run_id", type=int)
def cancel(run_id: int) -> None:
    """Cancel a training and keep its best weights so far."""
    with opened_runs(Settings.from_environment()) as log:
        before = log.get(run_id)
        log.request_cancel(run_id)
    click.echo(f"run {run_id} was {before.status.value}" + ("" if before.status.is_final else "; it will stop soon"))


@runs.command()
@click.argument("run_id", type=int)
@data_dir_option
def resume(run_id: int, data_dir: Path | None) -> None:
    """Resume an interrupted training after its last complete epoch."""
    if Launch.from_environment().size > 1:
        raise click.UsageError("resume without torchrun, or start `torchrun ... train` again with the same --rdzv-id")
    settings = Settings.from_environment(data_dir=data_dir)
    worker = training_worker()
    with opened_runs(settings) as log:
        run = log.reopen(run_id)
    carry_out(worker, settings, run)


def _print_event(event: RunEvent) -> None:
    if event.kind == "epoch":
        click.echo(epoch_line(EpochResult(**event.data)))
    elif event.kind == "message":
        click.echo(event.data["text"])
    elif event.kind == "status":
        click.echo(f"{event.at:%H:%M:%S}  {event.data['status']}")


def _as_json(run: Run, events: list[RunEvent]) -> dict[str, object]:
    return {
        "run_id": run.id,
        "status": run.status.value,
        "message": run.message,
        "model_version": run.model_version,
        "trial": run.trial,
        "created_at": run.created_at.isoformat(),
        "config": run.config,
        "environment": run.environment,
        "events": [
            {"id": event.sequence, "kind": event.kind, "at": event.at.isoformat(), "data": event.data}
            for event in events
        ],
    }
