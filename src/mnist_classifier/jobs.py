"""Start, watch and cancel trainings, each in a process of its own.

Names the worker by its module path and never imports it, so that the server
stays free of PyTorch.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

from mnist_classifier.config import Settings, TrainConfig
from mnist_classifier.errors import TrainingUnavailable
from mnist_classifier.records import Run, RunStatus
from mnist_classifier.runs import Runs

WORKER_MODULE = "mnist_classifier.worker"


class Jobs:
    """The training processes that this process started."""

    def __init__(self, settings: Settings, runs: Runs) -> None:
        self.settings = settings
        self.runs = runs

    def start(self, config: TrainConfig) -> Run:
        """Queue a run and start its worker.

        Raises RunInProgress while another is active, TrainingUnavailable
        where PyTorch is not installed.
        """
        if importlib.util.find_spec("torch") is None:
            raise TrainingUnavailable(
                "training needs PyTorch, which is not installed here: pip install 'mnist-classifier[train]'"
            )
        run = self.runs.create(config)
        try:
            process = self._spawn(run.id)
        except OSError as error:
            self.runs.finish(run.id, RunStatus.FAILED, f"the training process did not start: {error}")
            raise
        threading.Thread(target=self._watch, args=(run.id, process), name=f"run-{run.id}", daemon=True).start()
        return run

    def log_path(self, run_id: int) -> Path:
        """Where the worker of a run prints."""
        return self.settings.logs_dir / f"run-{run_id}.log"

    def _spawn(self, run_id: int) -> subprocess.Popen[bytes]:
        path = self.log_path(run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", WORKER_MODULE, str(run_id)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | self.settings.to_environment() | {"PYTHONPATH": _import_path()},
                # Ctrl-C in the server's terminal is for the server.
                start_new_session=os.name != "nt",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    def _watch(self, run_id: int, process: subprocess.Popen[bytes]) -> None:
        """Wait for the worker; one that ends without a word has failed."""
        status = process.wait()
        # finish() keeps what the worker itself recorded.
        self.runs.finish(
            run_id,
            RunStatus.FAILED,
            f"the training process ended unexpectedly (exit status {status}); see {self.log_path(run_id).name}",
        )


def _import_path() -> str:
    """PYTHONPATH with this package first, then what PYTHONPATH says: the child runs the same code."""
    package_parent = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH", "")]))
