"""`mnist runs`: list and manage trainings."""

from __future__ import annotations

from pathlib import Path

import click

from mnist_classifier.cli_train import carry_out, training_worker
from mnist_classifier.config import Settings
from mnist_classifier.runs import Runs
from mnist_classifier.shell import Group, data_dir_option, opened_store


@click.group(cls=Group, invoke_without_command=True)
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
    worker = training_worker()
    with opened_store(settings) as store:
        run = Runs(store).reopen(run_id)
    carry_out(worker, settings, run)
