"""Log a run to an experiment tracker (`--log-to`): TensorBoard or MLflow.

Both packages are optional.  They are imported only when they are used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa

from mnist_classifier.core.errors import TrackerUnavailable
from mnist_classifier.core.records import EpochResult, Run
from mnist_classifier.core.settings import TRACKERS, Settings


class TensorBoard:
    """Writes event files to `tensorboard/run-N` in the logs folder.  Show them with `tensorboard --logdir`."""

    def __init__(self, folder: Path, run: Run) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard" / f"run-{run.id}"))
        self._writer.add_text("config", "\n".join(f"- {name}: {value}" for name, value in run.config.items()))

    def epoch(self, result: EpochResult) -> None:
        """Log the metrics of an epoch."""
        for name, value in figures(result).items():
            self._writer.add_scalar(name, value, result.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Finish the log."""
        self._writer.close()


class MLflow:
    """Writes a run to the MLflow store at MLFLOW_TRACKING_URI, by default the file `mlflow.db` in the logs folder."""

    def __init__(self, folder: Path, run: Run) -> None:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # since 3.2, MLflow sends usage data to its makers by default
        import mlflow

        self._client: Any = mlflow.MlflowClient()
        if not mlflow.is_tracking_uri_set():
            path = folder / "mlflow.db"
            path.parent.mkdir(parents=True, exist_ok=True)
            store = sa.URL.create("sqlite", database=path.as_posix())
            self._client = mlflow.MlflowClient(tracking_uri=store.render_as_string())
        experiment = self._client.get_experiment_by_name("mnist-classifier")
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment("mnist-classifier")
        self._run_id = self._client.create_run(experiment_id, run_name=f"run-{run.id}").info.run_id
        for name, value in run.config.items():
            self._client.log_param(self._run_id, name, value)

    def epoch(self, result: EpochResult) -> None:
        """Log the metrics of an epoch."""
        for name, value in figures(result).items():
            self._client.log_metric(self._run_id, name, value, step=result.epoch)

    def close(self) -> None:
        """Finish the log."""
        self._client.set_terminated(self._run_id)


Tracker: TypeAlias = TensorBoard | MLflow


def figures(result: EpochResult) -> Mapping[str, float]:
    """The metrics of an epoch, without its number."""
    return {name: value for name, value in asdict(result).items() if name not in ("epoch", "epochs")}


def open_trackers(settings: Settings, run: Run) -> list[Tracker]:
    """Open the tracker that the settings name, if any.  Raises TrackerUnavailable if it is not installed."""
    kinds: dict[str, type[Tracker]] = dict(zip(TRACKERS, (TensorBoard, MLflow), strict=True))
    if not settings.log_to:
        return []
    try:
        return [kinds[settings.log_to](settings.logs_dir, run)]
    except ModuleNotFoundError as error:
        raise TrackerUnavailable(
            f"--log-to {settings.log_to} needs {error.name}, which is not installed: pip install {settings.log_to}"
        ) from error
