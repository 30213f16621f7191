"""How long each recipe takes on this machine, measured by a process of its own.

    python -m mnist_classifier.runs.recipe_times

measures and writes the file.  The server starts this, because it does not load PyTorch.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Any

import filelock
import msgspec

from mnist_classifier.core import files
from mnist_classifier.core.database import Store
from mnist_classifier.core.processors import lower_priority, usable_cores
from mnist_classifier.core.recipes import RECIPES
from mnist_classifier.core.settings import Settings, import_path
from mnist_classifier.core.train_config import TrainConfig
from mnist_classifier.runs.jobs import has_torch
from mnist_classifier.runs.run_log import Runs

# The times are measured again after a day, because the machine may have been busy.
VALID_S = 86_400.0


class Measurement(str, Enum):
    """What is known about the times of the recipes."""

    MEASURED = "measured"
    MEASURING = "measuring"
    BUSY = "busy"  # beside a running training, a measurement would be wrong
    UNAVAILABLE = "unavailable"


class RecipeTimes:
    """Has the times measured when they are asked for and no training is running.

    The processes of a server share the file; only one of them measures at a time.
    """

    def __init__(self, settings: Settings, runs: Runs) -> None:
        self.settings = settings
        self.runs = runs
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self) -> tuple[Measurement, dict[str, float]]:
        """The state and, once they are measured, the seconds of each recipe's training; does not wait for them."""
        with self._lock:
            if known := known_times(self.settings):
                return Measurement.MEASURED, known
            if (self._process and self._process.poll()) or not has_torch():
                return Measurement.UNAVAILABLE, {}
            if self.runs.active() is not None:
                self._stop()
                return Measurement.BUSY, {}
            if self._process is None or self._process.poll() == 0:
                self._process = self._start()
            return Measurement.MEASURING, {}

    def close(self) -> None:
        """End a measurement that is under way."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | self.settings.to_environment() | {"PYTHONPATH": import_path()}
        return subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.DEVNULL, env=environment)


def times_path(settings: Settings) -> Path:
    """The file of the times."""
    return settings.home / "recipe-times.json"


def known_times(settings: Settings) -> dict[str, float]:
    """The seconds of each recipe, if this machine has measured them during the last day; else nothing."""
    path = times_path(settings)
    try:
        if not 0 <= time.time() - path.stat().st_mtime < VALID_S:
            return {}
        contents = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}
    return contents["seconds"] if contents.get("measured") == _measured() else {}


def _measured() -> dict[str, Any]:
    """What was measured where: the machine and the recipes."""
    values = {name: dict(recipe.values) for name, recipe in RECIPES.items()}
    return {"host": platform.node(), "cores": usable_cores(), "recipes": values}


def measure_times(settings: Settings) -> None:
    """Measure every recipe and write the file, unless another process has just done so or a training is running."""
    path = times_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_suffix(".lock")):
        if known_times(settings):
            return
        # Only now, because it loads PyTorch.
        from mnist_classifier.training.pace import training_s

        seconds = {}
        with closing(Store(settings.resolved_database_url)) as store:
            runs = Runs(store, settings.claims_dir)
            for name in RECIPES:
                seconds[name] = training_s(TrainConfig.from_mapping({"recipe": name}))
                if runs.active() is not None:  # each slows the other down
                    return
        with files.replaced(path) as part:
            part.write_bytes(msgspec.json.encode({"measured": _measured(), "seconds": seconds}))


if __name__ == "__main__":
    lower_priority()
    measure_times(Settings.from_environment())
