"""`mnist retrain`: teach the model in production the corrections that people gave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mnist_classifier.cli.command import Command, data_dir_option, opened_store
from mnist_classifier.cli.train import carry_out, training_worker
from mnist_classifier.core.settings import Settings
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.corrections_check import RECORD, check_corrections
from mnist_classifier.runs.run_log import Runs


@click.command(cls=Command)
@data_dir_option
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
def retrain(data_dir: Path | None, seed: int) -> None:
    """Teach corrections to the model in production.

    The same as `mnist train --recipe corrections`. A fifth of the corrections is held out to measure the gain. The
    new version goes into production if it passes the promotion check.
    """
    config = TrainConfig.from_mapping({"recipe": "corrections", "seed": seed})
    train_on_corrections(Settings.from_environment(data_dir=data_dir), config)


def train_on_corrections(settings: Settings, config: TrainConfig, record: Mapping[str, Any] | None = None) -> None:
    """Carry out a training on corrections in this process.

    record: the version to start from (`base`) and the numbers of the corrections (`ids`); by default, production and
    all corrections.  Raises InvalidConfig, TrainingUnavailable, RunInProgress.
    """
    worker = training_worker()
    with opened_store(settings) as store:
        check_corrections(store, config)
        environment = None if record is None else {RECORD: dict(record)}
        run = Runs(store, settings.claims_dir).create(config, environment=environment)
    carry_out(worker, settings, run)
